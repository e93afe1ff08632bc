"""One round: executions begin and end, a process is hit at a step, others finish, and every verdict is counted."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Final

from shared.adapters.dsn import Dsn
from shared.adapters.http import HttpClient, HttpSink
from shared.adapters.postgres import Database, Limits
from shared.adapters.relay import Relay
from tests.faults.laboratory import Laboratory
from tests.faults.load import Stuck, until
from tests.faults.verification.books import Books
from tests.faults.verification.executor import Executor
from tests.faults.verification.replicas import Replicas
from tests.faults.verification.steps import Blow, Phase, Plan, Step
from tests.faults.verification.subjects import INITIAL, LASTING, LATER, Subject

_TICKS: Final = 20
_TICK_S: Final = 0.002
_PATIENCE_S: Final = 30.0
# A row that is locked is left out: its owner lives, or is about to be found dead.
_ALL_DUE: Final = """
UPDATE outbox SET next_at = now() WHERE id IN (SELECT id FROM outbox FOR UPDATE SKIP LOCKED)
"""
_SETTLES_S: Final = 0.2  # what a resumed process needs to find that it was overtaken


@dataclass(slots=True)
class Round:
    """Everything that takes part.

    Attributes:
        looks: later looks that are taken.
        problems: what was found broken on the way.
        notes: what is worth a figure in the report.
    """

    plan: Plan
    random: Random
    subjects: Sequence[Subject]
    laboratory: Laboratory
    replicas: Replicas
    executor: Executor
    books: Books
    looks: int
    problems: list[str] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)

    async def play(self) -> None:
        """From the first baseline to the last look.

        Raises:
            Stuck: something did not come to its end.
        """
        await self._phase(Phase.BASELINE, lambda: self._send(Subject.starting))
        await self._phase(Phase.COMPLETION, lambda: self._send(Subject.completed))
        await self._finish(INITIAL)
        for subject in self.subjects:
            subject.fallen = True
        for check in LATER[: self.looks]:
            await self.books.pass_time(check)
            if check == LATER[0]:
                await self._phase(Phase.LATER_LOOK, lambda: self.executor.tick(self._victim))
            await self._finish(check)
        await self._revive()

    @property
    def _victim(self) -> str:
        return self.replicas.names[0]

    @property
    def _witness(self) -> str:
        """A process that lives."""
        return self.replicas.names[-1]

    @property
    def _lasting(self) -> list[str]:
        return [subject.name for subject in self.subjects if subject.plot in LASTING]

    async def _send(self, event: Callable[[Subject], dict[str, object]]) -> None:
        """Of every execution, spread over the processes."""
        sent = [self.executor.deliver(event(subject), first=n) for n, subject in enumerate(self.subjects)]
        await asyncio.gather(*sent)

    async def _phase(self, phase: Phase, begin: Callable[[], Awaitable[None]]) -> None:
        """Begin something, hit a process at its step if this is its phase, and see it through."""
        if self.plan.step.phase is not phase:
            if phase is not Phase.LATER_LOOK:
                await begin()
            return
        async with AsyncExitStack() as caught:
            begun = await caught.enter_async_context(self._caught(begin))
            ended = await self._hit()
        await asyncio.gather(begun, ended)

    @asynccontextmanager
    async def _caught(self, begin: Callable[[], Awaitable[None]]) -> AsyncIterator[asyncio.Future[None]]:
        """What was begun, with every process at the step."""
        step = self.plan.step
        async with AsyncExitStack() as undone:
            if step.locked:
                await undone.enter_async_context(self.books.locked(step.locked))
            if step.held:
                self.laboratory.hold(self._lasting, question=step.held)
                undone.callback(self.laboratory.release)
            before = Counter(self.laboratory.asked)
            begun = asyncio.ensure_future(begin())
            try:
                await self._reach(step, before)
            except Stuck:
                begun.cancel()
                raise
            await asyncio.sleep(self.random.uniform(0, step.within_s))
            yield begun

    async def _reach(self, step: Step, before: Counter[str]) -> None:
        """Wait until the processes are there."""
        lasting, asked, table = self._lasting, self.laboratory.asked, step.locked
        if table:
            busy = 1 if step.phase is Phase.LATER_LOOK else len(self.replicas.names)
            await _counted(lambda: self.books.waiting(table), busy, step)
        elif step.promised:
            await _counted(self.books.promised, len(self.subjects), step)
        elif step.held:
            await until(lambda: self.laboratory.held >= set(lasting), lambda: step.name)
        else:
            await until(lambda: all(asked[n] - before[n] >= step.looked for n in lasting), lambda: step.name)

    async def _hit(self) -> asyncio.Future[None]:
        """The blow; what is returned is done when the process is what it will be."""
        victim, blow = self._victim, self.plan.blow
        self.notes[blow] += 1
        match blow:
            case Blow.KILL9:
                await asyncio.to_thread(self.replicas.kill9, victim)
                return asyncio.ensure_future(self._restart())
            case Blow.SIGTERM:
                ending = asyncio.ensure_future(self._end())
                await asyncio.sleep(self.random.uniform(0, 0.05))
                return ending
            case Blow.STALL:
                self.replicas.stall(victim)
                self.executor.hang_up(victim)
                return asyncio.ensure_future(asyncio.sleep(0))

    async def _end(self) -> None:
        code = await asyncio.to_thread(self.replicas.terminate, self._victim)
        if code != 0:
            self.problems.append(f"ended with {code} on SIGTERM, {self.plan.step.name}")
        await self._restart()

    async def _restart(self) -> None:
        """The platform starts another process when there is none left."""
        if self._victim == self._witness:
            await asyncio.to_thread(self.replicas.start, self._victim)

    async def _revive(self) -> None:
        """What was stalled finds the world changed, and may say what it thinks of it."""
        if self.plan.blow is Blow.STALL:
            self.replicas.resume(self._victim)
            await asyncio.sleep(_SETTLES_S)
            await asyncio.to_thread(self.replicas.terminate, self._victim)

    async def _finish(self, check: str) -> None:
        """Tick until every look of a kind is settled. Nobody who lives is at any: its lease may end."""
        for _ in range(_TICKS):
            if not await self.books.pending(check):
                return
            await self.books.pass_leases()
            await self.executor.tick(self._witness)
        raise Stuck(f"after {_TICKS} ticks {await self.books.pending(check)} looks ({check}) are not settled")


async def sweep(database_url: str, sink: str) -> None:
    """Send what killed processes left in the outbox, as backfill-reconcile does, until nothing waits.

    A process that lives may be at some of it this very moment. What it has claimed is not due for others, so one sweep
    sends nothing and says that all of it remains; a row is gone only when its event has reached the sink.
    """
    database = Database(Dsn.parse(database_url), application="sweep", limits=Limits(threads=1))
    try:
        async with HttpClient() as http, asyncio.timeout(_PATIENCE_S):
            relay = Relay(database, HttpSink(http, sink))
            await database.run(lambda connection: connection.rows(_ALL_DUE))
            while (await relay.sweep()).remaining:
                await asyncio.sleep(_TICK_S)
                await database.run(lambda connection: connection.rows(_ALL_DUE))
    except TimeoutError:
        return  # the audit says what is missing
    finally:
        database.close()


async def _counted(count: Callable[[], Awaitable[int]], least: int, step: Step) -> None:
    """Wait until there are so many."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while await count() < least:  # noqa: ASYNC110 - PostgreSQL does not say when it happens
                await asyncio.sleep(_TICK_S)
    except TimeoutError:
        raise Stuck(f"waited {_PATIENCE_S:.0f} s in vain for: {step.name}") from None
