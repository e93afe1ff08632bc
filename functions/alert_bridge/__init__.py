"""alert-bridge: Alertmanager's alerts become events."""
