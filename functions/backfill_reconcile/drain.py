"""Draining a stream: claim, replay in groups, forget after the commit.

A letter whose holder died twice is replayed alone, so that if it kills the process again it takes no other letter
down with it; after five deaths it is quarantined. When the database is out, or the tick's time is up, what was claimed
is given back as if it had never been touched, and the drain stops.
"""

from __future__ import annotations

import json
from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from functions.backfill_reconcile.core import Fate, fate_after_crashes, fate_after_failure, is_outage
from functions.backfill_reconcile.model import Drained
from shared.domain.dead_letters import Claimed, DeadLetter, Depth
from shared.domain.errors import DatabaseRejected, DatabaseUnavailable, InvalidEvent
from shared.domain.events import Event
from shared.domain.failures import Failure, FailureClass
from shared.domain.knowledge import Outcome
from shared.domain.ports import Clock

Replay = Callable[[Sequence[DeadLetter]], Awaitable[Sequence[str]]]
"""Makes letters take effect, all or none, and returns an outcome for each; raises what the stores raise."""


class Letters(Protocol):
    """A stream of dead letters, claimed and not popped; every call may raise QueueUnavailable."""

    async def claim_new(self, stream: str, *, most: int) -> Sequence[Claimed]:
        """Take letters nobody has claimed."""

    async def abandoned(self, stream: str, *, idle_s: float, most: int) -> Mapping[str, int]:
        """Entries whose holder fell silent, with the number of times they were claimed."""

    async def take_over(self, stream: str, abandoned: Mapping[str, int], *, idle_s: float) -> Sequence[Claimed]:
        """Claim abandoned entries."""

    async def give_back(self, stream: str, claimed: Sequence[Claimed]) -> None:
        """Undo a claim."""

    async def settle(self, stream: str, claimed: Sequence[Claimed]) -> None:
        """Forget entries."""

    async def depth(self, stream: str) -> Depth:
        """How much waits."""


class Quarantine(Protocol):
    """Keeps letters whole until a person decides."""

    async def add(self, stream: str, letters: Sequence[DeadLetter]) -> None:
        """Commit them; raises DatabaseUnavailable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainPolicy:
    """Group size, the silence (seconds) after which a claim counts as abandoned, and the time for one stream."""

    group: int = 500
    idle_s: float = 60.0
    budget_s: float = 20.0


class Drain:
    """One drain of one stream."""

    def __init__(
        self, stream: str, letters: Letters, quarantine: Quarantine, replay: Replay, clock: Clock, policy: DrainPolicy
    ) -> None:
        self._stream = stream
        self._letters = letters
        self._quarantine = quarantine
        self._replay = replay
        self._clock = clock
        self._policy = policy
        self._done = Drained()
        self._held: dict[str, Claimed] = {}
        self._ends = 0.0

    async def run(self) -> Drained:
        """Drain until the stream is empty or the budget is spent.

        Raises:
            DatabaseUnavailable: the database is out; nothing was lost or counted.
            QueueUnavailable: Redis is out.
        """
        self._ends = self._clock.monotonic() + self._policy.budget_s
        before = await self._letters.depth(self._stream)
        await self._drain_abandoned()
        while not self._is_over():
            claimed = await self._letters.claim_new(self._stream, most=self._policy.group)
            if not claimed:
                break
            await self._handle(claimed)
        after = await self._letters.depth(self._stream)
        found = {"before": before.entries, "remaining": after.entries, "oldest_age_s": after.oldest_age_s}
        return self._done.model_copy(update=found)

    async def _drain_abandoned(self) -> None:
        idle_s = self._policy.idle_s
        counts = await self._letters.abandoned(self._stream, idle_s=idle_s, most=10 * self._policy.group)
        once = {entry_id: count for entry_id, count in counts.items() if count <= 1}
        alone = [{entry_id: count} for entry_id, count in counts.items() if count > 1]
        for group in [*_groups(once, self._policy.group), *alone]:
            if self._is_over():
                return
            claimed = await self._letters.take_over(self._stream, group, idle_s=idle_s)
            await self._handle(claimed)

    async def _handle(self, claimed: Sequence[Claimed]) -> None:
        """Settle what takes effect or is hopeless, and give back whatever is still held then."""
        hopeless = [c for c in claimed if c.letter is None or fate_after_crashes(c.deliveries) is Fate.QUARANTINE]
        self._held = {c.entry_id: c for c in claimed}
        try:
            await self._put_away(hopeless)
            await self._replay_together([c for c in claimed if c not in hopeless])
        except (DatabaseUnavailable, CancelledError):
            await self._give_back()
            raise
        await self._give_back()

    async def _replay_together(self, claimed: Sequence[Claimed]) -> None:
        if not claimed:
            return
        try:
            outcomes = await self._replay([c.letter for c in claimed if c.letter is not None])
        except (InvalidEvent, DatabaseRejected):
            await (self._put_away(claimed) if len(claimed) == 1 else self._replay_alone(claimed))
        except DatabaseUnavailable as error:
            if is_outage(error.failure):
                raise
            await (self._leave(claimed[0]) if len(claimed) == 1 else self._replay_alone(claimed))
        else:
            await self._settle(claimed)
            self._count(replayed=len(claimed), superseded=list(outcomes).count(Outcome.SUPERSEDED))

    async def _replay_alone(self, claimed: Sequence[Claimed]) -> None:
        """One letter in the group is at fault: find it without harming the others."""
        for one in claimed:
            if self._is_over():
                return
            await self._replay_together([one])

    async def _leave(self, claimed: Claimed) -> None:
        """The letter failed alone: for a day it stays, then it is quarantined."""
        letter = claimed.letter
        if letter is not None and fate_after_failure(letter, now=self._clock.now()) is Fate.QUARANTINE:
            await self._put_away([claimed])

    async def _put_away(self, claimed: Sequence[Claimed]) -> None:
        if claimed:
            await self._quarantine.add(self._stream, [_whole(c, self._clock) for c in claimed])
            await self._settle(claimed)
            self._count(quarantined=len(claimed))

    async def _settle(self, claimed: Sequence[Claimed]) -> None:
        await self._letters.settle(self._stream, claimed)
        for one in claimed:
            del self._held[one.entry_id]

    async def _give_back(self) -> None:
        if self._held:
            await self._letters.give_back(self._stream, list(self._held.values()))

    def _is_over(self) -> bool:
        return self._clock.monotonic() >= self._ends

    def _count(self, **more: int) -> None:
        now = {name: getattr(self._done, name) + number for name, number in more.items()}
        self._done = self._done.model_copy(update=now)


def _groups(counts: Mapping[str, int], size: int) -> list[dict[str, int]]:
    items = list(counts.items())
    return [dict(items[start : start + size]) for start in range(0, len(items), size)]


def _whole(claimed: Claimed, clock: Clock) -> DeadLetter:
    """The letter as it is quarantined; an unreadable entry is wrapped, so that its bytes are kept."""
    failure = Failure(FailureClass.EVENT)
    if claimed.letter is not None:
        return replace(claimed.letter, failure=failure, attempts=claimed.letter.attempts + claimed.deliveries)
    now = clock.now()
    event = Event(
        id=claimed.entry_id,
        source="/redis",
        type="com.redis.stream-entry",
        time=now,
        # As a JSON string: a stranger's text may hold NUL, which PostgreSQL takes in no text at all.
        data={"raw": json.dumps(claimed.raw)},
    )
    return DeadLetter(event=event, fn="redis", failure=failure, attempts=claimed.deliveries, first_failed_at=now)
