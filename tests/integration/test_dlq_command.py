"""``aftercare dlq`` as an operator uses it."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from shared.adapters import quarantine
from shared.adapters.dead_letter_streams import RedisDeadLetters, connect
from shared.adapters.dsn import Dsn
from shared.adapters.postgres import Database
from shared.domain.dead_letters import BROKER_STREAM, KNOWLEDGE_STREAM, DeadLetter
from shared.domain.events import Event
from shared.domain.failures import Failure, FailureClass
from tests.commanding import COMMAND, Done, aftercare

pytestmark = pytest.mark.skipif(not COMMAND.exists(), reason="the environment was not made by `make`")


def letter(event_id: str, **data: str) -> DeadLetter:
    return DeadLetter(
        event=Event(id=event_id, source="/test", type="dev.aftercare.test.happened.v1", data=data),
        fn="km-write",
        failure=Failure(FailureClass.OVERLOAD, "53300"),
        attempts=1,
        first_failed_at=datetime(2030, 1, 1, tzinfo=UTC),
    )


@pytest.fixture
async def stores(database_url: str, durable_redis, redis_url: str):
    database = Database(Dsn.parse(database_url), application="test")
    letters = RedisDeadLetters(connect(redis_url))
    yield database, letters
    await letters.close()
    database.close()


def dlq(database_url: str, redis_url: str, *words: str) -> Done:
    """In a thread, since the command has an event loop of its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(aftercare, "dlq", *words, DATABASE_URL=database_url, REDIS_URL=redis_url).result()


def listed(database_url: str, redis_url: str) -> list[dict[str, str]]:
    return dlq(database_url, redis_url, "list", "-o", "json").json


async def test_lists_what_waits_and_what_is_quarantined(stores, database_url: str, redis_url: str) -> None:
    database, letters = stores
    assert dlq(database_url, redis_url, "list").out == "No dead letters.\n"

    await letters.put(KNOWLEDGE_STREAM, letter("waits"))
    await database.transact(lambda c: quarantine.add(c, BROKER_STREAM, [letter("kept")]))

    found = {one["event_id"]: (one["where"], one["state"]) for one in listed(database_url, redis_url)}
    assert found == {"waits": (KNOWLEDGE_STREAM, "waiting"), "kept": (BROKER_STREAM, "quarantined")}
    assert "53300" in dlq(database_url, redis_url, "list").out


async def test_shows_a_letter_redacted_unless_asked(stores, database_url: str, redis_url: str) -> None:
    database, _ = stores
    await database.transact(lambda c: quarantine.add(c, BROKER_STREAM, [letter("kept", password="hunter2-hunter2")]))
    [kept] = listed(database_url, redis_url)

    shown = dlq(database_url, redis_url, "show", kept["id"]).out
    assert "hunter2" not in shown
    raw = dlq(database_url, redis_url, "show", kept["id"], "--raw").out
    assert json.loads(raw)["data"] == {"password": "hunter2-hunter2"}


async def test_redrives_once_and_writes_the_audit_log(stores, database_url: str, redis_url: str) -> None:
    database, letters = stores
    await database.transact(lambda c: quarantine.add(c, KNOWLEDGE_STREAM, [letter("mine")]))
    await database.transact(lambda c: quarantine.add(c, BROKER_STREAM, [letter("theirs")]))

    would = dlq(database_url, redis_url, "redrive", "--all", "--dry-run")
    assert would.out.startswith("2 letter(s) would be sent again")
    assert (await letters.depth(KNOWLEDGE_STREAM)).entries == 0

    did = dlq(database_url, redis_url, "redrive", "--all", "--actor", "ada")
    assert did.code == 0, did.err
    assert (await letters.depth(KNOWLEDGE_STREAM)).entries == 1
    rows = await database.run(lambda c: c.rows("SELECT event_id FROM outbox"))
    assert rows == [["theirs"]]
    audit = await database.run(lambda c: c.rows("SELECT actor, action FROM audit_log"))
    assert audit == [["ada", "dead_letter.redriven"]] * 2
    assert dlq(database_url, redis_url, "redrive", "--all").code == 1


async def test_discards_only_with_an_actor_and_a_reason(stores, database_url: str, redis_url: str) -> None:
    database, _ = stores
    await database.transact(lambda c: quarantine.add(c, BROKER_STREAM, [letter("kept")]))
    [kept] = listed(database_url, redis_url)

    assert dlq(database_url, redis_url, "discard", kept["id"]).code == 2
    assert dlq(database_url, redis_url, "discard", kept["id"], "--actor", "ada", "--reason", " ").code == 2
    did = dlq(database_url, redis_url, "discard", kept["id"], "--actor", "ada", "--reason", "test data")
    assert did.out == f"{kept['id']} discarded.\n"

    rows = await database.run(lambda c: c.rows("SELECT state, actor, note FROM dead_letters"))
    assert rows == [["discarded", "ada", "test data"]]
    assert dlq(database_url, redis_url, "show", kept["id"]).code == 1


def test_says_what_is_not_set() -> None:
    done = subprocess.run(
        [str(COMMAND), "dlq", "list"], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == "aftercare: REDIS_URL is not set; DATABASE_URL is not set\n"
