"""Time that moves only when a test says so, or when somebody sleeps."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

NOON: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)
"""When a :class:`FakeClock` starts, unless it is told otherwise."""


class FakeClock:
    """A clock for tests; see :class:`shared.domain.ports.Clock`.

    Args:
        now: aware; where the wall clock starts.
    """

    def __init__(self, now: datetime = NOON) -> None:
        self._began = now
        self._elapsed_s = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        """Aware UTC."""
        return self._began + timedelta(seconds=self._elapsed_s)

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        """Move the time; others get their turn."""
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._elapsed_s += seconds
