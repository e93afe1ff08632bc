"""One race for one slot: who has it is killed or stalled, or nobody is, and in the end it is done."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Final

from tests.faults.load import until
from tests.faults.proxy import Fault, Proxy
from tests.faults.races.broker import Broker
from tests.faults.races.clock import Clock
from tests.faults.races.holding import CatchOwner
from tests.faults.races.jobs import LEASE_S
from tests.faults.races.journal import Journal
from tests.faults.replicas import Replicas


class Trouble(StrEnum):
    """What happens to whoever has the slot."""

    NONE = "undisturbed"
    KILL9 = "kill -9"
    STALL = "stall"  # past its lease; another does the slot, and then it goes on
    RELAPSE = "stall, back too soon"  # it goes on while another is at the slot


_WEIGHTS: Final = {Trouble.NONE: 4, Trouble.KILL9: 2, Trouble.STALL: 2, Trouble.RELAPSE: 2}
_LATEST: Final = 6  # turns of an owner before it is killed


@dataclass(slots=True)
class Track:
    """Everything that takes part.

    Attributes:
        proxies: to PostgreSQL, by replica.
        forget_lease: time passes in Redis as well.
        notes: what is worth a figure in the report.
    """

    random: Random
    clock: Clock
    replicas: Replicas
    proxies: Mapping[str, Proxy]
    broker: Broker
    journal: Journal
    forget_lease: Callable[[], object]
    notes: Counter[str] = field(default_factory=Counter)

    def draw(self) -> Trouble:
        """What happens next."""
        return self.random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]

    async def race(self, trouble: Trouble) -> None:
        """A new hour, a tick, and what happens to its owner.

        Raises:
            Stuck: the slot was not done in the end.
            ProcessFailed: a process did not come back.
        """
        self.clock.strike()
        self.notes["slots"] += 1
        if trouble is Trouble.NONE:
            await self.broker.tick()
            return
        before = self.broker.answers.total()
        caught = self._catch(*self.proxies, after=self.random.randrange(_LATEST) if trouble is Trouble.KILL9 else 0)
        ticking = asyncio.create_task(self.broker.tick())
        try:
            victim = await self._owner(caught, ticking)
            if victim is not None:
                others = len(self.proxies) - 1
                await until(
                    lambda: ticking.done() or self.broker.answers.total() - before >= others,
                    lambda: "the others to hear that somebody has the slot",
                )
                self.notes[trouble] += 1
                await (self._kill(victim) if trouble is Trouble.KILL9 else self._stall(victim, trouble, ticking))
            await ticking
            await self.broker.heard(*self.proxies)
        finally:
            ticking.cancel()
            self._release(*self.proxies)

    def _catch(self, *names: str, after: int = 0) -> Mapping[str, CatchOwner]:
        """Catch whoever is given the slot, of these."""
        faults = {name: CatchOwner(after=after) for name in names}
        for name, fault in faults.items():
            self.proxies[name].fault = fault
        return faults

    async def _owner(self, faults: Mapping[str, CatchOwner], ticking: asyncio.Task[None]) -> str | None:
        """Who was caught with the slot; None when it was done too soon for that."""
        await until(
            lambda: ticking.done() or any(fault.tally.is_reached for fault in faults.values()),
            lambda: "somebody to take the slot",
        )
        return next((name for name, fault in faults.items() if fault.tally.is_reached), None)

    async def _kill(self, victim: str) -> None:
        """It is no more; the others go on without it until the platform has started another."""
        self.broker.leave(victim)
        await asyncio.to_thread(self.replicas.kill9, victim)
        fault = self.proxies[victim].fault
        if isinstance(fault, CatchOwner):
            fault.drops = True
        self._release(*self.proxies)
        self._pass_lease()
        await asyncio.to_thread(self.replicas.start, victim)
        self.broker.come_back(victim)

    async def _stall(self, victim: str, trouble: Trouble, ticking: asyncio.Task[None]) -> None:
        """It sleeps past its lease, and wakes when another has the slot, or is done with it."""
        self.replicas.stall(victim)
        self.broker.leave(victim)
        others = [name for name in self.proxies if name != victim]
        self._release(*others)
        try:
            if trouble is Trouble.RELAPSE:
                caught = self._catch(*others)
                self._pass_lease()
                await self._owner(caught, ticking)
            else:
                self._pass_lease()
                await until(self.journal.is_done, lambda: "another replica to do the slot")
        finally:
            self.replicas.resume(victim)
            self._release(victim)
        await self.broker.heard(victim)
        self._release(*others)
        self.broker.come_back(victim)

    def _release(self, *names: str) -> None:
        for name in names:
            self.proxies[name].fault = Fault()

    def _pass_lease(self) -> None:
        self.clock.pass_(LEASE_S + 1)
        self.forget_lease()
