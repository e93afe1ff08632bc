"""One round: traffic, a fault in the middle of it, recovery, drain, audit."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Final

from shared.local.knative.posts import NoAnswer, Posts
from tests.faults.audit import Aftermath, Ban, Figures, audit, longest_silence
from tests.faults.collector import Collector
from tests.faults.evidence import Evidence
from tests.faults.load import Load, Stuck
from tests.faults.stage import Stage, Wiring
from tests.faults.traffic import BRIDGE, RECONCILER, TALKS, WRITER, Talk

_2XX: Final = range(200, 300)
_TICKS: Final = 300
_BETWEEN_TICKS_S: Final = 0.03


@dataclass(slots=True)
class Round:
    """What a campaign's script works with, while the load is on.

    Attributes:
        number: of the round, from 0.
        random: decides when and how, from the seed.
        bans: answers that must not be given.
        problems: what the script itself found broken.
        notes: what is worth a figure in the report.
    """

    stage: Stage
    load: Load
    number: int
    random: Random
    bans: list[Ban] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)

    async def acknowledged(self, least: int, most: int, function: str = WRITER) -> None:
        """Let some more requests of a function be acknowledged."""
        await self.load.more(self.random.randint(least, most), lambda d: d.accepted and d.post.function == function)

    async def answered(self, least: int, most: int) -> None:
        """Let some more requests of km-write come to an end, whatever it is."""
        await self.load.more(self.random.randint(least, most), lambda d: d.post.function == WRITER)

    async def deferred(self, least: int, most: int) -> None:
        """Let some more requests be deferred."""
        await self.load.more(self.random.randint(least, most), lambda d: d.deferred and d.post.function == WRITER)

    async def do(self, fault: Callable[[], object]) -> None:
        """Do something to a process, at an instant of chance."""
        await asyncio.sleep(self.random.uniform(0, 0.01))
        await asyncio.to_thread(fault)

    async def kill9(self, kill: Callable[[], object]) -> None:
        """The same, counted."""
        await self.do(kill)
        self.notes["kill -9"] += 1

    @asynccontextmanager
    async def banned(
        self, why: str, *functions: str, statuses: range = _2XX, spared: AbstractSet[str] = frozenset()
    ) -> AsyncIterator[None]:
        """Inside, some functions must not give certain answers, except about the facts that are spared."""
        began = time.monotonic()
        yield
        ended = time.monotonic()
        self.bans += [Ban(function, statuses, began, ended, why, spared) for function in functions]


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """Rounds of one kind.

    Attributes:
        name: what people call it.
        does: what happens in a round, in a few words.
        script: what happens in a round.
        share: how many of the default rounds.
        whole: how many rounds are a whole volume, which may take hours; each says beside it what that comes to.
        clients: by function, how many there are.
        watched: the function whose silence is measured.
        shows: counters that must move, or the campaign has shown nothing.
        wiring: what the functions are started with.
    """

    name: str
    does: str
    script: Callable[[Round], Awaitable[None]]
    share: int
    whole: int
    clients: Mapping[str, int] = field(default_factory=lambda: {WRITER: 9, BRIDGE: 2, RECONCILER: 1})
    watched: str = WRITER
    shows: tuple[str, ...] = ("acknowledged",)
    wiring: Wiring = field(default_factory=Wiring)

    async def play(self, stage: Stage, collector: Collector, *, seed: str, number: int) -> Report:
        """Play one round; the same seed and number decide the same things.

        Raises:
            Stuck: something did not recover, or could not be drained.
            ProcessFailed: a process did not come back.
        """
        random = Random(f"{seed} {self.name} {number}")
        source = f"/chaos/{self.name}/{number}"
        talks = {talk.function: talk(Random(random.random()), source) for talk in TALKS}
        async with Evidence(stage) as evidence:
            await evidence.empty()
        collector.forget()
        async with Load(stage.services, talks, self.clients, Random(random.random())) as load:
            round_ = Round(stage, load, number, Random(random.random()))
            try:
                await self.script(round_)
            finally:
                stage.heal()
        figures = audit(await _aftermath(round_, talks, collector))
        figures.blame("wrong", round_.problems, "promises were not kept")
        watched = [delivery for delivery in load.deliveries if delivery.post.function == self.watched]
        figures.unavailable_s = longest_silence(watched, began=load.began, ended=load.ended)
        return Report(figures, round_.notes)


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a round."""

    figures: Figures
    notes: Counter[str]


async def _aftermath(round_: Round, talks: Mapping[str, Talk], collector: Collector) -> Aftermath:
    """Look, drain, look again."""
    async with Evidence(round_.stage) as evidence:
        letters, unlinked = await evidence.letters(), await evidence.unlinked()
        await drain(round_.stage, evidence)
        return Aftermath(
            events=talks[WRITER].events,
            given_up=talks[RECONCILER].events,
            deliveries=round_.load.deliveries,
            bans=round_.bans,
            letters=letters,
            unlinked=unlinked,
            tables=await evidence.tables(),
            announced=collector.seen,
        )


async def tick(stage: Stage) -> None:
    """Tell backfill-reconcile that it is time, as a cron connector does; its answer does not matter."""
    http = Posts()
    with suppress(NoAnswer):
        await http.post(f"{stage.services[RECONCILER].url}/", {}, b"")
    http.close()


async def drain(stage: Stage, evidence: Evidence) -> None:
    """Tick until nothing waits any more, neither letters nor announcements."""
    for _ in range(_TICKS):
        if not await evidence.waiting():
            return
        await evidence.skip_pauses()
        await tick(stage)
        await asyncio.sleep(_BETWEEN_TICKS_S)
    raise Stuck(f"after {_TICKS} ticks {await evidence.waiting()} letters and announcements still wait")
