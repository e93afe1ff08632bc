"""verify-execution's decisions: what was seen, what it means, what to ask, when to look again."""
