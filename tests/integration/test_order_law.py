"""The order law on real PostgreSQL: whatever the order, the company and the repetitions, the tables are the same."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import ExitStack, contextmanager
from datetime import datetime
from itertools import permutations

import httpx
import pytest

from shared.adapters.knowledge_store import PostgresKnowledge
from shared.domain.events import to_structured
from tests.deployed import deployed
from tests.histories import NAMES, Link, Row, expected, histories, writes_of
from tests.tables import opened, reading

ROWS = """
SELECT incident_key, path_type, approval_id, source, event_id, event_time, content_sha256, revision, created_at,
       updated_at, archived_at, metadata,
       title, content, entry_type, category, tags, severity, confidence
FROM knowledge_entries ORDER BY incident_key, path_type
"""
LINKS = """
SELECT incident_id, approval_id, approved_time, approved_event_id, approved_source, revoked
FROM incident_links ORDER BY incident_id
"""
TEXT = ("title", "content", "entry_type", "category", "tags", "severity", "confidence")
PATIENCE_S = 30.0


@pytest.fixture
def store(database_url):
    with opened(database_url, lock_s=PATIENCE_S) as database:
        yield PostgresKnowledge(database, announce=False)


@pytest.fixture
def stored(database_url):
    """All that is stored, as the laws say it."""

    def read():
        with reading(database_url) as rows:
            return [_row(*entry) for entry in rows(ROWS)], [_link(*link) for link in rows(LINKS)]

    return read


def _row(key, path, approval, *rest):
    source, event_id, time, sha256, revision, created, updated, archived, metadata, *text = rest
    entry = dict(zip(TEXT, text, strict=True))
    return Row(
        key, path, entry, metadata, approval, source, event_id, time, sha256, revision, created, updated, archived
    )


def _link(*values):
    *approved, revoked = values
    return Link(*approved, {event_id: datetime.fromisoformat(at) for event_id, at in revoked.items()})


def groups(writes, size):
    return [writes[start : start + size] for start in range(0, len(writes), size)]


def some_incidents(count):
    """The events of incidents with every kind of history in turn."""
    return [histories(f"INC-{number}")[NAMES[number % len(NAMES)]] for number in range(count)]


@contextmanager
def stores_of(database_url, *sizes, announce=False):
    """Stores with connections of their own, one for each largest size of a group."""
    with ExitStack() as stack:
        databases = [stack.enter_context(opened(database_url, lock_s=PATIENCE_S, slot_s=PATIENCE_S)) for _ in sizes]
        yield [
            PostgresKnowledge(database, announce=announce, lanes=3, largest=largest)
            for database, largest in zip(databases, sizes, strict=True)
        ]


def all_expected(incidents):
    """What the tables hold after the writes of many incidents."""
    said = [expected(writes) for writes in incidents]
    rows, links = [row for rows, _ in said for row in rows], [link for _, link in said]
    return sorted(rows, key=lambda row: row[:2]), sorted(links, key=lambda link: link[0])


async def test_all_720_orders_of_six_events_one_at_a_time(store, stored):
    orders = list(permutations(range(6)))
    incidents = [writes_of(histories(f"INC-{number:03}")["one of each"]) for number in range(len(orders))]

    for turn in range(6):
        arriving = [writes[order[turn]] for writes, order in zip(incidents, orders, strict=True)]
        for group in groups(arriving, 500):
            await store.write(group, deadline_s=PATIENCE_S)

    assert stored() == all_expected(incidents)


@pytest.mark.parametrize("name", NAMES)
async def test_events_that_come_alone_in_any_order(store, stored, name):
    luck = random.Random(name)
    incidents = [writes_of(histories(f"INC-{number}")[name]) for number in range(8)]

    for writes in incidents:
        for write in luck.sample(writes, 6):
            await store.write([write], deadline_s=PATIENCE_S)

    assert stored() == all_expected(incidents)


async def test_everything_at_once_through_several_stores(database_url, stored):
    luck = random.Random(7)
    incidents = [writes_of(events) for events in some_incidents(20)]
    arriving = [write for writes in incidents for write in writes] * 3
    luck.shuffle(arriving)

    with stores_of(database_url, 1, 7, 500, announce=True) as stores:
        written = [luck.choice(stores).write([write], deadline_s=PATIENCE_S) for write in arriving]
        receipts = [receipt for (receipt,) in await asyncio.gather(*written)]

    assert stored() == all_expected(incidents)
    answers = {receipt.written.model_dump_json() for receipt in receipts}
    assert len(answers) <= len(arriving) / 3  # a duplicate is told what the first one was told


async def test_batches_that_overlap_never_wait_in_a_circle(database_url, stored):
    luck = random.Random(11)
    incidents = [writes_of(events) for events in some_incidents(20)]
    arriving = [write for writes in incidents for write in writes]

    async def deliver(store):
        for group in groups(luck.sample(arriving, len(arriving)), 30):
            await store.write(group, deadline_s=PATIENCE_S)

    with stores_of(database_url, 500, 500) as stores:
        await asyncio.gather(*(deliver(store) for store in stores * 3))

    assert stored() == all_expected(incidents)


async def test_everything_at_once_through_two_processes(database_url, redis_url, stored, tmp_path):
    luck = random.Random(13)
    incidents = some_incidents(10)
    arriving = [event for events in incidents for event in events] * 2
    luck.shuffle(arriving)
    settings = {"database_url": database_url, "redis_url": redis_url, "auth_mode": "network", "defer": "off"}

    with deployed(tmp_path, "km_write", "km_write", **settings) as functions:
        async with httpx.AsyncClient(verify=False, timeout=PATIENCE_S) as http:

            async def deliver(event):
                headers = {"content-type": "application/cloudevents+json"}
                body = json.dumps(to_structured(event))
                answer = await http.post(luck.choice(functions).url, content=body, headers=headers)
                return answer.status_code

            assert set(await asyncio.gather(*map(deliver, arriving))) == {200}

    assert stored() == all_expected([writes_of(events) for events in incidents])
