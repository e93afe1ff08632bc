"""What the broker takes in, whom it concerns, and what it shows of itself."""

from __future__ import annotations

import json

import pytest

from tests.integration.brokering import REQUESTED, WRITTEN, Subscriber, brokering

WORKER = {"worker": {"filters": [{"exact": {"type": REQUESTED}}]}}


async def test_every_trigger_that_matches_gets_it_and_no_other(tmp_path):
    names = ("both", "verified", "never")
    subscribers = {name: Subscriber() for name in names}
    wanted = [{"type": REQUESTED}, {"type": REQUESTED, "tier": "dual"}, {"type": REQUESTED, "tier": "auto"}]
    triggers = {name: {"filters": [{"exact": each}]} for name, each in zip(names, wanted, strict=True)}
    async with brokering(tmp_path, triggers, {**subscribers, "sink": Subscriber()}) as broker:
        await broker.send("e-1", tier="dual")
        await broker.send("e-2")
        await broker.send("e-3", type="dev.aftercare.nobody.asked.v1")
        stats = await broker.settled()
    assert sorted(each.event["id"] for each in subscribers["both"].received) == ["e-1", "e-2"]
    assert [each.event["id"] for each in subscribers["verified"].received] == ["e-1"]
    assert subscribers["never"].received == []
    assert (stats["received"], stats["delivered"]) == (3, 3)


async def test_both_modes_arrive_alike(tmp_path):
    subscriber = Subscriber()
    async with brokering(tmp_path, WORKER, {"worker": subscriber, "sink": Subscriber()}) as broker:
        await broker.send(path="/aftercare/aftercare", data={"a": 1}, subject="100 % é", flag=True)
        await broker.settled()
        headers = {f"ce-{name}": value for name, value in subscriber.received[0].event.items() if name[:3] != "kna"}
        assert headers["ce-subject"] == "100%20%25%20%C3%A9"
        headers["content-type"] = "application/json"
        assert (await broker.post("/", headers=headers, content=b'{"a":1}')).status_code == 202
        await broker.settled()
    first, second = subscriber.received
    assert (first.event, first.body) == (second.event, second.body)
    assert first.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("path", "request_", "status"),
    [
        ("/", {"content": b"{}"}, 400),
        ("/", {"json": {"incident_id": "INC-1"}}, 400),
        ("/", {"content": b"[]", "headers": {"content-type": "application/cloudevents-batch+json"}}, 400),
        ("/", {"content": b"{}", "headers": {"content-type": "application/cloudevents+json"}}, 400),
        ("/", {"headers": {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s"}}, 400),
        ("/", {"content": b" " * (4 * 1024 * 1024 + 1)}, 413),
        ("/other/aftercare", {"content": b"{}"}, 404),
        ("/pingsources/unknown", {}, 404),
    ],
)
async def test_what_is_not_taken(tmp_path, path, request_, status):
    async with brokering(tmp_path, WORKER, {"worker": Subscriber(), "sink": Subscriber()}) as broker:
        answer = await broker.post(path, **request_)
        assert answer.status_code == status
        assert answer.text.count("\n") == 1
        assert (await broker.get("/stats"))["received"] == 0


async def test_a_ping_is_an_event_like_any_other(tmp_path):
    subscriber = Subscriber()
    triggers = {"worker": {"filters": [{"suffix": {"source": "/pingsources/tick"}}]}}
    async with brokering(tmp_path, triggers, {"worker": subscriber, "sink": Subscriber()}) as broker:
        answers = [await broker.post("/pingsources/tick") for _ in range(2)]
        await broker.settled()
    assert [answer.status_code for answer in answers] == [202, 202]
    assert {each.event["id"] for each in subscriber.received} == {answer.json()["id"] for answer in answers}
    ping = subscriber.received[0]
    assert ping.event["type"] == "dev.knative.sources.ping"
    assert ping.event["source"] == "/apis/v1/namespaces/aftercare/pingsources/tick"
    assert json.loads(ping.body) == {"queues": ["km:dlq"]}


async def test_events_can_be_looked_at(tmp_path):
    async with brokering(tmp_path, WORKER, {"worker": Subscriber(), "sink": Subscriber()}) as broker:
        for number in range(5):
            await broker.send(f"e-{number}", subject=f"INC-{number % 2}")

        async def ids(query):
            return [each["event"]["id"] for each in (await broker.get(f"/events?{query}"))["events"]]

        assert await ids("") == ["e-0", "e-1", "e-2", "e-3", "e-4"]
        assert await ids("subject=INC-1") == ["e-1", "e-3"]
        assert await ids("limit=2") == ["e-3", "e-4"]
        assert await ids(f"type={WRITTEN}") == []
        [last] = (await broker.get("/events?limit=1"))["events"]
        await broker.send("e-5")
        assert await ids(f"after={last['seq']}") == ["e-5"]


async def test_it_says_whether_it_is_well(tmp_path):
    async with brokering(tmp_path, WORKER, {"worker": Subscriber(), "sink": Subscriber()}) as broker:
        assert [await broker.status(path) for path in ("/livez", "/readyz")] == [200, 200]
