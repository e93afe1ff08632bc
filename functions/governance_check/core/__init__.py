"""governance-check's decisions: what figures mean, which alerts they are, and when those are over."""
