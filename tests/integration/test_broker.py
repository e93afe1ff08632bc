"""What a Knative broker does, status by status, proved on real HTTP servers."""

from __future__ import annotations

import asyncio
import base64
import json
from collections import Counter
from itertools import pairwise

import pytest
from starlette.responses import PlainTextResponse, Response

from tests.integration.brokering import (
    NO_PAUSES,
    REQUESTED,
    SINK,
    WRITTEN,
    Subscriber,
    brokering,
    free_port,
    reply,
)

ONLY_REQUESTS = [{"exact": {"type": REQUESTED}}]


def worker(retry=0, sink=SINK, filters=ONLY_REQUESTS, **delivery):
    """One trigger, for the service ``worker``."""
    delivery = {"retry": retry, **NO_PAUSES, **delivery, **({"deadLetterSink": sink} if sink else {})}
    return {"worker": {"filters": filters, "delivery": delivery}}


def outcome(stats):
    return {name: stats[name] for name in ("delivered", "retried", "dead_lettered", "dropped") if stats[name]}


async def test_statuses(tmp_path):
    done, at_once = {200, 201, 202, 204}, {300, 301, 304, 400, 401, 403, 410, 413, 422}
    retried = {404, 408, 409, 429, 500, 501, 502, 503, 504}
    every = sorted(done | at_once | retried)
    subscriber, sink = Subscriber(lambda arrived, _: int(arrived.event["id"])), Subscriber()
    async with brokering(tmp_path, worker(retry=2), {"worker": subscriber, "sink": sink}) as broker:
        answers = await asyncio.gather(*(broker.send(str(status)) for status in every))
        stats = await broker.settled()
    assert {answer.status_code for answer in answers} == {202}
    tries = Counter(int(each.event["id"]) for each in subscriber.received)
    assert tries == {status: 3 if status in retried else 1 for status in every}
    assert sorted(int(each.event["knativeerrorcode"]) for each in sink.received) == sorted(at_once | retried)
    expected = {"delivered": len(done), "dead_lettered": len(at_once | retried), "retried": 2 * len(retried)}
    assert outcome(stats) == expected


@pytest.mark.parametrize(
    "answer",
    [
        PlainTextResponse("OK"),
        Response(b"{}", media_type="application/json"),
        Response(b"{}", media_type="application/cloudevents+json"),
        Response(b"", media_type="application/cloudevents+json"),
    ],
    ids=["text", "json", "no event", "empty event"],
)
async def test_success_with_a_body_that_is_no_event_is_a_502(tmp_path, answer):
    subscriber, sink = Subscriber(answer), Subscriber()
    async with brokering(tmp_path, worker(retry=2), {"worker": subscriber, "sink": sink}) as broker:
        await broker.send()
        await broker.settled()
    assert len(subscriber.received) == 3
    assert [each.event["knativeerrorcode"] for each in sink.received] == ["502"]


async def test_no_answer_at_all_is_retried(tmp_path):
    sink = Subscriber()
    nobody = f"http://127.0.0.1:{free_port()}"
    async with brokering(tmp_path, worker(retry=2), {"worker": nobody, "sink": sink}) as broker:
        await broker.send()
        assert outcome(await broker.settled()) == {"retried": 2, "dead_lettered": 1}
    assert sink.received[0].event["knativeerrorcode"] == "500"


async def test_an_answer_that_breaks_off_is_retried(tmp_path):
    attempts = []

    async def hang_up(reader, writer):
        attempts.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nOK")
        writer.close()

    sink = Subscriber()
    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with brokering(tmp_path, worker(retry=2), {"worker": url, "sink": sink}) as broker:
            await broker.send()
            assert outcome(await broker.settled()) == {"retried": 2, "dead_lettered": 1}
    assert len(attempts) == 3


async def test_an_idle_connection_the_server_closed_is_no_failed_try(tmp_path):
    bodies = []

    async def answer_one_request(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        bodies.append(await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])))
        writer.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer_one_request, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with brokering(tmp_path, worker(sink=None), {"worker": url, "sink": url}) as broker:
            for identity in ("e-1", "e-2", "e-3"):
                await broker.send(identity)
                await broker.settled()
            assert outcome(await broker.settled()) == {"delivered": 3}
    assert len(bodies) == 3


async def test_a_subscriber_that_hangs_costs_the_timeout(tmp_path):
    release = asyncio.Event()

    async def hang(*_):
        await release.wait()
        return 204

    subscriber, sink = Subscriber(hang), Subscriber()
    triggers = worker(retry=1, timeout="PT0.05S")
    async with brokering(tmp_path, triggers, {"worker": subscriber, "sink": sink}) as broker:
        await broker.send()
        assert outcome(await broker.settled()) == {"retried": 1, "dead_lettered": 1}
        release.set()
    assert b"no answer within 0.05 s" in base64.b64decode(sink.received[0].event["knativeerrordata"])


@pytest.mark.parametrize(
    ("failures", "expected"), [(3, {"delivered": 1, "retried": 3}), (4, {"dead_lettered": 1, "retried": 3})]
)
async def test_retry_3(tmp_path, failures, expected):
    subscriber, sink = Subscriber(lambda _, number: 503 if number <= failures else 204), Subscriber()
    async with brokering(tmp_path, worker(retry=3), {"worker": subscriber, "sink": sink}) as broker:
        await broker.send()
        assert outcome(await broker.settled()) == expected


