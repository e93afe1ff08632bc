"""Rounds of it, each a part of all orders; a campaign among the others of ``make chaos``."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.faults.audit import Figures
from tests.faults.collector import Collector
from tests.faults.evidence import Evidence
from tests.faults.load import Service
from tests.faults.orders.narrator import Narrator
from tests.faults.orders.state import State
from tests.faults.orders.story import Step, Telling, tellings
from tests.faults.rounds import Report
from tests.faults.stage import Stage
from tests.faults.traffic import BRIDGE, WRITER
from tests.tables import reading

_PARTS: Final = 8
_SOME: Final = 10
_FIRST: Final = 1_000  # incidents of a round


@dataclass(frozen=True, slots=True)
class OrdersCampaign:
    """See :class:`tests.faults.rounds.Campaign`."""

    name: str = "orders"
    does: str = "an incident's six events in all 720 orders, repeated, through alert-bridge and km-write"
    share: int = _PARTS
    whole: int = 3 * _PARTS  # every order three times, each time with other repetitions
    shows: tuple[str, ...] = ("acknowledged",)

    async def play(self, stage: Stage, collector: Collector, *, seed: str, number: int) -> Report:
        """One round, with the stage's functions: as many of them as there are parts tell every order."""
        random = Random(f"{seed} {self.name} {number // _PARTS}")
        told = tellings(random, part=number, parts=_PARTS, some=_SOME, first=_FIRST * (number + 1))
        async with Evidence(stage) as evidence:
            await evidence.empty()
        return await play(stage.postgres.uri(), stage.services, collector, told)


async def play(
    database_url: str, services: Mapping[str, Service], collector: Collector, told: Sequence[Telling]
) -> Report:
    """Tell incidents, and compare them.

    Args:
        database_url: PostgreSQL, migrated and empty.
        services: km-write and alert-bridge, which announces to the collector.
        told: what is told.

    Raises:
        Stuck: something is not acknowledged, or not announced.
    """
    collector.forget()
    narrator = Narrator(services, collector)
    try:
        await asyncio.gather(*(narrator.tell(telling) for telling in told))
    finally:
        narrator.close()
    with reading(database_url) as rows:
        state = State(rows, narrator.resolutions)
    events = [event for telling in told for event in _events(telling, narrator)]
    figures = Figures(attempted=len(events), acknowledged=len(events), refused=narrator.refused)
    lost = [event_id for function, event_id in events if not state.has_taken(function, event_id)]
    figures.blame("lost", lost, "acknowledged events are nowhere")
    figures.blame("wrong", _differing(told, state), "orders ended otherwise than most orders of the same events")
    return Report(figures, Counter(orders=len(told)))


def _events(telling: Telling, narrator: Narrator) -> Iterator[tuple[str, str]]:
    """By function, the events that it has acknowledged."""
    for step in telling.told:
        if step is Step.RESOLVED:
            resolution = narrator.resolutions[telling.incident]
            yield from ((BRIDGE, resolution), (WRITER, resolution))
        else:
            yield WRITER, telling.event_id(step)


def _differing(told: Sequence[Telling], state: State) -> Iterator[str]:
    """Orders whose state is not the one that most orders of the same events have."""
    states = {told_: Counter[str]() for told_ in {telling.told for telling in told}}
    for telling in told:
        states[telling.told][state.of(telling)] += 1
    for telling in told:
        usual, _ = states[telling.told].most_common(1)[0]
        if state.of(telling) != usual:
            yield str(telling)
