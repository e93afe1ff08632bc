"""The executors and the broker between them and verify-execution: whatever is not acknowledged is sent again."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from shared.local.knative.posts import NoAnswer, Posts
from tests.faults.load import Stuck
from tests.faults.verification.replicas import Replicas

_HEADERS: Final = {"content-type": "application/cloudevents+json"}
_TICK: Final = {"x-topic": "cron-function"}
_ACCEPTED: Final = range(200, 300)
_TRANSIENT: Final = range(500, 600)
_PAUSE_S: Final = 0.02
_PATIENCE_S: Final = 30.0


class Executor:
    """Sends events to replicas and remembers the answers.

    Attributes:
        answers: by status, how many; None for none at all.
        acknowledged: ids of events that were answered with a 2xx.
        blamed: ids of events that were answered as if they could never work.
    """

    def __init__(self, replicas: Replicas) -> None:
        self.answers: Final[Counter[int | None]] = Counter()
        self.acknowledged: Final[set[str]] = set()
        self.blamed: Final[set[str]] = set()
        self._replicas: Final = replicas
        self._reachable: Final = list(replicas.names)
        self._posts: Final = Posts()
        self._tries: Final[dict[asyncio.Task[int | None], str]] = {}

    async def deliver(self, event: Mapping[str, Any], *, first: int) -> None:
        """Send an event until it is acknowledged, to one replica after the other.

        Raises:
            Stuck: nobody takes it.
        """
        try:
            async with asyncio.timeout(_PATIENCE_S):
                number = first
                while not await self._is_taken(event, self._reachable[number % len(self._reachable)]):
                    number += 1
                    await asyncio.sleep(_PAUSE_S)
        except TimeoutError:
            raise Stuck(f"nobody takes {event['id']}") from None

    async def tick(self, name: str) -> None:
        """Tell a replica that a minute is over; its answer does not matter."""
        await self._try(name, _TICK, b"")

    def hang_up(self, name: str) -> None:
        """Wait no longer for the answers of a replica, and send it nothing more."""
        self._reachable.remove(name)
        for task, asked in self._tries.items():
            if asked == name:
                task.cancel()

    def close(self) -> None:
        """Close the idle connections."""
        self._posts.close()

    async def _is_taken(self, event: Mapping[str, Any], name: str) -> bool:
        status = await self._try(name, _HEADERS, json.dumps(event).encode())
        self.answers[status] += 1
        if status in _ACCEPTED:
            self.acknowledged.add(event["id"])
        elif status is not None and status not in _TRANSIENT:
            self.blamed.add(event["id"])
        return event["id"] in self.acknowledged | self.blamed

    async def _try(self, name: str, headers: Mapping[str, str], body: bytes) -> int | None:
        """The status; None without an answer."""
        task = asyncio.create_task(self._post(f"{self._replicas.url(name)}/", headers, body))
        self._tries[task] = name
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()
            del self._tries[task]
        return None if task.cancelled() else task.result()

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> int | None:
        with suppress(NoAnswer):
            return (await self._posts.post(url, headers, body)).status
        return None
