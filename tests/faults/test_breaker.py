"""A database that is not asked while it is out: on real PostgreSQL, through a proxy that breaks lines."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager

import pytest

from shared.adapters.dsn import Dsn
from shared.adapters.postgres import Database, Limits
from shared.domain.breaker import Rule
from shared.domain.failures import LOST_CONNECTION, NOT_ASKED, Failure, FailureClass
from tests.faults.proxy import Fault, Proxy, Refuse, Reset, Stall
from tests.faults.proxy.postgres import NoLogin, PostgresDialect, Sqlstate
from tests.sqlstates import failure_of, statement

PATIENT = Rule(first_s=60.0, longest_s=60.0)  # no probe in this test's lifetime
EAGER = Rule(first_s=0.05, longest_s=0.2)
QUICK = {"connect_s": 0.15, "statement_s": 0.1, "lock_s": 0.05}
ONE = statement("SELECT 1")


@pytest.fixture
def proxy(postgres_server):
    postgres_server.start()
    with Proxy(postgres_server.socket, PostgresDialect) as made:
        yield made


@pytest.fixture
def opened(proxy):
    @contextmanager
    def make(rule, **limits):
        dsn = Dsn.parse(f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres?sslmode=disable")
        database = Database(dsn, application="test", limits=Limits(**limits), rule=rule)
        try:
            yield database
        finally:
            database.close()

    return make


async def lose(database, times=5):
    return [await failure_of(database.run(ONE)) for _ in range(times)]


async def until(told, what):
    """Return when the log says so."""
    async with asyncio.timeout(10):
        while not [line for line in told.messages if what in line]:  # noqa: ASYNC110 - the log tells nobody
            await asyncio.sleep(0.01)


class TestOpening:
    @pytest.mark.parametrize("fault", [Reset, Stall], ids=["reset", "black hole"])
    async def test_five_lost_lines_and_the_sixth_call_does_not_touch_postgresql(self, proxy, opened, fault):
        proxy.fault = fault()
        with opened(PATIENT, **QUICK) as database:
            assert await lose(database) == [LOST_CONNECTION] * 5
            touched = proxy.fault.hits
            assert await lose(database, 20) == [NOT_ASKED] * 20

            assert touched >= 5
            assert proxy.fault.hits == touched

    async def test_two_that_took_long_to_be_lost_are_enough(self, proxy, opened):
        proxy.fault = Stall()
        with opened(Rule(slow_s=0.1, first_s=60.0, longest_s=60.0), **QUICK) as database:
            assert await lose(database, 3) == [LOST_CONNECTION, LOST_CONNECTION, NOT_ASKED]

    async def test_an_answer_in_between_breaks_the_row(self, proxy, opened):
        with opened(PATIENT) as database:
            for _ in range(3):
                proxy.fault = Reset()
                await lose(database, 4)
                proxy.fault = Fault()
                assert await database.run(ONE) == [[1]]

    @pytest.mark.parametrize("code", ["40001", "40P01", "23505", "53300", "57014", "42P01", "XX001", "22021"])
    async def test_what_the_server_says_does_not_open_it(self, proxy, opened, code):
        with opened(PATIENT, threads=1) as database:
            proxy.fault = Sqlstate(code, at="^SELECT")
            assert {(await failure_of(database.run(ONE))).sqlstate for _ in range(7)} == {code}
            proxy.fault = Fault()
            assert await database.run(ONE) == [[1]]

    async def test_a_server_that_lets_nobody_in_answers(self, proxy, opened):
        proxy.fault = NoLogin("57P03")
        with opened(PATIENT) as database:
            assert {failure.sqlstate for failure in await lose(database, 7)} == {"57P03"}
            proxy.fault = Fault()
            assert await database.run(ONE) == [[1]]

    async def test_calls_that_found_no_thread_do_not_open_it(self, opened):
        with opened(PATIENT, threads=1, slot_s=0.01) as database:
            busy = asyncio.create_task(database.run(statement("SELECT pg_sleep(0.3)")))
            await asyncio.sleep(0)
            assert await lose(database, 7) == [Failure(FailureClass.OVERLOAD)] * 7
            await busy
            assert await database.run(ONE) == [[1]]

    async def test_a_bug_does_not_open_it(self, opened):
        with opened(PATIENT) as database:
            for _ in range(7):
                with pytest.raises(ZeroDivisionError):
                    await database.run(lambda _: 1 / 0)
            assert await database.run(ONE) == [[1]]

    async def test_in_a_black_hole_only_the_first_calls_wait_and_threads_do_not_pile_up(self, proxy, opened):
        before = threading.active_count()
        with opened(PATIENT, threads=2, slot_s=10.0, **QUICK) as database:
            proxy.fault = Stall()

            async def timed():
                began = time.monotonic()
                failure = await failure_of(database.run(ONE))
                return failure, time.monotonic() - began

            waited = [await asyncio.gather(timed(), timed()) for _ in range(3)]
            refused = await asyncio.gather(*(timed() for _ in range(200)))

            assert threading.active_count() <= before + 2
            assert {failure for failure, _ in refused} == {NOT_ASKED}
            assert max(took for _, took in refused) < min(took for pair in waited[:2] for _, took in pair)


class TestClosing:
    @pytest.mark.parametrize("fault", [Refuse, Stall], ids=["refused", "black hole"])
    async def test_its_return_is_noticed_without_a_call_and_told_once(self, proxy, opened, fault, caplog):
        with opened(EAGER, **QUICK) as database:
            proxy.fault = fault()
            await lose(database)
            await asyncio.sleep(0.5)  # several probes
            (out,) = caplog.messages
            proxy.fault = Fault()
            await until(caplog, "answers again")

            assert "refused at once until a probe gets through" in out
            assert len(caplog.messages) == 2
            assert await database.run(ONE) == [[1]]

    async def test_a_probe_that_fails_keeps_it_shut(self, proxy, opened):
        with opened(EAGER) as database:
            proxy.fault = Reset()
            await lose(database)
            touched = proxy.fault.hits
            await asyncio.sleep(0.5)

            assert proxy.fault.hits > touched
            assert NOT_ASKED in await lose(database, 10)

    async def test_while_it_is_out_few_probes_go_through(self, proxy, opened):
        with opened(EAGER) as database:
            proxy.fault = Reset()
            await lose(database)
            touched = proxy.fault.hits
            calls = 0
            ends = time.monotonic() + 0.5
            while time.monotonic() < ends:
                await lose(database, 1)
                calls += 1
                await asyncio.sleep(0)

            # Of this time at least the jittered half of each pause passes between two.
            assert 1 <= proxy.fault.hits - touched <= 12
            assert calls > 50

    def test_without_a_loop_to_knock_on_the_next_call_is_the_probe(self, proxy, opened):
        with opened(EAGER) as database:
            proxy.fault = Reset()
            asyncio.run(lose(database))
            proxy.fault = Fault()
            time.sleep(EAGER.first_s)

            assert asyncio.run(database.run(ONE)) == [[1]]

    async def test_whoever_comes_during_a_probe_does_not_wait_for_its_thread(self, proxy, opened):
        with opened(Rule(first_s=0.01, longest_s=0.01), threads=1, slot_s=10.0, connect_s=1.0) as database:
            proxy.fault = Reset()
            await lose(database)
            proxy.fault = Stall()
            async with asyncio.timeout(10):
                while not proxy.fault.hits:  # noqa: ASYNC110 - the proxy tells nobody
                    await asyncio.sleep(0.01)
            began = time.monotonic()

            assert await lose(database, 1) == [NOT_ASKED]
            assert time.monotonic() - began < 1.0  # for so long the thread waits

    async def test_one_that_is_closed_for_good_knocks_no_more(self, proxy, opened):
        with opened(EAGER) as database:
            proxy.fault = Reset()
            await lose(database)
            assert len(asyncio.all_tasks()) == 2
        await asyncio.sleep(0)

        assert len(asyncio.all_tasks()) == 1
