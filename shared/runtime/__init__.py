"""From HTTP to a use case and back."""
