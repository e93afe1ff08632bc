"""Decisions and contracts: the standard library and pydantic only."""
