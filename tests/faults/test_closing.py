"""A database that is closed while its threads are at work: what they began ends well, and nothing stays open."""

from __future__ import annotations

import asyncio
from contextlib import closing

import pytest

from shared.adapters.dsn import Dsn
from shared.adapters.postgres import Database, Limits
from shared.domain.breaker import Rule
from shared.domain.failures import LOST_CONNECTION
from tests.faults.proxy import Fault, Proxy, Stall
from tests.sqlstates import failure_of, statement
from tests.tables import reading

ONE = statement("SELECT 1")


@pytest.fixture
def proxy(postgres_server):
    postgres_server.start()
    with Proxy(postgres_server.socket) as made:
        yield made


@pytest.fixture
def made(proxy):
    dsn = Dsn.parse(f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres?sslmode=disable")
    with closing(Database(dsn, application="closing", limits=Limits(threads=4))) as database:
        yield database


@pytest.fixture
def until_sessions(postgres_server):
    """Wait until the server has so many sessions of ours."""
    with reading(postgres_server.uri()) as rows:

        async def wait(count):
            async with asyncio.timeout(10):
                while [[count]] != rows("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'closing'"):  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.005)

        yield wait


async def test_a_connection_that_rests_is_closed_at_once(made, until_sessions):
    await asyncio.gather(made.run(ONE), made.run(ONE))
    await until_sessions(2)
    made.close()
    await until_sessions(0)


async def test_a_statement_under_way_ends_well_and_its_connection_is_closed(made, until_sessions):
    await made.run(ONE)
    call = asyncio.create_task(made.run(statement("SELECT 2 FROM pg_sleep(0.3)")))
    await until_sessions(1)
    await asyncio.sleep(0.1)
    made.close()

    assert await call == [[2]]
    await until_sessions(0)


async def test_a_connection_that_is_being_opened_meanwhile_is_closed_and_not_used(proxy, made, until_sessions):
    proxy.fault = Stall()
    call = asyncio.create_task(failure_of(made.run(ONE)))
    async with asyncio.timeout(10):
        while not proxy.fault.hits:  # noqa: ASYNC110 - the proxy tells nobody
            await asyncio.sleep(0.005)
    made.close()
    proxy.fault = Fault()

    assert await call == LOST_CONNECTION
    await until_sessions(0)


async def test_whoever_calls_until_and_after_the_end_is_told_that_there_is_no_line(postgres_server, until_sessions):
    for moment in range(10):
        dsn = Dsn.parse(postgres_server.uri())
        database = Database(dsn, application="closing", limits=Limits(threads=3), rule=Rule(failures=1))

        async def calls(run=database.run):
            while True:
                assert await run(ONE) == [[1]]

        callers = [asyncio.create_task(failure_of(calls())) for _ in range(5)]
        await asyncio.sleep(0.003 * moment)
        database.close()
        assert set(await asyncio.gather(*callers)) == {LOST_CONNECTION}
        assert len(asyncio.all_tasks()) == 1  # and nobody knocks at what is closed for good
    await until_sessions(0)
