"""Stand-ins that speak the real protocols over HTTP and refuse what the real ones refuse. Never in an image."""
