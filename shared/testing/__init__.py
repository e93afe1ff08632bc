"""Ports in memory and sample events. Never in an image."""
