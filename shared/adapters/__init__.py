"""One technology per file; each translates its own errors."""
