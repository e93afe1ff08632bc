"""``aftercare events`` as an operator uses it: sent to a real receiver, watched in a real database."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess

import pytest

from shared.runtime.cloudevents import parse
from tests.commanding import COMMAND, HERE, aftercare, receiver
from tests.integration.brokering import Subscriber, brokering
from tests.tables import cloned, emptied, reading

NOWHERE = "http://127.0.0.1:1/"
ARRIVED = "INSERT INTO inbox (fn, source, id, digest, reply) VALUES ('km-write', '/test', :id, 'd', :reply)"
needs_the_command = pytest.mark.skipif(not COMMAND.exists(), reason="the environment was not made by `make`")


@pytest.fixture(scope="module")
def database(postgres_server, migrated_template):
    with cloned(postgres_server, migrated_template, "watched") as url:
        yield url


def test_a_sample_arrives_whole_and_says_who_takes_it():
    with receiver(202) as broker:
        done = aftercare("events", "send", "--sample", "execution-completed", "-o", "json", EVENT_SINK=broker.url)
        [(headers, document)] = broker.posts
    [event] = parse(headers, json.dumps(document).encode())

    assert (done.code, done.err) == (0, "")
    assert done.json == {
        "id": event.id,
        "source": "/example/executor",
        "type": "dev.aftercare.execution.completed.v1",
        "to": broker.url,
        "status": 202,
        "triggers": ["verify-execution"],
        "reply": None,
    }


def test_a_file_is_sent_as_it_is_and_the_reply_is_shown(tmp_path):
    draft = {"id": "mine", "source": "/me", "type": "dev.aftercare.knowledge.write-requested.v1", "data": note()}
    (tmp_path / "event.json").write_text(json.dumps(draft))
    with receiver(200, b'{"type": "dev.aftercare.knowledge.written.v1"}') as function:
        words = ("events", "send", str(tmp_path / "event.json"), "--to", function.url)
        shown, done = aftercare(*words), aftercare(*words, "-o", "json")

    assert shown.out == f"{draft['type']} mine taken by {function.url} (200), for km-write\n"
    assert done.json["reply"] == {"type": "dev.aftercare.knowledge.written.v1"}
    assert [document["id"] for _, document in function.posts] == ["mine", "mine"]


def note(**changes):
    entry = {"title": "A note", "content": "What we learned.", "entry_type": "note"}
    return {"path_type": "playbook_extract", "entry": {**entry, **changes}}


@pytest.mark.parametrize(
    ("draft", "reason"),
    [
        ({"type": "dev.aftercare.knowledge.write-requested.v1", "data": note(title="")}, "entry.title: "),
        ({"type": "dev.aftercare.execution.completed.v1"}, "execution_id: Field required"),
        ({"type": "dev.aftercare.execution.completed.v1", "time": "yesterday"}, "time must be RFC 3339"),
        ({"data": {}}, "at least type and data"),
        ("not json", "Not sent: "),
    ],
)
def test_what_breaks_the_contract_is_not_sent(tmp_path, draft, reason):
    (tmp_path / "event.json").write_text(draft if isinstance(draft, str) else json.dumps(draft))
    with receiver(202) as broker:
        done = aftercare("events", "send", str(tmp_path / "event.json"), "--to", broker.url)

    assert (done.code, done.out, broker.posts) == (1, "", [])
    assert done.err.startswith("Not sent: ")
    assert reason in done.err


def test_it_says_so_when_nobody_takes_the_event(tmp_path):
    (tmp_path / "event.json").write_text('{"type": "dev.aftercare.execution.complete.v1"}')
    with receiver(202) as broker:
        done = aftercare("events", "send", str(tmp_path / "event.json"), "--to", broker.url)

    assert done.code == 0
    assert "did you mean dev.aftercare.execution.completed.v1?" in done.err
    assert "No trigger takes it: a broker accepts it, and nothing happens." in done.err


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (400, 1, "Not taken: it was refused (status 400); the receiver's log says why.\n"),
        (401, 1, "Not taken: it asks for a token; set AUTH_TOKEN or AUTH_TOKEN_FILE, and add --bearer.\n"),
        (404, 2, "aftercare: it was not taken now (status 404); send it again later\n"),
        (503, 2, "aftercare: it was not taken now (status 503); send it again later\n"),
    ],
)
def test_an_event_that_is_not_taken_is_told_by_how(status, code, sentence):
    with receiver(status) as broker:
        done = aftercare("events", "send", "--sample", "alert-firing", EVENT_SINK=broker.url)

    assert (done.code, done.out, done.err) == (code, "", sentence)


def test_nobody_there_is_one_sentence():
    done = aftercare("events", "send", "--sample", "alert-firing", "--to", NOWHERE)
    assert (done.code, done.out) == (2, "")
    assert done.err == "aftercare: nobody took it (unreachable); start the broker, or correct the address\n"

    unset = aftercare("events", "send", "--sample", "alert-firing")
    assert (unset.code, unset.err) == (2, "aftercare: no URL to send to; give --to http://..., or set EVENT_SINK.\n")


def test_the_token_is_shown_only_when_it_is_asked_for():
    words = ("events", "send", "--sample", "alert-firing")
    with receiver(202) as function:
        aftercare(*words, EVENT_SINK=function.url, AUTH_TOKEN="first,second")
        aftercare(*words, "--bearer", EVENT_SINK=function.url, AUTH_TOKEN="first,second")
        without = aftercare(*words, "--bearer", EVENT_SINK=function.url)

    assert [headers.get("authorization") for headers, _ in function.posts] == [None, "Bearer first"]
    assert (without.code, without.err.count("\n")) == (2, 1)


def test_a_password_in_the_address_is_not_shown():
    with receiver(202) as broker:
        url = broker.url.replace("//", "//ada:hunter2-CANARY@")
        both = [
            aftercare("events", "send", "--sample", "alert-firing", *how, K_SINK=url) for how in ((), ("-o", "json"))
        ]

    assert [done.code for done in both] == [0, 0]
    assert "CANARY" not in "".join(done.out + done.err for done in both)


def test_a_dry_run_prints_what_it_would_send_and_sends_nothing(tmp_path):
    with receiver(202) as broker:
        done = aftercare("events", "send", "--sample", "alert-firing", "--dry-run", EVENT_SINK=broker.url)
        (tmp_path / "again.json").write_text(done.out)
        aftercare("events", "send", str(tmp_path / "again.json"), EVENT_SINK=broker.url)

    assert [document for _, document in broker.posts] == [done.json]


@pytest.mark.parametrize(
    "words", [(), ("a.json", "--sample", "alert-firing"), ("--sample", "nothing"), ("/nowhere/event.json",)]
)
def test_what_to_send_has_to_be_said(words):
    done = aftercare("events", "send", *words)

    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)


def test_what_was_taken_is_watched_oldest_first(database):
    with reading(emptied(database)) as rows:
        rows(ARRIVED, id="first", reply='{"outcome": "created"}')
        rows(ARRIVED, id="second", reply='{"type": "dev.aftercare.knowledge.written.v1"}')
        rows("INSERT INTO audit_log (actor, action, subject) VALUES ('ada', 'dead_letter.discarded', 'x')")
    done = aftercare("events", "watch", "--limit", "3", "-o", "json", DATABASE_URL=database)
    shown = aftercare("events", "watch", "--limit", "1", DATABASE_URL=database)

    assert [(each["way"], each["who"], each["what"], each["id"]) for each in done.lines] == [
        ("in", "km-write", "created", "first"),
        ("in", "km-write", "dev.aftercare.knowledge.written.v1", "second"),
        ("audit", "ada", "dead_letter.discarded", "x"),
    ]
    assert (done.code, done.err) == (0, "")
    assert shown.out.split()[1:] == ["in", "km-write", "created", "/test", "first"]


def test_more_than_one_look_takes_is_watched_to_the_end(database):
    with reading(emptied(database)) as rows:
        rows(
            "INSERT INTO inbox (fn, source, id, digest, received_at) SELECT 'km-write', '/test', n, 'd',"
            " now() - (1600 - n / 400 * 400) * interval '1 millisecond' FROM generate_series(1, 1600) AS n"
        )
    done = aftercare("events", "watch", "--limit", "1600", "-o", "json", DATABASE_URL=database)

    assert {int(each["id"]) for each in done.lines} == set(range(1, 1601))


@needs_the_command
def test_what_comes_is_seen_once_and_ctrl_c_ends_well(database):
    with reading(emptied(database)) as rows:
        rows(ARRIVED, id="before", reply="{}")
        command = [COMMAND, "events", "watch", "-o", "json"]
        watching = subprocess.Popen(
            command, env={**HERE, "DATABASE_URL": database}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        seen = [json.loads(watching.stdout.readline())["id"]]
        rows(ARRIVED, id="after", reply="{}")
        seen.append(json.loads(watching.stdout.readline())["id"])
        watching.send_signal(signal.SIGINT)
        rest, errors = watching.communicate(timeout=20)

    assert (seen, rest, errors, watching.returncode) == (["before", "after"], "", "", 0)


async def test_the_events_of_a_laptops_broker_are_sent_and_watched(tmp_path):
    subscribers = {"worker": Subscriber(), "sink": Subscriber()}
    async with brokering(tmp_path, {"worker": {}}, subscribers) as client:
        url = str(client._http.base_url)
        sent = await asyncio.to_thread(aftercare, "events", "send", "--sample", "alert-firing", "--to", url)
        seen = await asyncio.to_thread(aftercare, "events", "watch", "--broker", url, "--limit", "1", "-o", "json")
        await client.settled()

    [arrived] = subscribers["worker"].received
    [line] = seen.lines
    assert (sent.code, seen.code, seen.err) == (0, 0, "")
    assert (line["id"], line["what"], line["way"]) == (arrived.event["id"], "dev.aftercare.alert.firing.v1", "event")


def test_a_broker_that_shows_no_events_is_told():
    with receiver(404) as broker:
        done = aftercare("events", "watch", "--broker", broker.url)

    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith("aftercare: the broker does not show its events (not_found)")


@needs_the_command
def test_an_event_comes_through_a_pipe():
    draft = json.dumps({"type": "dev.aftercare.knowledge.write-requested.v1", "data": note()})
    command = [COMMAND, "events", "send", "-", "--dry-run"]
    done = subprocess.run(command, input=draft, env=HERE, capture_output=True, text=True, check=True)

    assert json.loads(done.stdout)["data"] == note()
