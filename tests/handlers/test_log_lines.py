"""One line per request that says it all, and nothing that it must not."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from shared.domain.errors import Busy
from shared.runtime.answers import Answer
from tests.senders import STRUCTURED, batch, binary, plain, structured, tick
from tests.use_cases import EVENT, STATUSES, answering, done, never_called, raising

CANARY = "hunter2-CANARY"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
STYLES = [structured, binary, batch, plain, tick]


async def test_one_line_says_it_all(function, logged):
    request = structured(replace(EVENT, extensions={"traceparent": TRACE}))
    await function(done).post("", **request)

    (line,) = logged()
    assert line.pop("duration_ms") >= 0
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "event.handled",
        "level": "info",
        "function": "probe",
        "status": 200,
        "outcome": "created",
        "linked": True,
        "events": 1,
        "event_id": EVENT.id,
        "event_source": EVENT.source,
        "event_type": EVENT.type,
        "subject": EVENT.subject,
        "traceparent": TRACE,
    }


async def test_a_batch_is_one_line_that_counts_outcomes(function, logged):
    mixed = answering(Answer(outcome="created"), Answer(outcome="updated"), Answer(outcome="created"))
    await function(mixed).post("", **batch(*(replace(EVENT, id=str(number)) for number in range(3))))

    (line,) = logged()
    assert (line["events"], line["event_id"], line["outcome"]) == (3, "0", {"created": 2, "updated": 1})


@pytest.mark.parametrize(("error", "status"), STATUSES, ids=lambda value: type(value).__name__)
async def test_a_refusal_is_logged_once_with_its_reason(function, logged, error, status):
    await function(raising(error)).post("", **structured(EVENT))

    (line,) = logged()
    assert (line["event"], line["outcome"]) == ("event.handled", "refused")
    assert (line["status"], line["error"], line["detail"]) == (status, type(error).__name__, str(error))
    assert line["level"] == ("error" if status >= 500 else "info")


@pytest.mark.parametrize("style", STYLES)
async def test_a_bug_is_a_500_without_its_message(function, capsys, style):
    answer = await function(raising(ZeroDivisionError(CANARY))).post("", **style(EVENT))

    assert (answer.status_code, answer.content) == (500, b"")
    out, err = capsys.readouterr()
    assert CANARY not in out + err
    line = json.loads(out)
    assert (line["outcome"], line["error"], line["level"]) == ("bug", "ZeroDivisionError", "error")
    assert any(place.endswith(" use_case") for place in line["trace"])


async def test_a_caller_that_hangs_up_is_no_bug(function, logged):
    handle = function(never_called())._transport.app
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": [(b"content-type", STRUCTURED.encode())],
    }

    async def receive():
        return {"type": "http.disconnect"}

    async def send(_message):
        pass

    await handle(scope, receive, send)

    (line,) = logged()
    assert (line["outcome"], line["level"]) == ("refused", "info")


async def test_values_cannot_forge_lines_or_colour_terminals(function, capsys):
    forged = Answer(outcome="x", facts={"who": 'a\nb\x1b[31m\u2028{"event":"event.handled"}\u202e'})
    await function(answering(forged)).post("", **structured(EVENT))

    out = capsys.readouterr().out
    assert out.isascii()
    assert len(out.splitlines()) == 1
    assert "\x1b" not in out


async def test_a_long_value_is_cut(function, logged):
    await function(answering(Answer(outcome="x", facts={"why": "y" * 5000}))).post("", **structured(EVENT))

    (line,) = logged()
    assert line["why"] == "y" * 2048 + "..."


async def test_the_level_is_a_setting(function, logged):
    await function(done, log_level="ERROR").post("", **structured(EVENT))
    await function(raising(Busy("b")), log_level="error").post("", **structured(EVENT))

    assert [line["status"] for line in logged()] == [503]
