"""``aftercare notify`` as an operator uses it."""

from __future__ import annotations

import asyncio

import pytest

from functions.notify.core.describing import card_of
from functions.notify.deliveries import PostgresDeliveries
from shared.testing.notify import alert_raised, drift_detected
from tests.commanding import Done, aftercare
from tests.tables import opened, reading


async def notify(url: str, *words: str) -> Done:
    return await asyncio.to_thread(aftercare, "notify", *words, DATABASE_URL=url)


@pytest.fixture
async def given_up(database_url):
    """Two letters that were given up after ten attempts, and one that was sent."""
    with opened(database_url) as database, reading(database_url) as rows:
        store = PostgresDeliveries(database, repeat_s=86_400)
        await store.plan(alert_raised(), card_of(alert_raised()), ["chat", "mail"])
        await store.plan(drift_detected(), card_of(drift_detected()), ["chat"])
        rows("UPDATE effects SET state = 'sent' WHERE key LIKE '%mail%'")
        rows(
            """UPDATE effects SET state = 'failed', attempts = 10, response = '{"error": "HTTP 403"}',
               created_at = now() - interval '2 days', next_at = now() + interval '1 hour' WHERE state = 'planned'"""
        )
        yield store, rows


async def test_what_was_given_up_is_listed_and_redone(given_up, database_url):
    store, rows = given_up
    listed = (await notify(database_url, "failed", "-o", "json")).json
    assert {(each["destination"], each["kind"], each["reason"]) for each in listed} == {
        ("chat", "alert_raised", "HTTP 403"),
        ("chat", "drift_detected", "HTTP 403"),
    }
    assert "HTTP 403" in (await notify(database_url, "failed")).out

    first = listed[0]["id"]
    done = await notify(database_url, "redo", first)
    assert (done.code, first in done.out) == (0, True)
    (letter,) = await store.claim("chat")
    assert letter.attempts == 1
    assert await store.give_up(after_s=86_400) == 0  # its day begins anew

    assert (await notify(database_url, "redo", "--all")).code == 0
    assert (await notify(database_url, "failed")).out == "No message was given up.\n"
    assert rows("SELECT state, count(*) FROM effects GROUP BY state ORDER BY state") == [
        ["planned", 1],
        ["sending", 1],
        ["sent", 1],
    ]


async def test_what_was_not_given_up_cannot_be_redone(given_up, database_url):
    _, rows = given_up
    before = rows("SELECT key, state, attempts FROM effects ORDER BY key")
    for words in ([], ["000000000000"], ["%"]):
        done = await notify(database_url, "redo", *words)
        assert (done.code, done.err.startswith("Nothing to redo: ")) == (1, True)
    assert rows("SELECT key, state, attempts FROM effects ORDER BY key") == before
