"""Everything that happens to a request before and after its use case, whatever the function."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from shared.domain.errors import (
    Busy,
    DatabaseRejected,
    DatabaseUnavailable,
    Forbidden,
    Malformed,
    QueueUnavailable,
    TooLarge,
    Unauthorized,
    Unprocessable,
    UnsupportedMedia,
    UpstreamRejected,
    UpstreamUnavailable,
)
from shared.domain.events import Event
from shared.domain.failures import LOST_CONNECTION, of_sqlstate
from shared.runtime.answers import Answer, one
from shared.runtime.requests import EventReader
from shared.runtime.serving import Route, serve
from shared.testing.events import write_requested
from tests.senders import BATCH, PROBLEM, STRUCTURED, batch, binary, plain, structured, tick, with_headers

MIB = 1024 * 1024
CANARY = "hunter2-CANARY"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
EVENT = write_requested()
RESULT = Event(id="result-1", source="/me", type="dev.aftercare.knowledge.written.v1", data={"done": True})
READER = EventReader(None, request_type=EVENT.type, batch=True, ticks=True)
STYLES = [structured, binary, batch, plain, tick]
EVENT_STYLES = [structured, binary, batch]
ONE_AT_A_TIME = EventReader(None, request_type=EVENT.type)

STATUSES = [
    (Malformed("m"), 400),
    (Unauthorized("u"), 401),
    (Forbidden("f"), 403),
    (TooLarge("t"), 413),
    (UnsupportedMedia("s"), 415),
    (Unprocessable("p"), 422),
    (DatabaseRejected(of_sqlstate("22021")), 422),
    (UpstreamRejected("r"), 422),
    (DatabaseUnavailable(LOST_CONNECTION), 503),
    (QueueUnavailable("q"), 503),
    (UpstreamUnavailable("v"), 503),
    (Busy("b"), 503),
]


@pytest.fixture
def function(client, settings):
    """A client of a function with any use case."""

    def make(use_case, *, deadline_s=5.0, read=READER, **changes):
        routes = {"/": Route(read=read, use_case=use_case)}
        return client(serve("probe", settings(**changes), routes, deadline_s=deadline_s))

    return make


def answering(*answers):
    async def use_case(events):
        return answers if len(answers) > 1 else answers * len(events)

    return use_case


def raising(error):
    async def use_case(_events):
        raise error

    return use_case


def never_called():
    return raising(AssertionError("the use case was reached"))


done = answering(Answer(outcome="created", result=RESULT, facts={"linked": True}))
kept = answering(Answer(outcome="deferred", result=RESULT, deferred=True))
quiet = answering(Answer(outcome="accepted", facts={"alerts": 2}))


class TestReplies:
    async def test_without_a_sink_the_result_is_the_reply(self, function):
        http = function(done)

        for style in (structured, binary, tick):
            answer = await http.post("", **style(EVENT))
            assert (answer.status_code, answer.headers["content-type"]) == (200, STRUCTURED)
            assert answer.json()["id"] == "result-1"
        many = await http.post("", **batch(EVENT, replace(EVENT, id="2")))
        assert (many.status_code, many.headers["content-type"], len(many.json())) == (200, BATCH, 2)

    @pytest.mark.parametrize("style", [structured, binary, batch, tick])
    @pytest.mark.parametrize(("use_case", "status"), [(done, 204), (quiet, 204), (kept, 202)])
    async def test_with_a_sink_a_broker_gets_no_body(self, function, style, use_case, status):
        answer = await function(use_case, event_sink="http://broker").post("", **style(EVENT))

        assert (answer.status_code, answer.content) == (status, b"")

    @pytest.mark.parametrize("name", ["event_sink", "k_sink"])
    async def test_either_name_of_the_sink_counts(self, function, name):
        assert (await function(done, **{name: "http://broker"}).post("", **structured(EVENT))).status_code == 204

    @pytest.mark.parametrize("sink", [{}, {"event_sink": "http://broker"}])
    @pytest.mark.parametrize(("use_case", "status"), [(done, 200), (kept, 202)])
    async def test_people_get_the_result_as_json_either_way(self, function, sink, use_case, status):
        answer = await function(use_case, **sink).post("", **plain(EVENT))

        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
        assert answer.json() == RESULT.data

    async def test_people_get_the_facts_when_there_is_no_result(self, function):
        answer = await function(quiet).post("", **plain(EVENT))

        assert (answer.status_code, answer.json()) == (200, {"alerts": 2})

    async def test_what_is_kept_is_accepted_and_announced(self, function):
        answer = await function(kept).post("", **structured(EVENT))

        assert (answer.status_code, answer.json()["id"]) == (202, "result-1")

    async def test_one_kept_event_makes_the_batch_accepted(self, function):
        mixed = answering(Answer(outcome="created", result=RESULT), Answer(outcome="deferred", deferred=True))
        answer = await function(mixed).post("", **batch(EVENT, replace(EVENT, id="2")))

        assert (answer.status_code, len(answer.json())) == (202, 1)

    @pytest.mark.parametrize("style", [structured, binary, batch])
    @pytest.mark.parametrize("sink", [{}, {"event_sink": "http://broker"}])
    @pytest.mark.parametrize(("error", "status"), STATUSES, ids=lambda value: type(value).__name__)
    async def test_a_broker_gets_a_status_and_no_body(self, function, style, sink, error, status):
        answer = await function(raising(error), **sink).post("", **style(EVENT))

        assert (answer.status_code, answer.content) == (status, b"")
        assert ("retry-after" in answer.headers) == (status == 503)
        assert ("www-authenticate" in answer.headers) == (status == 401)

    @pytest.mark.parametrize(("error", "status"), STATUSES, ids=lambda value: type(value).__name__)
    async def test_people_get_a_problem(self, function, error, status):
        answer = await function(raising(error)).post("", **plain(EVENT))

        assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
        problem = answer.json()
        assert (problem["status"], problem["detail"]) == (status, str(error))
        assert set(problem) == {"type", "title", "status", "detail"}

    async def test_a_content_type_in_capitals_is_a_brokers_too(self, function):
        request = with_headers(structured(EVENT), content_type="Application/CloudEvents+JSON; charset=UTF-8")
        answer = await function(raising(Unprocessable("no"))).post("", **request)

        assert (answer.status_code, answer.content) == (422, b"")

    @pytest.mark.parametrize("status", [404, 409, 429])
    def test_statuses_that_brokers_would_repeat_are_never_sent(self, status):
        assert status not in {sent for _, sent in STATUSES}


class TestRouting:
    @pytest.mark.parametrize("path", ["/livez", "/readyz", "/_/health", "/_/ready"])
    async def test_health_needs_no_token(self, function, path, logged):
        answer = await function(never_called(), auth_mode="bearer", auth_token="x").get(path)

        assert (answer.status_code, answer.content, logged()) == (200, b"", [])

    @pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("PUT", "/"), ("POST", "/nothing"), ("DELETE", "/x")])
    async def test_anything_else_is_a_400_and_never_a_404(self, function, method, path):
        answer = await function(never_called()).request(method, path)

        assert answer.status_code == 400
        assert answer.json()["detail"] == "POST to one of /"

    async def test_an_empty_post_is_a_tick_only_where_there_are_ticks(self, function):
        assert (await function(done).post("", **tick())).status_code == 200
        assert (await function(never_called(), read=ONE_AT_A_TIME).post("", **tick())).status_code == 400

    async def test_a_batch_only_where_there_are_batches(self, function):
        answer = await function(never_called(), read=ONE_AT_A_TIME).post("", **batch(EVENT))

        assert answer.status_code == 415

    async def test_plain_json_only_where_there_is_a_request_type(self, function):
        assert (await function(never_called(), read=EventReader(None)).post("", **plain(EVENT))).status_code == 415

    @pytest.mark.parametrize("key", [None, "", "x" * 129, "a\tb"])
    async def test_plain_json_needs_a_key(self, function, key):
        request = plain(EVENT)
        if key is None:
            del request["headers"]["idempotency-key"]
        else:
            request["headers"]["idempotency-key"] = key

        assert (await function(never_called()).post("", **request)).status_code in {400, 422}

    @pytest.mark.parametrize("style", [structured, binary, batch, plain])
    async def test_every_style_brings_the_same_event(self, function, style):
        seen = []

        async def use_case(events):
            seen.extend(events)
            return [Answer(outcome="seen")] * len(events)

        await function(use_case).post("", **style(EVENT))

        expected = Event(id=EVENT.id, source="/http", type=EVENT.type, data=EVENT.data) if style is plain else EVENT
        assert seen == [expected]


class TestLimits:
    @pytest.mark.parametrize("style", EVENT_STYLES)
    async def test_a_declared_length_over_the_limit_is_not_read(self, function, style):
        async def body():
            raise AssertionError("the body was read")
            yield b""

        request = with_headers(style(EVENT), content_length=str(MIB + 1))
        answer = await function(never_called()).post("", **{**request, "content": body()})

        assert (answer.status_code, answer.content) == (413, b"")

    async def test_an_undeclared_length_is_counted(self, function):
        sent = 0

        async def body():
            nonlocal sent
            for _ in range(40):
                sent += 64 * 1024
                yield b" " * 64 * 1024

        answer = await function(never_called()).post("", content=body(), headers={"content-type": STRUCTURED})

        assert answer.status_code == 413
        assert sent <= MIB + 2 * 64 * 1024

    async def test_a_length_that_lies_is_counted(self, function):
        async def body():
            yield b" " * (MIB + 1)

        headers = {"content-type": STRUCTURED, "content-length": "10"}
        assert (await function(never_called()).post("", content=body(), headers=headers)).status_code == 413

    async def test_exactly_the_limit_is_read(self, function):
        document = structured(EVENT)["content"]
        padded = document + " " * (MIB - len(document))

        assert (await function(done).post("", content=padded, headers={"content-type": STRUCTURED})).status_code == 200

    @pytest.mark.parametrize("length", ["-1", "1e3", "many", "", "9" * 30])
    async def test_a_length_that_is_no_number_is_refused(self, function, length):
        request = with_headers(structured(EVENT), content_length=length)

        assert (await function(never_called()).post("", **request)).status_code in {400, 413}

    async def test_the_limits_come_before_the_token(self, function):
        http = function(never_called(), auth_mode="bearer", auth_token="right")
        request = with_headers(structured(EVENT), content_length=str(MIB + 1))

        assert (await http.post("", **request)).status_code == 413

    async def test_the_token_comes_before_the_parser(self, function):
        http = function(never_called(), auth_mode="bearer", auth_token="right")

        assert (await http.post("", content=b"{", headers={"content-type": STRUCTURED})).status_code == 401


class TestAuthentication:
    @pytest.mark.parametrize(
        "shown",
        [
            None,
            "",
            "Bearer",
            "Bearer ",
            "Bearer wrong",
            "Bearer right x",
            "Bearer righ",
            "Bearer rightt",
            "Bearer right,new",
            "Basic cmlnaHQ=",
            "right",
            "Bearer \xfcber",
        ],
    )
    @pytest.mark.parametrize("style", [structured, plain])
    async def test_a_missing_or_wrong_token_is_a_401(self, function, logged, style, shown):
        http = function(never_called(), auth_mode="bearer", auth_token="right,new")
        request = style(EVENT)
        if shown is not None:
            request["headers"]["authorization"] = shown.encode()
        answer = await http.post("", **request)

        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert answer.content == b"" or style is plain
        (line,) = logged()
        assert (line["status"], line["error"]) == (401, "Unauthorized")

    @pytest.mark.parametrize("shown", ["Bearer right", "bearer right", "BEARER new", "Bearer  right "])
    async def test_both_active_tokens_are_accepted(self, function, shown):
        http = function(done, auth_mode="bearer", auth_token=" right , new ")

        assert (await http.post("", **with_headers(structured(EVENT), authorization=shown))).status_code == 200

    async def test_a_token_is_in_no_answer_and_no_log(self, function, capsys):
        http = function(never_called(), auth_mode="bearer", auth_token="right")
        answer = await http.post("", **with_headers(plain(EVENT), authorization=f"Bearer {CANARY}"))

        assert CANARY not in answer.text
        assert CANARY not in "".join(capsys.readouterr())

    async def test_the_network_mode_asks_for_nothing(self, function):
        assert (await function(done).post("", **structured(EVENT))).status_code == 200


class TestPressure:
    @pytest.mark.parametrize("style", STYLES)
    async def test_one_request_more_than_the_limit_is_a_503(self, function, style):
        started, go_on = asyncio.Event(), asyncio.Event()

        async def use_case(events):
            started.set()
            await go_on.wait()
            return [Answer(outcome="done")] * len(events)

        http = function(use_case, concurrency=1)
        first = asyncio.create_task(http.post("", **structured(EVENT)))
        await started.wait()
        refused = await http.post("", **style(EVENT))
        go_on.set()

        assert (refused.status_code, "retry-after" in refused.headers) == (503, True)
        assert (await first).status_code == 204
        assert (await http.post("", **style(EVENT))).status_code in {200, 204}

    @pytest.mark.parametrize("style", [structured, plain])
    async def test_past_the_deadline_the_answer_is_503_and_the_work_is_cancelled(self, function, style, logged):
        cancelled = []

        async def use_case(_events):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled.append(True)
                raise

        answer = await function(use_case, deadline_s=0.02).post("", **style(EVENT))

        assert (answer.status_code, cancelled) == (503, [True])
        (line,) = logged()
        assert (line["outcome"], line["level"], line["event_id"]) == ("refused", "error", EVENT.id)

    async def test_a_slow_body_is_bounded_as_well(self, function):
        async def body():
            yield b"{"
            await asyncio.sleep(60)

        http = function(never_called(), deadline_s=0.02)
        answer = await http.post("", content=body(), headers={"content-type": STRUCTURED})

        assert answer.status_code == 503

    async def test_a_refusal_gives_its_place_back(self, function):
        http = function(raising(Busy("no")), concurrency=1)

        statuses = [(await http.post("", **structured(EVENT))).status_code for _ in range(2)]
        statuses += [(await http.post("", **with_headers(plain(EVENT), content_type="x/y"))).status_code]
        statuses += [(await http.post("", **structured(EVENT))).status_code]
        assert statuses == [503, 503, 415, 503]


class TestLogLine:
    async def test_one_line_says_it_all(self, function, logged):
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

    async def test_a_batch_is_one_line_that_counts_outcomes(self, function, logged):
        mixed = answering(Answer(outcome="created"), Answer(outcome="updated"), Answer(outcome="created"))
        await function(mixed).post("", **batch(*(replace(EVENT, id=str(number)) for number in range(3))))

        (line,) = logged()
        assert (line["events"], line["event_id"], line["outcome"]) == (3, "0", {"created": 2, "updated": 1})

    @pytest.mark.parametrize(("error", "status"), STATUSES, ids=lambda value: type(value).__name__)
    async def test_a_refusal_is_logged_once_with_its_reason(self, function, logged, error, status):
        await function(raising(error)).post("", **structured(EVENT))

        (line,) = logged()
        assert (line["event"], line["outcome"]) == ("event.handled", "refused")
        assert (line["status"], line["error"], line["detail"]) == (status, type(error).__name__, str(error))
        assert line["level"] == ("error" if status >= 500 else "info")

    @pytest.mark.parametrize("style", STYLES)
    async def test_a_bug_is_a_500_without_its_message(self, function, capsys, style):
        answer = await function(raising(ZeroDivisionError(CANARY))).post("", **style(EVENT))

        assert (answer.status_code, answer.content) == (500, b"")
        out, err = capsys.readouterr()
        assert CANARY not in out + err
        line = json.loads(out)
        assert (line["outcome"], line["error"], line["level"]) == ("bug", "ZeroDivisionError", "error")
        assert any(place.endswith(" use_case") for place in line["trace"])

    async def test_a_caller_that_hangs_up_is_no_bug(self, function, logged):
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

    async def test_values_cannot_forge_lines_or_colour_terminals(self, function, capsys):
        forged = Answer(outcome="x", facts={"who": 'a\nb\x1b[31m\u2028{"event":"event.handled"}\u202e'})
        await function(answering(forged)).post("", **structured(EVENT))

        out = capsys.readouterr().out
        assert out.isascii()
        assert len(out.splitlines()) == 1
        assert "\x1b" not in out

    async def test_a_long_value_is_cut(self, function, logged):
        await function(answering(Answer(outcome="x", facts={"why": "y" * 5000}))).post("", **structured(EVENT))

        (line,) = logged()
        assert line["why"] == "y" * 2048 + "..."

    async def test_the_level_is_a_setting(self, function, logged):
        await function(done, log_level="ERROR").post("", **structured(EVENT))
        await function(raising(Busy("b")), log_level="error").post("", **structured(EVENT))

        assert [line["status"] for line in logged()] == [503]


def test_a_use_case_of_one_event_takes_one():
    with pytest.raises(ValueError, match="too many values"):
        asyncio.run(one(answering(Answer(outcome="x")))([EVENT, EVENT]))
