"""A few races of what ``make chaos`` runs for minutes: one run for each slot, and what the checker lets pass."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest

from tests.faults.collector import Collector
from tests.faults.races.audit import audit
from tests.faults.races.broker import Broker
from tests.faults.races.campaign import play
from tests.faults.races.heats import Trouble
from tests.faults.races.jobs import JOBS
from tests.faults.races.journal import Entries, Note
from tests.faults.races.staging import Place, Plan
from tests.faults.replicas import Replicas

_GOVERNANCE, _, _RECONCILER = JOBS
_SLOT = datetime(2026, 1, 31, 12, tzinfo=UTC)
_SOUND = (("claimed", "a"), ("claimed", "b"), ("finished", "b"))


async def test_a_slot_is_done_once_whoever_is_stalled(own_database_url: str, redis_url: str, tmp_path: Path) -> None:
    troubles = [Trouble.NONE, Trouble.STALL, Trouble.RELAPSE]
    async with Collector() as collector:
        place = Place(database_url=own_database_url, redis_url=redis_url, sink=collector.url, folder=tmp_path)
        plan = Plan(job=_GOVERNANCE, replicas=2, troubles=troubles)
        report = await play(plan, place, collector, random=Random("slice"))

    assert report.figures.problems == []
    assert report.notes == {"slots": 3, Trouble.STALL: 1, Trouble.RELAPSE: 1}


async def test_a_tick_that_two_replicas_acknowledge_counts_once() -> None:
    replicas = Replicas("", Path(), {"slow": {}, "quick": {}})
    broker = Broker(replicas, Random(0), lambda: True)
    slow, quick = _Answering(), _Answering()
    quick.may_answer.set()
    async with slow.at(replicas.url("slow")), quick.at(replicas.url("quick")):
        ticking = asyncio.create_task(broker.tick())
        await slow.is_asked.wait()
        broker.leave("slow")
        await ticking
        slow.may_answer.set()
        await broker.heard("slow")
        broker.close()

    assert broker.answers == {204: 3}
    assert broker.acknowledged == {"tick-1", "tick-2"}


class _Answering:
    """A replica that acknowledges everything, once it may."""

    def __init__(self) -> None:
        self.is_asked = asyncio.Event()
        self.may_answer = asyncio.Event()

    @asynccontextmanager
    async def at(self, url: str) -> AsyncIterator[None]:
        place = urlsplit(url)
        async with await asyncio.start_server(self._answer, place.hostname, place.port):
            yield

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.is_asked.set()
        await self.may_answer.wait()
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()


@pytest.mark.parametrize(
    ("notes", "told", "counter"),
    [
        (_SOUND, [_SLOT], None),
        (_SOUND[:2], [], "lost"),
        (_SOUND, [], "lost"),
        (_SOUND, [_SLOT, _SLOT], "duplicated"),
        (_SOUND, [_SLOT, _SLOT + timedelta(hours=1)], "unexpected"),
        ((*_SOUND, ("changed", "a")), [_SLOT], "duplicated"),
        ((("claimed", "a"), ("robbed", "b"), ("finished", "b")), [_SLOT], "wrong"),
        ((("claimed", "a"), ("claimed", "b"), ("finished", "a")), [_SLOT], "wrong"),
    ],
)
def test_what_happened_to_a_slot_is_judged(
    notes: tuple[tuple[str, str], ...], told: list[datetime], counter: str | None
) -> None:
    announced = [
        {"id": f"e-{number}", "type": _RECONCILER.announces, "time": slot.isoformat(), "data": {"links": 1}}
        for number, slot in enumerate(told)
    ]
    done = {_SLOT: {"links": 1}} if "finished" in dict(notes) else {}
    entries = Entries(notes=[Note(_SLOT, what, who) for what, who in notes], announced=announced, done=done)
    collector = Collector()
    for event in announced:
        collector.take(event)
    broker = Broker(Replicas("", Path(), {}), Random(0), lambda: True)

    figures = audit(_RECONCILER, entries, broker, collector, slots=1, replicas=2)

    assert [figures.problems != [], counter is None or getattr(figures, counter) > 0] == [counter is not None, True]
