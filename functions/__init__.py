"""The product: one folder per capability."""
