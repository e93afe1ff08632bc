"""How many secrets redaction finds, and how often it takes something else for one."""
