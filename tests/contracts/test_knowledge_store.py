"""One contract, two stores: the fake is only worth something while it keeps the same promises as PostgreSQL."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.adapters.knowledge_store import PostgresKnowledge
from shared.domain.errors import Unprocessable
from shared.domain.knowledge import Outcome, PathType
from shared.domain.writes import write_of
from shared.testing.clocks import NOON, FakeClock
from shared.testing.events import alert_resolved, execution_verified, remediation_approved, write_requested
from shared.testing.knowledge import MemoryKnowledge
from tests.histories import at
from tests.tables import opened


@contextmanager
def in_memory(_request):
    yield MemoryKnowledge(FakeClock(NOON + timedelta(days=1)))


@contextmanager
def in_postgres(request):
    with opened(request.getfixturevalue("database_url")) as database:
        yield PostgresKnowledge(database, announce=False)


@pytest.fixture(params=[in_memory, in_postgres], ids=["memory", "postgres"])
def store(request):
    with request.param(request) as made:
        yield made


async def write(store, *events):
    return await store.write([write_of(event) for event in events], deadline_s=10)


async def test_a_write_is_answered_with_what_is_there_now(store):
    event = write_requested("approval_manual", approval="apr-1")
    (receipt,) = await write(store, event)

    written = receipt.written
    assert (written.outcome, written.revision, written.linked, receipt.duplicate) == (Outcome.CREATED, 1, False, False)
    assert (written.incident_id, written.approval_id) == (event.subject, "apr-1")
    assert receipt.at.utcoffset() == timedelta(0)


async def test_a_duplicate_gets_the_first_answer_though_more_has_happened(store):
    event = alert_resolved()
    (first,) = await write(store, event)
    await write(store, remediation_approved(at=at(1)), alert_resolved(id="newer", at=at(2)))
    (again,) = await write(store, event)

    assert again == replace(first, duplicate=True)
    assert again.announce(event) == first.announce(event)


async def test_the_four_outcomes(store):
    events = [write_requested(id=f"w{minute}", at=at(minute), text=text) for minute, text in [(2, "b"), (3, "c")]]
    older, same = write_requested(id="w1", at=at(1), text="a"), write_requested(id="w4", at=at(4), text="c")

    receipts = [(await write(store, event))[0] for event in [*events, older, same]]

    assert [receipt.written.outcome for receipt in receipts] == ["created", "updated", "superseded", "unchanged"]
    assert [receipt.written.revision for receipt in receipts] == [1, 2, 3, 4]
    assert len({receipt.written.entry_id for receipt in receipts}) == 1


@pytest.mark.parametrize("turned", [False, True])
async def test_an_approval_and_a_resolution_find_each_other(store, turned):
    events = [remediation_approved(at=at(1)), alert_resolved(at=at(2))]
    for event in reversed(events) if turned else events:
        await write(store, event)

    (receipt,) = await write(store, alert_resolved(id="again", at=at(3)))

    assert receipt.written.linked
    assert receipt.written.approval_id == "apr-9"


async def test_an_approval_and_a_resolution_find_each_other_when_they_meet(store):
    pairs = [
        (remediation_approved(id=f"a{n}", incident=f"INC-{n}"), alert_resolved(id=f"r{n}", incident=f"INC-{n}"))
        for n in range(10)
    ]
    await asyncio.gather(*(write(store, event) for pair in pairs for event in pair))

    for number in range(10):
        (receipt,) = await write(store, alert_resolved(id=f"s{number}", incident=f"INC-{number}", at=at(1)))
        assert receipt.written.approval_id == "apr-9"


async def test_a_batch_is_answered_in_its_order(store):
    events = [write_requested(id=f"w{n}", incident=f"INC-{n % 3}", at=at(n)) for n in range(9)]
    receipts = await write(store, *events)

    assert [receipt.written.incident_id for receipt in receipts] == [event.subject for event in events]
    assert [receipt.written.revision for receipt in receipts] == [1, 1, 1, 2, 2, 2, 3, 3, 3]


async def test_the_same_event_twice_in_a_batch_takes_effect_once(store):
    event = write_requested()
    first, second = await write(store, event, event)

    assert first.written == second.written
    assert first.written.revision == 1


async def test_an_id_that_was_used_for_other_content_is_refused(store):
    await write(store, write_requested(text="first"))

    with pytest.raises(Unprocessable, match="write-1"):
        await write(store, write_requested(text="second"))


async def test_a_batch_is_all_or_nothing(store):
    await write(store, write_requested(id="taken", text="first"))
    with pytest.raises(Unprocessable):
        await write(store, write_requested(id="new", at=at(1)), write_requested(id="taken", text="second"))

    (receipt,) = await write(store, write_requested(id="new", at=at(1)))
    assert not receipt.duplicate
    assert receipt.written.revision == 2


async def test_the_same_id_of_another_source_is_another_event(store):
    event = write_requested()
    receipts = await write(store, event, replace(event, source="/other"))

    assert [receipt.written.revision for receipt in receipts] == [1, 2]


async def test_events_without_an_incident_have_entries_of_their_own(store):
    events = [write_requested("playbook_extract", id=f"p{n}", incident=None) for n in range(2)]
    receipts = await write(store, *events)

    assert len({receipt.written.entry_id for receipt in receipts}) == 2
    assert {receipt.written.outcome for receipt in receipts} == {Outcome.CREATED}
    assert {receipt.written.incident_id for receipt in receipts} == {None}


async def test_a_missing_time_is_the_databases(store):
    (first,) = await write(store, write_requested(id="a", at=None, text="now"))
    (second,) = await write(store, write_requested(id="b", at=NOON, text="long ago"))

    assert first.written.outcome is Outcome.CREATED
    assert second.written.outcome is Outcome.SUPERSEDED


async def test_every_event_type_and_path_is_stored(store):
    paths = [write_requested(str(path), id=f"w-{path}", approval="apr-1") for path in PathType]
    verdicts = [execution_verified(verdict, id=verdict) for verdict in ("success", "failed", "degraded", "timeout")]
    events = [
        *paths,
        *verdicts,
        alert_resolved(),
        remediation_approved(),
        execution_verified(id="x", revises="success"),
    ]

    assert len(await write(store, *events)) == len(events)


@pytest.mark.parametrize(
    "text", ["Ünïcödé 修復 🛠", "'; DROP TABLE inbox; --", '{"json": [":name", "%s"]}', "\\u0000", "\t\n\r"]
)
async def test_any_text_is_stored_as_it_is(store, text):
    (receipt,) = await write(store, write_requested(text=text, metadata={text: [text]}))

    assert receipt.written.outcome is Outcome.CREATED


class TestInPostgres:
    """What only the tables can tell."""

    async def test_texts_come_back_as_they_were_said(self, database, rows):
        text = "Ünïcödé 修復 🛠 '\"\\u0000 \n"
        await write(PostgresKnowledge(database, announce=False), write_requested(text=text, metadata={"k": text}))

        assert rows("SELECT title, content, metadata ->> 'k' FROM knowledge_entries") == [[text, text, text]]

    @pytest.mark.parametrize("announce", [True, False])
    async def test_each_effect_is_announced_once_in_its_own_transaction(self, database, rows, announce):
        store = PostgresKnowledge(database, announce=announce)
        event = write_requested()
        (receipt,) = await write(store, event)
        await write(store, event)

        expected = [[receipt.announce(event).id]] if announce else []
        assert rows("SELECT event_id FROM outbox") == expected

    async def test_a_refused_batch_leaves_no_trace(self, database, rows):
        store = PostgresKnowledge(database, announce=True)
        with pytest.raises(Unprocessable):
            await write(store, write_requested(), write_requested(text="other"))

        for table in ("inbox", "outbox", "knowledge_entries", "incident_links"):
            assert rows(f"SELECT count(*) FROM {table}") == [[0]]
