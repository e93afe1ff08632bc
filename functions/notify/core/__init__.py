"""notify's decisions: what becomes a card, how a card reads, and what becomes of one that did not arrive."""
