"""Whatever waits is committed together, and each caller gets its own result: alone, and on real PostgreSQL."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import replace

import pytest

from shared.adapters.group_commit import GroupCommit
from shared.adapters.knowledge_store import PostgresKnowledge
from shared.domain.errors import DatabaseRejected, DatabaseUnavailable, Unprocessable
from shared.domain.failures import DEADLINE_PASSED, LOST_CONNECTION, FailureClass, of_sqlstate
from shared.domain.knowledge import Entry, EntryType
from shared.domain.writes import write_of
from shared.testing.events import write_requested
from tests.tables import opened


class Committing:
    """A commit that waits until it is let go, and remembers its groups."""

    def __init__(self):
        self.groups = []
        self.under_way = 0
        self.most_under_way = 0
        self.go = asyncio.Event()
        self.errors = {}

    async def __call__(self, items):
        self.groups.append(list(items))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await self.go.wait()
        self.under_way -= 1
        for error in (self.errors[item] for item in items if item in self.errors):
            raise error
        return [f"did {item}" for item in items]


def submit(groups, *items, deadline_s=5.0):
    return [asyncio.create_task(groups.submit(item, deadline_s=deadline_s)) for item in items]


async def turns(count=5):
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
def commit():
    return Committing()


class TestAlone:
    async def test_one_alone_never_waits_for_company(self, commit):
        commit.go.set()
        groups = GroupCommit(commit, lanes=2, largest=10)

        assert [await groups.submit(item, deadline_s=5) for item in "ab"] == ["did a", "did b"]
        assert commit.groups == [["a"], ["b"]]

    async def test_what_comes_meanwhile_goes_together(self, commit):
        groups = GroupCommit(commit, lanes=1, largest=10)
        first = submit(groups, "a")
        await turns()
        rest = submit(groups, *"bcd")
        await turns()
        commit.go.set()

        assert await asyncio.gather(*first, *rest) == ["did a", "did b", "did c", "did d"]
        assert commit.groups == [["a"], ["b", "c", "d"]]

    async def test_no_group_is_larger_than_allowed(self, commit):
        commit.go.set()
        groups = GroupCommit(commit, lanes=1, largest=3)
        await asyncio.gather(*submit(groups, *"abcdefgh"))

        assert [len(group) for group in commit.groups] == [3, 3, 2]

    @pytest.mark.parametrize("lanes", [1, 2, 3])
    async def test_no_more_lanes_than_allowed(self, commit, lanes):
        groups = GroupCommit(commit, lanes=lanes, largest=1)
        tasks = submit(groups, *"abcdef")
        await turns(20)
        commit.go.set()
        await asyncio.gather(*tasks)

        assert commit.most_under_way == lanes

    async def test_one_refused_item_harms_no_other(self, commit):
        commit.go.set()
        commit.errors = {"bad": DatabaseRejected(of_sqlstate("22021"))}
        groups = GroupCommit(commit, lanes=1, largest=10)
        ended = await asyncio.gather(*submit(groups, "a", "bad", "b"), return_exceptions=True)

        assert [ended[0], ended[2]] == ["did a", "did b"]
        assert isinstance(ended[1], DatabaseRejected)

    async def test_a_bug_in_one_item_harms_no_other(self, commit):
        commit.go.set()
        commit.errors = {"bad": KeyError("a bug")}
        groups = GroupCommit(commit, lanes=1, largest=10)
        kinds = [type(end) for end in await asyncio.gather(*submit(groups, "a", "bad", "b"), return_exceptions=True)]

        assert kinds == [str, KeyError, str]
        assert commit.groups == [["a", "bad", "b"], ["a"], ["bad"], ["b"]]

    async def test_nobody_is_tried_again_who_has_left_meanwhile(self, commit):
        commit.errors = {"bad": KeyError("a bug")}
        groups = GroupCommit(commit, lanes=1, largest=10)
        bad, gone, stays = submit(groups, "bad", "gone", "stays")
        await turns()
        gone.cancel()
        commit.go.set()
        await asyncio.gather(bad, gone, stays, return_exceptions=True)

        assert commit.groups == [["bad", "gone", "stays"], ["bad"], ["stays"]]

    async def test_an_outage_is_everybodys(self, commit):
        commit.go.set()
        commit.errors = {"b": DatabaseUnavailable(LOST_CONNECTION)}
        groups = GroupCommit(commit, lanes=1, largest=10)
        ended = await asyncio.gather(*submit(groups, *"abc"), return_exceptions=True)

        assert [error.failure for error in ended] == [LOST_CONNECTION] * 3
        assert commit.groups == [["a", "b", "c"]]

    async def test_an_outage_in_the_search_for_a_refused_item_is_each_ones_own(self, commit):
        commit.go.set()
        commit.errors = {"bad": DatabaseRejected(of_sqlstate("22021")), "b": DatabaseUnavailable(LOST_CONNECTION)}
        groups = GroupCommit(commit, lanes=1, largest=10)
        kinds = [type(end) for end in await asyncio.gather(*submit(groups, "bad", "b", "c"), return_exceptions=True)]

        assert kinds == [DatabaseRejected, DatabaseUnavailable, str]

    async def test_a_bug_reaches_its_callers_and_strands_nobody(self, commit):
        commit.errors = {"a": KeyError("a bug")}
        groups = GroupCommit(commit, lanes=1, largest=1)
        tasks = submit(groups, "a", "b")
        await turns()
        commit.go.set()
        ended = await asyncio.gather(*tasks, return_exceptions=True)

        assert isinstance(ended[0], KeyError)
        assert ended[1] == "did b"

    async def test_a_bug_in_the_search_for_a_refused_item_strands_nobody(self, commit):
        commit.go.set()
        commit.errors = {"bad": DatabaseRejected(of_sqlstate("22021")), "b": KeyError("a bug")}
        groups = GroupCommit(commit, lanes=1, largest=10)
        kinds = [type(end) for end in await asyncio.gather(*submit(groups, "bad", "b", "c"), return_exceptions=True)]

        assert kinds == [DatabaseRejected, KeyError, str]

    async def test_what_comes_just_when_a_lane_ends_is_not_forgotten(self):
        async def commit(items):
            asyncio.get_running_loop().call_soon(late.extend, submit(groups, "b"))
            return items

        late = []
        groups = GroupCommit(commit, lanes=1, largest=10)
        await groups.submit("a", deadline_s=5)

        assert await asyncio.gather(*submit(groups, "c"), *late) == ["c", "b"]

    async def test_past_its_deadline_an_item_is_given_up_and_not_written_later(self, commit):
        groups = GroupCommit(commit, lanes=1, largest=10)
        (first,) = submit(groups, "a")
        await turns()
        (late,) = submit(groups, "late", deadline_s=0.01)
        with pytest.raises(DatabaseUnavailable) as given_up:
            await late
        commit.go.set()
        await first
        await asyncio.gather(*submit(groups, "b"))

        assert given_up.value.failure == DEADLINE_PASSED
        assert commit.groups == [["a"], ["b"]]

    async def test_a_caller_that_leaves_takes_its_item_along(self, commit):
        groups = GroupCommit(commit, lanes=1, largest=10)
        (first,) = submit(groups, "a")
        await turns()
        (gone,) = submit(groups, "gone")
        await turns()
        gone.cancel()
        commit.go.set()
        await asyncio.gather(first, *submit(groups, "b"))

        assert commit.groups == [["a"], ["b"]]

    async def test_a_caller_that_leaves_in_the_middle_harms_no_other(self, commit):
        groups = GroupCommit(commit, lanes=1, largest=10)
        gone, stays = submit(groups, "gone", "stays")
        await turns()
        gone.cancel()
        commit.go.set()

        assert await stays == "did stays"


class TestOnPostgres:
    @pytest.fixture
    def store(self, database_url):
        with opened(database_url) as database:
            yield PostgresKnowledge(database, announce=True, lanes=2, largest=50)

    async def write(self, store, writes):
        calls = [store.write([write], deadline_s=10) for write in writes]
        return await asyncio.gather(*calls, return_exceptions=True)

    async def test_one_bad_write_among_many_harms_no_other(self, store, rows):
        writes = [write_of(write_requested(id=f"w{number}", incident=f"INC-{number}")) for number in range(60)]
        entry = Entry(title="a\0b", content="NUL is no text", entry_type=EntryType.NOTE)
        bad = replace(write_of(write_requested(id="bad", incident="INC-bad")), entry=entry)
        ended = await self.write(store, [*writes[:30], bad, *writes[30:]])

        assert isinstance(ended.pop(30), DatabaseRejected)
        assert [receipt.written.outcome for (receipt,) in ended] == ["created"] * 60
        for table in ("inbox", "outbox", "knowledge_entries"):
            assert rows(f"SELECT count(*) FROM {table}") == [[60]]

    async def test_a_write_that_brings_a_bug_to_light_harms_no_other(self, store, rows):
        writes = [write_of(write_requested(id=f"w{number}", incident=f"INC-{number}")) for number in range(20)]
        bad = replace(write_of(write_requested(id="bad", incident="INC-bad")), entry="no entry at all")
        ended = await self.write(store, [*writes[:10], bad, *writes[10:]])

        assert isinstance(ended.pop(10), AttributeError)
        assert [receipt.written.outcome for (receipt,) in ended] == ["created"] * 20
        for table in ("inbox", "outbox", "knowledge_entries"):
            assert rows(f"SELECT count(*) FROM {table}") == [[20]]

    async def test_a_forged_id_is_its_senders_error_and_not_its_groups(self, store):
        await self.write(store, [write_of(write_requested(id="taken", text="first"))])
        others = [write_of(write_requested(id=f"w{number}", incident=f"INC-{number}")) for number in range(20)]
        forged = write_of(write_requested(id="taken", text="second"))
        ended = await self.write(store, [*others[:10], forged, *others[10:]])

        assert isinstance(ended.pop(10), Unprocessable)
        assert [receipt.written.outcome for (receipt,) in ended] == ["created"] * 20

    async def test_one_event_many_times_at_once_takes_effect_once(self, store, rows):
        write = write_of(write_requested())
        ended = await self.write(store, [write] * 40)

        assert {receipt.written.revision for (receipt,) in ended} == {1}
        assert rows("SELECT count(*) FROM outbox") == [[1]]

    async def test_an_event_without_an_incident_many_times_at_once_takes_effect_once(self, database_url, rows):
        write = write_of(write_requested("playbook_extract", incident=None))
        with ExitStack() as stack:
            stores = [PostgresKnowledge(stack.enter_context(opened(database_url)), announce=True) for _ in range(4)]
            ended = await asyncio.gather(*(self.write(store, [write]) for store in stores))
            again = await self.write(stores[0], [write])

        # Whoever meets the other at the inbox is told to look again, and then finds the answer.
        lost = [end.failure.kind for (end,) in ended if isinstance(end, DatabaseUnavailable)]
        assert set(lost) <= {FailureClass.COLLISION}
        receipts = [receipt for ((receipt,),) in [*(end for end in ended if isinstance(end[0], list)), again]]
        assert {receipt.written.revision for receipt in receipts} == {1}
        for table in ("inbox", "outbox", "knowledge_entries"):
            assert rows(f"SELECT count(*) FROM {table}") == [[1]]

    async def test_an_outage_of_the_server_is_everybodys_and_passes(self, store, postgres_server):
        writes = [write_of(write_requested(id=f"w{number}", incident=f"INC-{number}")) for number in range(20)]
        await asyncio.to_thread(postgres_server.kill9)
        try:
            ended = await self.write(store, writes)
            assert {error.failure for error in ended} == {LOST_CONNECTION}
        finally:
            await asyncio.to_thread(postgres_server.start)

        assert [receipt.written.outcome for (receipt,) in await self.write(store, writes)] == ["created"] * 20
