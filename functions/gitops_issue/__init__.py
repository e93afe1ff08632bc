"""gitops-issue: a risky change waits for people."""
