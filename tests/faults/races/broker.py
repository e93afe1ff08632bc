"""The source that fires at every replica at once, and the broker between: what is not acknowledged is sent again."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count, cycle
from random import Random
from typing import Final

from shared.domain.events import PING, Event, to_structured
from shared.local.knative.posts import NoAnswer, Posts
from tests.faults.load import Stuck
from tests.faults.replicas import Replicas

_HEADERS: Final = {"content-type": "application/cloudevents+json"}
_ACCEPTED: Final = range(200, 300)
_TRANSIENT: Final = range(500, 600)
_PAUSE_S: Final = 0.01
_PATIENCE_S: Final = 30.0
_SKEW_S: Final = 600.0


class Broker:
    """Sends ticks to replicas and remembers the answers.

    Args:
        replicas: who is ticked.
        random: for the times that the ticks claim.
        is_done: whether the slot is, asked at each acknowledgement.

    Attributes:
        answers: by status, how many; None for none at all.
        acknowledged: ids of ticks that were, whether once or, by a replica that was left, once more.
        early: ticks that were acknowledged while the slot was not done.
        blamed: ticks that were answered as if they could never work.
    """

    def __init__(self, replicas: Replicas, random: Random, is_done: Callable[[], bool]) -> None:
        self.answers: Final[Counter[int | None]] = Counter()
        self.acknowledged: Final[set[str]] = set()
        self.early: Final[list[str]] = []
        self.blamed: Final[list[str]] = []
        self._replicas: Final = replicas
        self._random: Final = random
        self._is_done: Final = is_done
        self._posts: Final = Posts()
        self._ids: Final = count(1)
        self._tries: Final[dict[asyncio.Task[int | None], str]] = {}
        self._reachable: Final = {name: asyncio.Event() for name in replicas.names}
        self._left: Final = {name: asyncio.Event() for name in replicas.names}
        for name in replicas.names:
            self.come_back(name)

    async def tick(self) -> None:
        """Fire at every replica at once, each with an event of its own, until each event is acknowledged.

        Raises:
            Stuck: nobody takes one of them.
        """
        names = self._replicas.names
        await asyncio.gather(*(self._deliver(self._event(), names[n:] + names[:n]) for n in range(len(names))))

    def leave(self, name: str) -> None:
        """Wait no longer for the answers of a replica, which are heard nevertheless, and send it nothing more."""
        self._reachable[name].clear()
        self._left[name].set()

    def come_back(self, name: str) -> None:
        """Send it ticks again."""
        self._left[name].clear()
        self._reachable[name].set()

    async def heard(self, *names: str) -> None:
        """Wait for the answers of replicas that were left."""
        while tries := [each for each, name in self._tries.items() if name in names]:
            await asyncio.wait(tries)

    def close(self) -> None:
        """Close the idle connections."""
        for each in self._tries:
            each.cancel()
        self._posts.close()

    def _event(self) -> Event:
        """A tick whose source has a wrong clock."""
        skew = timedelta(seconds=self._random.uniform(-_SKEW_S, _SKEW_S))
        return Event(id=f"tick-{next(self._ids)}", source="/chaos/cron", type=PING, time=datetime.now(UTC) + skew)

    async def _deliver(self, event: Event, names: Sequence[str]) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                for name in cycle(names):
                    if self._reachable[name].is_set() and await self._is_taken(event, name):
                        return
                    await asyncio.sleep(_PAUSE_S)
        except TimeoutError:
            raise Stuck(f"nobody takes {event.id}") from None

    async def _is_taken(self, event: Event, name: str) -> bool:
        """Whether an answer says so, as long as the replica is not left."""
        trying = asyncio.create_task(self._try(event, name))
        self._tries[trying] = name
        trying.add_done_callback(self._tries.pop)
        leaving = asyncio.create_task(self._left[name].wait())
        try:
            await asyncio.wait([trying, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
        status = trying.result() if trying.done() else None
        return status is not None and status not in _TRANSIENT

    async def _try(self, event: Event, name: str) -> int | None:
        """The status; None without an answer."""
        status, body = None, json.dumps(to_structured(event)).encode()
        with suppress(NoAnswer):
            status = (await self._posts.post(f"{self._replicas.url(name)}/", _HEADERS, body)).status
        self.answers[status] += 1
        if status in _ACCEPTED:
            self.acknowledged.add(event.id)
            self.early.extend([] if self._is_done() else [event.id])
        elif status is not None and status not in _TRANSIENT:
            self.blamed.append(f"{event.id} {status}")
        return status
