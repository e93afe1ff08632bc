"""A stream of dead letters, a store, and a drain whenever one is asked for."""

from __future__ import annotations

import asyncio

import pytest

from functions.backfill_reconcile.drain import Drain, DrainPolicy
from functions.backfill_reconcile.upkeep import KnowledgeReplay
from shared.domain.dead_letters import KNOWLEDGE_STREAM, DeadLetter
from shared.domain.failures import LOST_CONNECTION
from shared.testing.clocks import NOON, FakeClock
from shared.testing.dead_letters import MemoryDeadLetters, MemoryQuarantine
from shared.testing.events import write_requested
from shared.testing.knowledge import MemoryKnowledge

IDLE_S = 60.0


class Crash(BaseException):
    """The process dies here: nothing of the drain runs after it."""


class Replay(KnowledgeReplay):
    """The real replay on a store in memory. Kills the process at poison; counts how the letters come."""

    def __init__(self, knowledge, clock):
        super().__init__(knowledge, deadline_s=5)
        self.groups = []
        self.poison = set()
        self.refused = {}
        self.takes_s = 0.0
        self.hanging = None
        self._clock = clock

    async def __call__(self, letters):
        ids = [letter.event.id for letter in letters]
        self.groups.append(ids)
        self._clock.advance(self.takes_s)
        if self.hanging is not None and self.hanging(ids):
            await asyncio.Event().wait()
        if self.poison & set(ids):
            raise Crash
        for error in (self.refused[id_] for id_ in ids if id_ in self.refused):
            raise error
        return await super().__call__(letters)


class DrainedPlace:
    """Everything around a drain, in memory."""

    def __init__(self, policy=None):
        self.clock = FakeClock()
        self.letters = MemoryDeadLetters(self.clock)
        self.quarantine = MemoryQuarantine()
        self.knowledge = MemoryKnowledge(self.clock)
        self.replay = Replay(self.knowledge, self.clock)
        self.policy = policy or DrainPolicy(idle_s=IDLE_S)

    async def put(self, *ids, first_failed_at=NOON, attempts=1):
        for id_ in ids:
            event = write_requested(id=id_, incident=f"INC-{id_}")
            letter = DeadLetter(
                event=event,
                fn="km-write",
                failure=LOST_CONNECTION,
                attempts=attempts,
                first_failed_at=first_failed_at,
            )
            await self.letters.put(KNOWLEDGE_STREAM, letter)

    async def put_invalid(self, id_):
        event = write_requested(id=id_, text="x" * 70_000)
        letter = DeadLetter(event=event, fn="broker", failure=LOST_CONNECTION, attempts=0, first_failed_at=NOON)
        await self.letters.put(KNOWLEDGE_STREAM, letter)

    async def drain(self):
        ports = self.letters, self.quarantine, self.replay, self.clock
        return await Drain(KNOWLEDGE_STREAM, *ports, self.policy).run()

    async def drain_within(self, seconds, *, hanging, alone=False):
        """A drain with a deadline; the replay of a letter, perhaps only of it alone, does not come to an end."""
        self.replay.hanging = lambda ids: hanging in ids and (not alone or len(ids) == 1)
        try:
            async with asyncio.timeout(seconds):
                await self.drain()
        finally:
            self.replay.hanging = None

    async def crash(self):
        with pytest.raises(Crash):
            await self.drain()
        self.clock.advance(IDLE_S)

    async def claims(self):
        """How often each waiting letter has been claimed, by event id."""
        counts = await self.letters.abandoned(KNOWLEDGE_STREAM, idle_s=0, most=1000)
        waiting = await self.letters.peek(KNOWLEDGE_STREAM, most=1000)
        return {c.letter.event.id if c.letter else None: counts.get(c.entry_id, 0) for c in waiting}

    @property
    def written(self):
        return {key.removeprefix("INC-") for key in self.knowledge.incidents}

    @property
    def quarantined(self):
        return [letter.event.id for letter in self.quarantine.kept(KNOWLEDGE_STREAM)]
