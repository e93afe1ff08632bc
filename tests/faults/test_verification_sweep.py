"""The harness counts announcements when they are there, not while a process that lives is still sending them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import asyncpg
import pytest_asyncio

from shared.adapters import outbox
from shared.adapters.dsn import Dsn
from shared.adapters.postgres import Database, Limits
from shared.adapters.relay import Relay
from shared.domain.events import Event
from shared.testing.events import write_requested
from tests.faults.collector import Collector
from tests.faults.verification.rounds import sweep

_ROWS = 10


class HeldSink:
    """A sink that is asked, and answers when it is let."""

    routes: Mapping[str, Sequence[str]] | None = None

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.let = asyncio.Event()

    async def send(self, _event: Event, _destination: str = "") -> None:
        self.asked.set()
        await self.let.wait()


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(Dsn.parse(database_url), application="living", limits=Limits(threads=2))
    events = [write_requested(id=f"ev-{number}") for number in range(_ROWS)]
    await database.transact(lambda connection: outbox.add(connection, events))
    yield database
    database.close()


@asynccontextmanager
async def _claimed(database: Database) -> AsyncIterator[None]:
    """A living process has claimed every row, and has sent none."""
    sink = HeldSink()
    living = asyncio.create_task(Relay(database, sink).sweep())
    await sink.asked.wait()
    yield
    sink.let.set()
    await living


async def test_one_sweep_leaves_what_a_living_process_has_claimed(database: Database) -> None:
    async with _claimed(database):
        relayed = await Relay(database, HeldSink()).sweep()

    assert (relayed.sent, relayed.remaining) == (0, _ROWS)


async def test_what_a_living_process_has_claimed_is_announced_before_it_is_counted(
    database: Database, database_url: str
) -> None:
    async with Collector() as collector, _claimed(database):
        await sweep(database_url, collector.url)

        assert len(collector.seen) == _ROWS


async def test_rows_that_somebody_has_locked_are_waited_for(database: Database, database_url: str) -> None:
    locker = await asyncpg.connect(database_url)
    async with Collector() as collector:
        async with locker.transaction():
            await locker.execute("SELECT id FROM outbox FOR UPDATE")
            sweeping = asyncio.create_task(sweep(database_url, collector.url))
            await asyncio.wait([sweeping], timeout=0.2)
            assert not sweeping.done()
            assert collector.seen == {}
        await sweeping
        assert len(collector.seen) == _ROWS
    await locker.close()
