"""Some orders of what ``make chaos`` tells in all of them: the same events, the same knowledge."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from random import Random

from tests.deployed import deployed
from tests.faults.collector import Collector
from tests.faults.load import Service
from tests.faults.orders.campaign import play
from tests.faults.orders.story import Step, tellings
from tests.faults.traffic import WRITER

_TOLD = frozenset(Step) - {Step.RESOLVED}  # alert-bridge would be one more process to start


async def test_the_order_of_events_leaves_no_trace(own_database_url: str, redis_url: str, tmp_path: Path) -> None:
    whole = tellings(Random("slice"), part=0, parts=48, some=2, first=1)
    told = [replace(telling, steps=tuple(step for step in telling.steps if step in _TOLD)) for telling in whole]
    async with Collector() as collector:
        settings = {"AUTH_MODE": "network", "DATABASE_URL": own_database_url, "REDIS_URL": redis_url}
        serving = deployed(tmp_path, "km_write", **settings, EVENT_SINK=collector.url)
        (place,) = await asyncio.to_thread(serving.__enter__)
        try:
            report = await play(own_database_url, {WRITER: Service(place.url, {})}, collector, told)
        finally:
            await asyncio.to_thread(serving.__exit__, None, None, None)

    assert report.figures.problems == []
    assert report.notes["orders"] == 21


def test_every_order_is_told_by_some_part() -> None:
    told = [telling for part in range(24) for telling in tellings(Random(1), part=part, parts=24, some=0, first=1)]

    assert len({tuple(dict.fromkeys(telling.steps)) for telling in told}) == 720
    assert all(telling.told == frozenset(Step) for telling in told)