@pytest.mark.parametrize(("policy", "pauses"), [("exponential", [1, 2, 4]), ("linear", [0, 1, 2])])
async def test_pauses_grow_as_the_policy_says(tmp_path, policy, pauses):
    subscriber, sink = Subscriber(503), Subscriber()
    delivery = worker(retry=3, backoffPolicy=policy, backoffDelay="PT50S")
    async with brokering(tmp_path, delivery, {"worker": subscriber, "sink": sink}, time_scale=0.001) as broker:
        await broker.send()
        await broker.settled()
    gaps = [later.at - earlier.at for earlier, later in pairwise(subscriber.received)]
    assert len(gaps) == 3
    assert all(gap > 0.05 * pause - 0.005 for gap, pause in zip(gaps, pauses, strict=True))


async def test_dead_letter(tmp_path):
    subscriber, sink = Subscriber(PlainTextResponse("no such path type", 422)), Subscriber(PlainTextResponse("thanks"))
    async with brokering(tmp_path, worker(retry=5), {"worker": subscriber, "sink": sink}) as broker:
        await broker.send("e-7", subject="INC-1", data={"title": "é"})
        assert outcome(await broker.settled()) == {"dead_lettered": 1}
    [letter] = sink.received
    assert letter.path == "/dead-letter"
    assert json.loads(letter.body) == {"title": "é"}
    assert letter.event | {"id": "e-7", "source": "/test", "type": REQUESTED, "subject": "INC-1"} == letter.event
    assert letter.event["knativeerrorcode"] == "422"
    assert letter.event["knativeerrordest"].startswith("http://127.0.0.1:")
    assert base64.b64decode(letter.event["knativeerrordata"]) == b"no such path type"


async def test_the_dead_letter_sink_is_tried_as_often(tmp_path):
    subscriber, sink = Subscriber(503), Subscriber(lambda _, number: 503 if number <= 2 else 204)
    async with brokering(tmp_path, worker(retry=2), {"worker": subscriber, "sink": sink}) as broker:
        await broker.send()
        assert outcome(await broker.settled()) == {"dead_lettered": 1, "retried": 4}
    assert (len(subscriber.received), len(sink.received)) == (3, 3)


@pytest.mark.parametrize(("status", "tries"), [(503, 3), (400, 1)])
async def test_what_the_dead_letter_sink_refuses_is_dropped_and_counted(tmp_path, status, tries):
    sink = Subscriber(status)
    async with brokering(tmp_path, worker(retry=2), {"worker": Subscriber(400), "sink": sink}) as broker:
        await broker.send()
        assert (await broker.settled())["by_trigger"]["worker"]["dropped"] == 1
    assert len(sink.received) == tries


async def test_without_a_dead_letter_sink_it_is_dropped_and_counted(tmp_path):
    subscriber = Subscriber(422)
    async with brokering(tmp_path, worker(retry=2, sink=None), {"worker": subscriber}) as broker:
        await broker.send()
        assert outcome(await broker.settled()) == {"dropped": 1}


async def test_a_reply_enters_the_broker(tmp_path):
    subscriber, audit = Subscriber(reply(subject="INC-1")), Subscriber()
    triggers = worker() | {"audit": {"filters": [{"exact": {"type": WRITTEN}}]}}
    async with brokering(tmp_path, triggers, {"worker": subscriber, "audit": audit, "sink": Subscriber()}) as broker:
        await broker.send()
        stats = await broker.settled()
        events = (await broker.get(f"/events?type={WRITTEN}"))["events"]
    assert stats["received"] == 2
    assert subscriber.received[0].headers["prefer"] == "reply"
    [taken] = audit.received
    assert taken.body == b'{"outcome":"created"}'
    assert taken.event["subject"] == "INC-1"
    assert (subscriber.received[0].event["knativebrokerttl"], taken.event["knativebrokerttl"]) == ("255", "254")
    assert [each["event"]["data"] for each in events] == [{"outcome": "created"}]


async def test_a_loop_of_replies_ends(tmp_path):
    subscriber, sink = Subscriber(reply()), Subscriber()
    triggers = worker(retry=5, filters=[{"prefix": {"type": "dev."}}])
    async with brokering(tmp_path, triggers, {"worker": subscriber, "sink": sink}) as broker:
        await broker.send(knativebrokerttl=4)
        assert outcome(await broker.settled()) == {"delivered": 2, "dead_lettered": 1}
        assert (await broker.send(knativebrokerttl=1)).status_code == 400
    assert [each.event["knativebrokerttl"] for each in subscriber.received] == ["3", "2", "1"]
    assert sink.received[0].event["knativeerrorcode"] == "400"


async def test_no_more_at_once_than_the_service_can_take(tmp_path):
    async def answer(*_):
        await asyncio.sleep(0.01)
        return 204

    subscriber = Subscriber(answer)
    async with brokering(tmp_path, worker(), {"worker": subscriber, "sink": Subscriber()}, concurrency=3) as broker:
        await asyncio.gather(*(broker.send(f"e-{number}") for number in range(20)))
        await broker.settled()
    assert subscriber.most_at_once == 3
    assert len({each.event["id"] for each in subscriber.received}) == len(subscriber.received) == 20


async def test_a_subscriber_that_hangs_holds_nobody_else_up(tmp_path):
    release = asyncio.Event()

    async def hang(*_):
        await release.wait()
        return 204

    slow, quick = Subscriber(hang), Subscriber()
    triggers = {"slow": {}, "quick": {}}
    async with brokering(
        tmp_path, triggers, {"slow": slow, "quick": quick, "sink": Subscriber()}, concurrency=1
    ) as broker:
        for number in range(3):
            await broker.send(f"e-{number}")
        stats = await broker.stats(lambda stats: stats["by_trigger"]["quick"]["delivered"] == 3)
        assert stats["by_trigger"]["slow"]["pending"] == 3
        release.set()
        await broker.settled()
