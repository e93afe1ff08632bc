"""km-write: the one way to write knowledge."""
