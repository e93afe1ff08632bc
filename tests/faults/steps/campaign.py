"""Rounds of it, each all failpoints of one function; a campaign among the others of ``make chaos``."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Final

from tests.faults.audit import Figures
from tests.faults.collector import Collector
from tests.faults.races.clock import own_database
from tests.faults.rounds import Report
from tests.faults.stage import Stage
from tests.faults.steps.failpoints import differences, play, undisturbed
from tests.faults.steps.scene import Scene, staged
from tests.faults.steps.subjects import SUBJECTS, Subject

_DATABASE: Final = "steps"


@dataclass(frozen=True, slots=True)
class StepsCampaign:
    """See :class:`tests.faults.rounds.Campaign`."""

    name: str = "steps"
    does: str = "each function kill -9 at every round trip to its servers"
    share: int = len(SUBJECTS)
    whole: int = 25 * len(SUBJECTS)  # every failpoint 25 times
    shows: tuple[str, ...] = ("acknowledged", "refused")

    async def play(self, stage: Stage, collector: Collector, *, seed: str, number: int) -> Report:  # noqa: ARG002 - nothing is left to chance
        """One round, on a database of its own; as many as there are subjects find every failpoint."""
        subjects = [each for each in SUBJECTS if each.service in stage.planted] or SUBJECTS
        subject = subjects[number % len(subjects)]
        url = await asyncio.to_thread(own_database, stage.postgres, _DATABASE)
        folder = stage.logs / f"steps-{number}"
        subject = replace(subject, source=stage.planted.get(subject.service))
        report = await find(subject, folder, url, stage.redis.url, collector, failpoints=count(1))
        if number < len(SUBJECTS):  # a second lap finds the same ones
            report.notes[f"failpoints of {subject.name}"] = report.notes["kill -9"]
        return report


async def find(
    subject: Subject, folder: Path, database_url: str, redis_url: str, sink: Collector, *, failpoints: Iterable[int]
) -> Report:
    """Kill a function at failpoints, until it is done before one comes.

    Args:
        subject: which function, and what it is asked.
        folder: for files and logs.
        database_url: PostgreSQL, migrated, for this subject alone.
        redis_url: on a unix socket; emptied.
        sink: where its events end.
        failpoints: which turns, rising.

    Raises:
        Stuck: it does not come to an end.
        ProcessFailed: the function did not come back.
    """
    async with staged(subject, folder, database_url, redis_url, sink) as scene:
        return await _found(scene, failpoints)


async def _found(scene: Scene, failpoints: Iterable[int]) -> Report:
    figures, notes = Figures(), Counter[str]()
    usual = await undisturbed(scene)
    for at in failpoints:
        ending = await play(scene, at)
        figures.attempted += 1
        figures.acknowledged += 1
        figures.refused += not ending.acknowledged
        for counter, what in differences(ending, usual):
            figures.blame(counter, [f"{scene.subject.name} at turn {at}"], what)
        figures.blame("wrong", scene.outside.sink.fickle, "events were announced with different content")
        if not ending.killed:
            break
        notes["kill -9"] += 1
        if ending.repeats:
            notes["labelled repeats"] += ending.repeats
    return Report(figures, notes)
