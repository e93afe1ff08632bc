"""The broker's file: groups, order, and what is forgotten."""

from __future__ import annotations

import asyncio
import contextlib
import math
import sqlite3
import time

import pytest

from shared.local.knative.deliveries import Deliveries, Entry, Route
from shared.local.knative.envelopes import Envelope
from shared.local.knative.group_commit import GroupCommit


def entry(number, *routes):
    attributes = {"specversion": "1.0", "id": str(number), "source": "/test", "type": "t", "knativebrokerttl": "255"}
    return Entry(Envelope(attributes, b"{}"), tuple(Route(route, route) for route in routes))


@contextlib.asynccontextmanager
async def opened(path):
    deliveries = Deliveries(path)
    yield deliveries
    await deliveries.close()


async def test_a_group_fails_as_a_whole_and_the_next_one_does_not(tmp_path):
    group = GroupCommit(tmp_path / "group.db")
    await group.commit(lambda db: db.execute("CREATE TABLE t (n INTEGER)"))

    def insert(number):
        return group.commit(lambda db: db.execute("INSERT INTO t VALUES (?)", (number,)).lastrowid)

    def broken():
        return group.commit(lambda db: db.execute("INSERT INTO nowhere VALUES (1)"))

    first = await asyncio.gather(insert(1), broken(), insert(2), return_exceptions=True)
    assert [type(each) for each in first] == [sqlite3.OperationalError] * 3
    assert await asyncio.gather(insert(3), insert(4)) == [1, 2]
    assert await group.commit(lambda db: db.execute("SELECT n FROM t").fetchall()) == [(3,), (4,)]
    await group.close()


async def test_a_caller_that_gives_up_harms_nobody(tmp_path):
    group = GroupCommit(tmp_path / "group.db")
    await group.commit(lambda db: db.execute("CREATE TABLE t (n INTEGER)"))
    ours, other = (
        asyncio.create_task(group.commit(lambda db, n=n: db.execute("INSERT INTO t VALUES (?)", (n,)).lastrowid))
        for n in (1, 2)
    )
    await asyncio.sleep(0)
    ours.cancel()
    assert await other == 2
    with pytest.raises(asyncio.CancelledError):
        await ours
    await group.close()


async def test_the_longest_due_comes_first(tmp_path):
    async with opened(tmp_path / "broker.db") as deliveries:
        for number in range(3):
            await deliveries.accept(entry(number, "worker"))
        now = time.time()
        first, second, third = deliveries.due("worker", now, 10)
        await deliveries.postpone(deliveries.load(first), 0.0)
        assert deliveries.due("worker", time.time(), 2) == [second, third]
        assert deliveries.due("worker", time.time(), 10) == [second, third, first]
        await deliveries.postpone(deliveries.load(second), 60.0)
        assert deliveries.due("worker", time.time(), 10) == [third, first]
        assert deliveries.next_after("worker", time.time()) >= now + 60
        assert deliveries.load(second).attempts == 1
        assert (deliveries.due("other", now, 10), deliveries.next_after("other", now)) == ([], None)


async def test_what_is_not_due_yet_is_next_to_the_very_moment(tmp_path):
    async with opened(tmp_path / "broker.db") as deliveries:
        await deliveries.accept(entry(1, "worker"))
        moment = deliveries.next_after("worker", 0.0)
        before = math.nextafter(moment, 0.0)
        assert (deliveries.due("worker", before, 10), deliveries.next_after("worker", before)) == ([], moment)
        assert (deliveries.due("worker", moment, 10), deliveries.next_after("worker", moment)) == ([1], None)


async def test_the_counts_agree_while_deliveries_end(tmp_path):
    async with opened(tmp_path / "broker.db") as deliveries:
        await asyncio.gather(*(deliveries.accept(entry(number, "worker")) for number in range(500)))
        due = deliveries.due("worker", time.time(), 500)
        ending = asyncio.gather(*(finish_slowly(deliveries, due[start::10]) for start in range(10)))
        while not ending.done():
            stats = deliveries.stats([])
            assert stats["delivered"] + stats["pending"] == 500
            await asyncio.sleep(0)
        await ending
        assert deliveries.stats([])["delivered"] == 500


async def finish_slowly(deliveries, owed):
    for each in owed:
        await deliveries.finish(deliveries.load(each))


async def test_old_events_go_but_never_what_is_owed(tmp_path):
    async with opened(tmp_path / "broker.db") as deliveries:
        await asyncio.gather(
            *(deliveries.accept(entry(number, *["worker"][: number == 7])) for number in range(12_000))
        )
        kept = deliveries.events(type=None, subject=None, after=0, limit=-1)
        assert [kept[0]["event"]["id"], kept[1]["event"]["id"], len(kept)] == ["7", "2000", 10_001]
        assert deliveries.stats([])["received"] == 12_000
        [owed] = deliveries.due("worker", time.time(), 10)
        assert deliveries.load(owed).envelope == entry(7).envelope
