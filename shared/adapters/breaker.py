"""The breaker in front of PostgreSQL: the state, its clock and its chance, and a probe that waits for no traffic.

While it is open it knocks in the background, so that PostgreSQL's return is known before the next event comes; without
a loop to knock on, as between two commands, the next call is the probe. All of this runs on the event loop's thread.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from shared.domain import breaker
from shared.domain.breaker import CLOSED, Closed, Open, Rule, State
from shared.domain.errors import DatabaseUnavailable
from shared.domain.failures import NOT_ASKED, FailureClass

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """One that was let through at ``began``, monotonic seconds; perhaps as the probe."""

    began: float
    is_probe: bool


class Breaker:
    """Lets calls through, or refuses them.

    Args:
        rule: when it opens, and for how long.
        knock: a call that asks PostgreSQL for next to nothing, and comes through here like any other.
    """

    def __init__(self, rule: Rule, knock: Callable[[], Awaitable[object]]) -> None:
        self._rule = rule
        self._knock = knock
        self._state: State = CLOSED
        self._opened_at = 0.0
        self._knocking: asyncio.Task[None] | None = None

    def require(self) -> None:
        """Refuse what has no chance, before it waits for anything.

        Raises:
            DatabaseUnavailable: PostgreSQL is not to be asked now.
        """
        if not isinstance(self._state, Closed) and not breaker.admits(self._state, now=time.monotonic()):
            raise DatabaseUnavailable(NOT_ASKED)

    def enter(self) -> Call:
        """Let a call through. Whoever enters must tell how it :meth:`ended`.

        Raises:
            DatabaseUnavailable: as for :meth:`require`.
        """
        if isinstance(self._state, Closed):
            return Call(time.monotonic(), is_probe=False)
        self.require()
        self._state = breaker.entered(self._state)
        return Call(time.monotonic(), is_probe=True)

    def ended(self, call: Call, error: BaseException | None) -> None:
        """Take note of how a call ended: only a line that was lost, or never came about, speaks against PostgreSQL."""
        if isinstance(error, DatabaseUnavailable) and error.failure.kind is FailureClass.CONNECTION:
            now = time.monotonic()
            self._become(
                breaker.lost(
                    self._state,
                    self._rule,
                    now=now,
                    took_s=now - call.began,
                    chance=random.random(),  # noqa: S311 - jitter is no secret
                    is_probe=call.is_probe,
                )
            )
        elif self._state != CLOSED:
            self._become(CLOSED)

    def close(self) -> None:
        """Knock no more."""
        if self._knocking is not None and not self._knocking.done():
            self._knocking.cancel()

    def _become(self, state: State) -> None:
        before, self._state = self._state, state
        if isinstance(state, Open) and (self._knocking is None or self._knocking.done()):
            self._knocking = asyncio.get_running_loop().create_task(self._knock_until_closed())
        if isinstance(before, Closed) and isinstance(state, Open):
            self._opened_at = time.monotonic()
            _LOG.warning("PostgreSQL is out of reach; callers are refused at once until a probe gets through.")
        elif isinstance(state, Closed) and not isinstance(before, Closed):
            self.close()
            _LOG.warning("PostgreSQL answers again, after %.1f s.", time.monotonic() - self._opened_at)

    async def _knock_until_closed(self) -> None:
        while not isinstance(self._state, Closed):
            is_due_s = self._state.until - time.monotonic() if isinstance(self._state, Open) else self._rule.first_s
            await asyncio.sleep(max(is_due_s, 0.0))
            with suppress(DatabaseUnavailable):
                await self._knock()
