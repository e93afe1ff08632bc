"""The broker double has Knative's manners, and remembers what came of them."""

from __future__ import annotations

import base64
import json
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest
from starlette.responses import PlainTextResponse, Response

from shared.local.knative import manifests
from tests.faults.doubles.broker import BrokerDouble
from tests.faults.doubles.serving import serving
from tests.integration.brokering import (
    NO_PAUSES,
    REQUESTED,
    SINK,
    WRITTEN,
    Subscriber,
    deployment,
    free_port,
    reply,
)


def trigger(retry=2, event_type=REQUESTED):
    delivery = {"retry": retry, **NO_PAUSES, "deadLetterSink": SINK}
    return {"filters": [{"exact": {"type": event_type}}], "delivery": delivery}


@asynccontextmanager
async def doubled(folder, triggers, **subscribers):
    deployed = manifests.load(deployment(folder, triggers))
    async with AsyncExitStack() as stack:
        urls = {name: await stack.enter_async_context(serving(each.app())) for name, each in subscribers.items()}
        broker = BrokerDouble(deployed, urls, folder, port=free_port(), time_scale=1.0)
        yield await stack.enter_async_context(broker)


def event(identity="e-1", event_type=REQUESTED):
    return {"specversion": "1.0", "id": identity, "source": "/test", "type": event_type, "data": {"n": identity}}


async def posted(broker, document, media_type="application/cloudevents+json"):
    async with httpx.AsyncClient(trust_env=False, verify=False) as http:
        content = json.dumps(document)
        return (await http.post(broker.url, content=content, headers={"content-type": media_type})).status_code


async def test_what_may_pass_is_tried_again_and_the_rest_is_a_dead_letter_at_once(tmp_path):
    again, never = {404, 408, 409, 429, 500, 502, 503, 504}, {301, 400, 401, 403, 413, 422}
    worker, sink = Subscriber(lambda arrived, _: PlainTextResponse("no", int(arrived.event["id"]))), Subscriber()
    async with doubled(tmp_path, {"worker": trigger()}, worker=worker, sink=sink) as broker:
        for status in again | never:
            await broker.send(event(str(status)))
        await broker.settled()
        answers = Counter(made.answer.status for made in broker.tries)
    assert answers == {**dict.fromkeys(again, 3), **dict.fromkeys(never, 1), 204: len(again | never)}
    for letter in sink.received:
        assert (letter.path, letter.event["knativeerrorcode"]) == ("/dead-letter", letter.event["id"])
        assert base64.b64decode(letter.event["knativeerrordata"]) == b"no"
        assert letter.event["knativeerrordest"].endswith("/")


async def test_a_sink_that_is_out_is_tried_as_often_and_then_the_event_is_gone(tmp_path):
    async with doubled(tmp_path, {"worker": trigger()}, worker=Subscriber(400), sink=Subscriber(503)) as broker:
        await broker.send(event())
        await broker.settled()
        assert [made.answer.status for made in broker.tries] == [400, 503, 503, 503]
        assert broker.stats["dropped"] == 1


@pytest.mark.parametrize("body", [PlainTextResponse("OK"), Response(b"{}", media_type="application/json")])
async def test_a_success_that_is_no_event_is_a_failure_and_is_told(tmp_path, body):
    async with doubled(tmp_path, {"worker": trigger()}, worker=Subscriber(body), sink=Subscriber(body)) as broker:
        await broker.send(event())
        await broker.settled()
        assert broker.stats["retried"] == 2
        assert [made.answer.status for made in broker.unreadable] == [200] * 3


async def test_a_reply_is_an_event_for_others(tmp_path):
    triggers = {"worker": trigger(), "audit": trigger(event_type=WRITTEN)}
    audit = Subscriber()
    async with doubled(tmp_path, triggers, worker=Subscriber(reply()), audit=audit, sink=Subscriber()) as broker:
        await broker.send(event())
        await broker.settled()
        assert [each.event["type"] for each in audit.received] == [WRITTEN]
        assert broker.unreadable == []
        assert broker.announced == {}


async def test_only_those_who_asked_for_it_get_it_and_what_was_posted_is_remembered(tmp_path):
    worker = Subscriber()
    async with doubled(tmp_path, {"worker": trigger()}, worker=worker, sink=Subscriber()) as broker:
        assert await posted(broker, event("e-1")) == 202
        assert await posted(broker, event("e-2", WRITTEN)) == 202
        await broker.settled()
        assert [each.event["id"] for each in worker.received] == ["e-1"]
        assert list(broker.announced) == ["e-1", "e-2"]
        assert broker.announced["e-1"]["data"] == {"n": "e-1"}


@pytest.mark.parametrize(
    ("document", "media_type"),
    [({"n": 1}, "application/json"), ({"specversion": "1.0"}, "application/cloudevents+json")],
)
async def test_what_is_no_event_is_refused(tmp_path, document, media_type):
    async with doubled(tmp_path, {"worker": trigger()}, worker=Subscriber(), sink=Subscriber()) as broker:
        assert await posted(broker, document, media_type) == 400
        assert broker.announced == {}


async def test_the_same_event_with_other_content_is_told(tmp_path):
    async with doubled(tmp_path, {"worker": trigger()}, worker=Subscriber(), sink=Subscriber()) as broker:
        for data in ({"n": 1}, {"n": 1}, {"n": 2}):
            await posted(broker, {**event(), "data": data})
        assert broker.fickle == {"e-1"}
