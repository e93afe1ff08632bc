"""verify-execution: prove that the fix worked, and keep proving it."""
