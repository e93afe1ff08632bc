"""Ten thousand bad requests to every function: each is refused, none is stored, none is repeated."""
