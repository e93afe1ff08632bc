"""Decisions that ``tests/unit/test_planted.py`` holds in part: what survives here must be reported."""

from __future__ import annotations

from typing import Final

LIMIT: Final = 3
PORT: Final = 80  # no test asks for it
STATES: Final = {"open": 1}["open"]


def is_too_many(count: int) -> bool:
    """Held on both sides of the limit."""
    return count > LIMIT


def is_early(hour: int) -> bool:
    """Held far from the limit only."""
    return hour < 6


def unheard_of(name: str) -> str:
    """Nobody calls it."""
    return name + name
