"""One run per slot: replicas, dead owners, and late writes of owners who slept."""

from __future__ import annotations

import asyncio

import pytest

from shared.adapters.dsn import Dsn
from shared.adapters.slots import Slots
from shared.domain.errors import Busy, DatabaseUnavailable
from shared.domain.slots import Done, Mine, Taken, given_back
from tests.integration.lines import Wire
from tests.tables import opened

DAY_S = 86_400


@pytest.fixture
def replica(database):
    """The slots of a job, as one of its processes runs them."""

    def made(owner, *, job="job", interval_s=DAY_S):
        return Slots(database, job, owner=owner, interval_s=interval_s, lease_s=60.0)

    return made


@pytest.fixture
def claim(replica):
    async def run(owner, **which):
        return await replica(owner, **which).claim()

    return run


@pytest.fixture
def finish(database, replica):
    async def run(slot, result):
        return await database.run(lambda connection: replica("whoever").finish(connection, slot, result))

    return run


async def test_the_first_one_runs_the_slot(claim):
    slot = await claim("a")

    assert isinstance(slot, Mine)
    assert slot.fence == 1


async def test_one_of_many_replicas_runs_it(claim):
    found = await asyncio.gather(*(claim(f"replica-{number}") for number in range(8)))

    assert sorted(type(slot).__name__ for slot in found) == ["Mine"] + ["Taken"] * 7


async def test_a_slot_that_is_done_says_what_came_of_it(claim, finish):
    slot = await claim("a")
    await finish(slot, {"drained": 3})

    assert await claim("b") == Done(slot.slot_start, {"drained": 3})


async def test_the_slot_is_a_multiple_of_its_length_by_the_databases_clock(claim, rows):
    slot = await claim("a", interval_s=300)

    ((now,),) = rows("SELECT now()")
    assert slot.slot_start.timestamp() % 300 == 0
    assert 0 <= (now - slot.slot_start).total_seconds() < 300


async def test_jobs_do_not_know_each_other(claim):
    assert isinstance(await claim("a", job="one"), Mine)
    assert isinstance(await claim("a", job="two"), Mine)


async def test_the_next_slot_is_another(claim, rows, finish):
    await finish(await claim("a"), {})
    rows("UPDATE cron_slots SET slot_start = slot_start - interval '1 day'")

    assert isinstance(await claim("a"), Mine)


async def test_a_dead_owner_is_succeeded_when_its_lease_is_over(claim, rows):
    first = await claim("dead")
    assert await claim("b") == Taken()
    rows("UPDATE cron_slots SET lease_until = now() - interval '1 second'")

    second = await claim("b")
    assert (second.slot_start, second.fence) == (first.slot_start, 2)
    assert rows("SELECT owner FROM cron_slots") == [["b"]]


async def test_an_owner_who_slept_past_its_lease_changes_nothing(claim, rows, finish, replica):
    asleep = await claim("asleep")
    rows("UPDATE cron_slots SET lease_until = now() - interval '1 second'")
    awake = await claim("awake")

    with pytest.raises(Busy, match="took this slot over"):
        await finish(asleep, {"who": "asleep"})
    await replica("whoever").release(asleep)
    assert await claim("c") == Taken()
    await finish(awake, {"who": "awake"})
    with pytest.raises(Busy):
        await finish(awake, {"who": "awake, again"})
    assert (await claim("c")).result == {"who": "awake"}


async def test_a_slot_that_was_given_back_is_free_at_once(claim, replica):
    first = await claim("a")
    await replica("whoever").release(first)

    second = await claim("b")
    assert (second.slot_start, second.fence) == (first.slot_start, 2)


async def test_a_done_slot_cannot_be_given_back(claim, finish, replica):
    slot = await claim("a")
    await finish(slot, {})
    await replica("whoever").release(slot)

    assert isinstance(await claim("b"), Done)


class TestGivingBack:
    @pytest.fixture
    def job(self, replica):
        return replica("me")

    @pytest.fixture
    def wired(self, postgres_server, database_url):
        """The same job behind a wire that can be cut."""
        with Wire(str(postgres_server.socket)) as wire:
            address = f"postgresql://postgres@127.0.0.1:{wire.port}/{Dsn.parse(database_url).database}?sslmode=disable"
            with opened(address, threads=2) as database:
                yield wire, database, Slots(database, "job", owner="me", interval_s=DAY_S, lease_s=60.0)

    async def test_a_run_that_fails_gives_its_slot_back_and_its_error_is_heard(self, job, claim):
        slot = await job.claim()
        with pytest.raises(ZeroDivisionError):
            async with given_back(slot, job.release):
                raise ZeroDivisionError

        assert (await claim("b")).fence == slot.fence + 1

    async def test_a_run_that_is_cancelled_gives_its_slot_back(self, job, claim):
        slot = await job.claim()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01), given_back(slot, job.release):
                await asyncio.Event().wait()

        assert (await claim("b")).fence == slot.fence + 1

    async def test_a_run_that_comes_to_its_end_keeps_it(self, job, claim, finish):
        slot = await job.claim()
        async with given_back(slot, job.release):
            await finish(slot, {"well": True})

        assert (await claim("b")).result == {"well": True}

    async def test_one_that_was_overtaken_gives_nothing_back(self, job, claim, rows):
        asleep = await job.claim()
        rows("UPDATE cron_slots SET lease_until = now() - interval '1 second'")
        await claim("awake")
        await job.release(asleep)

        assert await claim("c") == Taken()

    async def test_a_line_that_breaks_at_the_very_end_gives_the_slot_back(self, wired, claim):
        wire, database, job = wired
        slot = await job.claim()

        async def broken_off():
            async with given_back(slot, job.release):
                wire.cut_after = 0
                try:
                    await database.run(lambda connection: job.finish(connection, slot, {}))
                finally:
                    wire.cut_after = None

        with pytest.raises(DatabaseUnavailable):
            await broken_off()
        assert (await claim("b")).fence == slot.fence + 1

    async def test_while_postgresql_is_out_the_caller_goes_and_the_slot_is_given_back_later(self, wired, claim):
        wire, _, job = wired
        slot = await job.claim()
        wire.cut_after = 0
        await job.release(slot)
        assert await claim("b") == Taken()

        wire.cut_after = None
        async with asyncio.timeout(20):
            while await claim("b") == Taken():  # noqa: ASYNC110 - the row tells nobody
                await asyncio.sleep(0.05)
