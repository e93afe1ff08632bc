"""What happens to a request before its use case, whatever the function: routes, limits, tokens, pressure."""

from __future__ import annotations

import asyncio

import pytest

from shared.domain.errors import Busy
from shared.domain.events import Event
from shared.runtime.answers import Answer, one
from shared.runtime.requests import EventReader
from tests.senders import STRUCTURED, batch, binary, plain, structured, tick, with_headers
from tests.use_cases import EVENT, answering, done, never_called, raising

MIB = 1024 * 1024
CANARY = "hunter2-CANARY"
STYLES = [structured, binary, batch, plain, tick]
EVENT_STYLES = [structured, binary, batch]
ONE_AT_A_TIME = EventReader(None, request_type=EVENT.type)


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

    async def test_a_tick_needs_a_token_unless_the_gate_is_open_to_ticks(self, function):
        answers = [
            await function(use_case, auth_mode="bearer", auth_token="right", auth_open_ticks=opened).post("")
            for opened, use_case in ((False, never_called()), (True, done))
        ]
        assert [answer.status_code for answer in answers] == [401, 200]

    @pytest.mark.parametrize("style", [structured, plain])
    async def test_open_to_ticks_is_open_to_nothing_else(self, function, style):
        http = function(never_called(), auth_mode="bearer", auth_token="right", auth_open_ticks=True)
        assert (await http.post("", **style(EVENT))).status_code == 401
        assert (await http.post("", headers={"ce-id": "1"})).status_code == 401

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

    async def test_slow_callers_take_no_place_from_others(self, function):
        reading = asyncio.Event()

        async def body():
            reading.set()
            yield b"{"
            await asyncio.sleep(60)

        http = function(done, concurrency=1)
        slow = [
            asyncio.create_task(http.post("", content=body(), headers={"content-type": STRUCTURED})) for _ in range(4)
        ]
        await reading.wait()
        answer = await http.post("", **structured(EVENT))
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)

        assert answer.status_code in {200, 204}

    async def test_an_event_that_is_posted_to_a_probe_is_not_acknowledged(self, function):
        http = function(never_called())

        for probe in ("/livez", "/readyz", "/_/health", "/_/ready"):
            assert (await http.get(probe)).status_code == 200
            assert (await http.post(probe, **structured(EVENT))).status_code == 400

    async def test_a_refusal_gives_its_place_back(self, function):
        http = function(raising(Busy("no")), concurrency=1)

        statuses = [(await http.post("", **structured(EVENT))).status_code for _ in range(2)]
        statuses += [(await http.post("", **with_headers(plain(EVENT), content_type="x/y"))).status_code]
        statuses += [(await http.post("", **structured(EVENT))).status_code]
        assert statuses == [503, 503, 415, 503]


def test_a_use_case_of_one_event_takes_one():
    with pytest.raises(ValueError, match="too many values"):
        asyncio.run(one(answering(Answer(outcome="x")))([EVENT, EVENT]))
