"""Rounds of it, each a job with so many replicas; a campaign among the others of ``make chaos``."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.faults.collector import Collector
from tests.faults.races.audit import audit
from tests.faults.races.clock import own_database
from tests.faults.races.jobs import JOBS
from tests.faults.races.staging import Place, Plan, staged
from tests.faults.rounds import Report
from tests.faults.stage import Stage
from tests.faults.verification.rounds import sweep

SLOTS: Final = 24
_SIZES: Final = (2, 3, 4)
_DATABASE: Final = "races"


@dataclass(frozen=True, slots=True)
class RacesCampaign:
    """See :class:`tests.faults.rounds.Campaign`."""

    name: str = "races"
    does: str = "the same tick for 2 to 4 replicas at once, whoever has the slot kill -9 or stalled past its lease"
    share: int = len(JOBS) * len(_SIZES)
    whole: int = 3 * len(JOBS) * len(_SIZES)  # 648 slots
    shows: tuple[str, ...] = ("acknowledged", "refused")

    async def play(self, stage: Stage, collector: Collector, *, seed: str, number: int) -> Report:
        """One round, on a database of its own."""
        lap, turn = divmod(number, len(JOBS))
        job = JOBS[turn]
        source = stage.planted.get(job.function)
        plan = Plan(job=job, replicas=_SIZES[lap % len(_SIZES)], troubles=[None] * SLOTS, source=source)
        place = Place(
            database_url=await asyncio.to_thread(own_database, stage.postgres, _DATABASE),
            redis_url=stage.redis.url,
            sink=collector.url,
            folder=stage.logs / f"races-{number}",
        )
        return await play(plan, place, collector, random=Random(f"{seed} {self.name} {number}"))


async def play(plan: Plan, place: Place, collector: Collector, *, random: Random) -> Report:
    """Play one round.

    Args:
        plan: what it is about.
        place: where.
        collector: what listens at the place's sink.
        random: decides what is left to chance.

    Raises:
        Stuck: something did not come to its end.
        ProcessFailed: a process did not come back.
    """
    collector.forget()
    async with staged(plan, place, random) as track:
        for trouble in plan.troubles:
            await track.race(trouble or track.draw())
        await sweep(place.database_url, collector.url)
        entries = track.journal.entries()
    figures = audit(
        plan.job, entries, track.broker, collector, slots=len(plan.troubles), replicas=len(track.replicas.names)
    )
    figures.problems[:] = [f"{plan.job.function}, {plan.replicas} replicas: {each}" for each in figures.problems]
    return Report(figures, track.notes)
