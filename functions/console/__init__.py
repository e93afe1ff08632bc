"""console: what happened, for people and for Prometheus; it only reads."""
