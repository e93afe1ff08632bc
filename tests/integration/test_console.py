"""console on real stores: the figures are those of the rows, and a store that is down is a figure as well."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from contextlib import contextmanager

import httpx
import pytest

from functions.verify_execution.sensors.exposition import samples
from shared.adapters.dead_letter_streams import RedisDeadLetters, connect
from shared.domain.dead_letters import KNOWLEDGE_STREAM, DeadLetter
from shared.domain.failures import LOST_CONNECTION
from shared.testing.events import write_requested
from tests.deployed import deployed
from tests.tables import cloned, emptied, reading

TOKEN = "t0ken"
_ROWS = """
INSERT INTO playbooks (playbook_id, trust_score) VALUES ('pb', 0.9);
INSERT INTO auto_repair_executions (execution_id, incident_id, playbook_id, decided_by, action_kind, target, succeeded,
                                    verdict, reason, finished_at, verified_at)
SELECT 'ex-' || n, 'INC-1', 'pb', CASE WHEN n <= 2 THEN 'human' ELSE 'llm' END, 'scale', 't', true,
       CASE WHEN n <= 7 THEN 'success' ELSE 'failed' END, CASE WHEN n <= 7 THEN 'recovered' ELSE 'worse' END,
       now(), now()
FROM generate_series(1, 10) AS n;
INSERT INTO outbox (event, event_source, event_id, event_type, created_at)
VALUES ('{}', '/x', '1', 't', now() - interval '1 hour');
INSERT INTO cron_slots (job, slot_start, owner, lease_until, done_at)
VALUES ('governance-check', now(), 'me', now(), now());
"""


@contextmanager
def serving(folder, database_url, redis_url):
    stores = {"database_url": database_url, "redis_url": redis_url}
    with deployed(folder, "console", auth_mode="bearer", auth_token=TOKEN, **stores) as (place,):
        yield place.url


@pytest.fixture(scope="module")
def database(postgres_server, migrated_template):
    with cloned(postgres_server, migrated_template, "console") as url:
        yield url


@pytest.fixture(scope="module")
def process(tmp_path_factory, database, redis_server):
    with serving(tmp_path_factory.mktemp("console"), database, redis_server.url) as url:
        yield url


@pytest.fixture
def console(postgres_server, database, durable_redis, process):
    """Where it serves; its stores are empty."""
    postgres_server.start()
    emptied(database)
    shown(process)  # it learns here that an earlier test has cut its line
    return process


def shown(url, path="/metrics", token=TOKEN):
    return httpx.get(
        f"{url}{path}", headers={"authorization": f"Bearer {token}"}, timeout=10, trust_env=False, verify=False
    )


def figures(url):
    text = shown(url).raise_for_status().text
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    return {sample.series: sample.value for name in names for sample in samples(text, name)}


def test_the_figures_are_those_of_the_rows(console, database, durable_redis):
    with reading(database) as rows:
        rows(_ROWS)
    asyncio.run(_defer(durable_redis.url))
    found = figures(console)

    assert found['aftercare_executions_24h{decided_by="llm",verdict="success"}'] == 5
    assert found["aftercare_autonomy_ratio"] == pytest.approx(0.8)
    assert found["aftercare_decision_accuracy_ratio"] == pytest.approx(5 / 8)
    assert found["aftercare_confidence_calibration_ratio"] == pytest.approx(1 - (0.9 - 0.7))
    assert found["knowledge_entries_created_24h"] == 0
    assert found["aftercare_outbox_oldest_seconds"] == pytest.approx(3600, rel=0.1)
    assert found['aftercare_dead_letters{stream="km:dlq"}'] == 1
    assert found['aftercare_last_run_timestamp_seconds{job_name="governance-check"}'] > 1.7e9
    assert found['aftercare_up{store="postgresql"}'] == found['aftercare_up{store="redis"}'] == 1


def test_what_is_not_known_is_not_zero(console):
    found = figures(console)

    assert not [name for name in found if name.startswith(("aftercare_autonomy", "aftercare_knowledge_latency"))]
    assert "no data" in shown(console, "/").text


def test_a_store_that_is_down_is_a_figure_and_hides_nothing_else(
    tmp_path, database_url, durable_redis, postgres_server
):
    with serving(tmp_path, database_url, durable_redis.url) as console:
        durable_redis.stop()
        found = figures(console)
        assert found['aftercare_up{store="redis"}'] == 0
        assert found["aftercare_outbox_events"] == 0

        durable_redis.start()
        postgres_server.kill9()
        found = figures(console)
    assert found['aftercare_up{store="postgresql"}'] == 0
    assert found['aftercare_dead_letters{stream="km:dlq"}'] == 0


def test_who_may_look(console):
    assert shown(console, token="wrong").status_code == 401
    assert shown(console, "/").headers["content-type"].startswith("text/html")
    assert shown(console, "/elsewhere").status_code == 400
    answer = httpx.post(
        f"{console}/metrics", headers={"authorization": f"Bearer {TOKEN}"}, trust_env=False, verify=False
    )
    assert answer.status_code == 400
    assert "nothing to POST" in answer.json()["detail"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool on this machine")
def test_promtool_finds_nothing_to_say(console):
    command = ["promtool", "check", "metrics"]
    checked = subprocess.run(command, check=False, input=shown(console).text, capture_output=True, text=True)
    # It lints as well: a name says its window (24h), which promtool takes for a unit that is not a base unit.
    assert [line for line in checked.stderr.splitlines() if "_24h" not in line and "_1h" not in line] == []


async def _defer(url):
    client = connect(url)
    letter = DeadLetter(
        event=write_requested(),
        fn="km-write",
        failure=LOST_CONNECTION,
        attempts=1,
        first_failed_at=write_requested().time,
    )
    await RedisDeadLetters(client).put(KNOWLEDGE_STREAM, letter)
    await client.aclose()
