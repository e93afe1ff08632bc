"""People are told, in time, once, and whatever happens to a channel."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from datetime import UTC

import pytest

from functions.notify.catalogues import catalogue
from functions.notify.core.attempts import REFUSALS_TOLERATED, Later, Lost, Refused, State
from functions.notify.core.describing import card_of
from functions.notify.core.destinations import Destination
from functions.notify.core.rendering import View
from functions.notify.courier import DestinationCourier, Pace, Receiver
from functions.notify.handler import Ports, create_handler
from functions.notify.model import ACCEPTS, REQUEST_TYPE
from shared.domain.errors import DatabaseUnavailable
from shared.domain.failures import LOST_CONNECTION
from shared.runtime.requests import EventReader
from shared.runtime.serving import Route, serve
from shared.testing.clocks import FakeClock
from shared.testing.events import execution_verified
from shared.testing.notify import (
    MemoryChannel,
    MemoryDeliveries,
    alert_raised,
    alert_resolved,
    one_of_each,
    rollback_proposed,
)
from tests.senders import PROBLEM, plain, structured, tick


class HangingChannel:
    """A channel that never answers."""

    async def show(self, _message):
        await asyncio.Event().wait()


class Place:
    """notify with destinations of which each has a channel of its own."""

    def __init__(self, client, settings, destinations):
        self.clock = FakeClock()
        self.deliveries = MemoryDeliveries(self.clock)
        self.channels = {each.name: channel for each, channel in destinations}
        self.couriers = [self._courier(each, channel) for each, channel in destinations]
        handler = create_handler(Ports(deliveries=self.deliveries, couriers=self.couriers))
        read = EventReader(ACCEPTS, request_type=REQUEST_TYPE, ticks=True)
        self.http = client(serve("notify", settings(), {"/": Route(read=read, use_case=handler)}))

    def _courier(self, destination, channel):
        texts = catalogue(destination.locale)
        view = View(catalogue=texts, zone=UTC, limit=4096, templates={})
        receiver = Receiver(destination=destination, channel=channel, view=view)
        return DestinationCourier(receiver, self.deliveries, self.clock, Pace())

    async def send(self, event):
        return await self.http.post("", **structured(event))

    async def settled(self):
        """Let what was nudged come to its end."""
        await asyncio.gather(*(courier._running for courier in self.couriers if courier._running))

    def kill(self):
        """End what runs in the background, as the end of the process would."""
        for courier in self.couriers:
            if courier._running:
                courier._running.cancel()

    async def tick(self):
        return await self.http.post("", **tick())

    def states(self, name="sre"):
        return [row.state for row in self.deliveries.rows.values() if row.destination == name]


@pytest.fixture
async def place(client, settings):
    made = []

    def make(*destinations):
        made.append(Place(client, settings, destinations or [to("sre")]))
        return made[-1]

    yield make
    for here in made:
        here.kill()


def to(name, channel=None, **changes):
    return Destination(name=name, chat="-1", **changes), channel or MemoryChannel()


def still_fine():
    event = execution_verified("success")
    event.data["check"] = "24h"
    return event


async def test_people_are_told_right_after_the_answer(place, logged):
    here = place()
    answer = await here.send(alert_raised())
    assert (answer.status_code, answer.content) == (202, b"")
    assert here.channels["sre"].tried == []

    await here.settled()
    (message,) = here.channels["sre"].shown
    assert "GOVERNANCE ALERT" in message.html
    assert here.states() == [State.SENT]
    handled, sent = logged()
    assert (handled["outcome"], handled["card"], handled["destinations"]) == ("planned", "alert_raised", ["sre"])
    assert (sent["event"], sent["destination"], sent["function"]) == ("message.sent", "sre", "notify")


async def test_a_repeated_event_is_told_once(place):
    here = place()
    first = await here.send(alert_raised())
    await here.settled()
    again = await here.send(alert_raised())
    await here.settled()

    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert len(here.channels["sre"].shown) == 1


async def test_the_same_card_of_another_event_is_told_once_in_a_while(place, logged):
    here = place()
    await here.send(alert_raised())
    await here.send(replace(alert_raised(), id="another"))
    await here.settled()

    assert len(here.channels["sre"].shown) == 1
    assert [line["outcome"] for line in logged() if "outcome" in line] == ["planned", "repeated"]


async def test_each_destination_has_its_language_and_its_floor(place):
    here = place(to("sre", floor="info"), to("team", locale="zh-TW"), to("lead", floor="critical"))
    await here.send(execution_verified("success"))
    await here.send(execution_verified("failed", id="2"))
    await here.send(alert_raised())
    await here.settled()

    seen = {name: [m.plain.splitlines()[0] for m in channel.shown] for name, channel in here.channels.items()}
    assert [len(lines) for lines in seen.values()] == [2, 2, 1]
    assert seen["sre"][0] == "2 reports on the same matter"
    assert seen["team"][0].startswith("🔴 修復失敗")
    assert seen["lead"][0].startswith("🔴 FIX FAILED")


@pytest.mark.parametrize(
    ("event", "status", "outcome"),
    [
        (execution_verified("success"), 204, "below_floor"),
        (execution_verified("failed", revises="x"), 202, "planned"),
        (still_fine(), 204, "nothing_new"),
        (alert_resolved(), 202, "planned"),
    ],
)
async def test_what_nobody_wants_to_hear_is_answered_for(place, logged, event, status, outcome):
    assert (await place().send(event)).status_code == status
    assert logged()[0]["outcome"] == outcome


async def test_without_a_channel_the_card_is_in_the_log_and_nothing_is_refused(client, settings, logged):
    here = Place(client, settings, [])
    for event in one_of_each():
        assert (await here.send(event)).status_code == 204
    lines = logged()
    assert {line["outcome"] for line in lines} == {"no_channel"}
    assert [line["card"] for line in lines if "SRE_GROUP_CHAT_ID" in line["why"]] == [
        card_of(event).kind for event in one_of_each()
    ]


async def test_an_outage_of_the_database_acknowledges_nothing(place):
    here = place()
    here.deliveries.failures["plan"] = deque([DatabaseUnavailable(LOST_CONNECTION)])
    assert (await here.send(alert_raised())).status_code == 503

    assert (await here.send(alert_raised())).status_code == 202
    await here.settled()
    assert len(here.channels["sre"].shown) == 1


async def test_cards_about_one_incident_leave_as_one_message(place):
    here = place()
    await here.send(execution_verified("failed"))
    await here.send(rollback_proposed())
    await here.send(alert_raised())
    await here.settled()

    told, alert = here.channels["sre"].shown
    assert "FIX FAILED" in told.plain
    assert "ROLLBACK PROPOSED" in told.plain
    assert "GOVERNANCE ALERT" in alert.plain
    assert here.states() == [State.SENT] * 3


async def test_a_killed_process_between_commit_and_send_loses_nothing(place):
    here = place()
    await here.send(alert_raised())
    here.kill()
    with pytest.raises(asyncio.CancelledError):
        await here.settled()
    assert here.states() == [State.PLANNED]

    assert (await here.tick()).status_code in {200, 204}
    assert here.states() == [State.SENT]
    assert "shown twice" not in here.channels["sre"].shown[0].plain


async def test_a_lost_reply_is_sent_again_and_says_that_it_may_be_a_repeat(place, logged):
    here = place()
    here.channels["sre"].outcomes.append(Lost("timeout"))
    await here.send(alert_raised())
    await here.settled()
    assert here.states() == [State.UNKNOWN]

    here.clock.advance(31)
    await here.tick()
    assert here.states() == [State.SENT]
    assert "shown twice" in here.channels["sre"].shown[0].plain
    assert [(line["event"], line.get("why")) for line in logged()][1] == ("message.not_sent", "timeout")


async def test_a_channel_that_asks_to_wait_is_waited_for(place, logged):
    here = place()
    here.channels["sre"].outcomes.extend([Later(17), Later(3)])
    await here.send(alert_raised())
    await here.settled()

    assert here.states() == [State.SENT]
    assert here.clock.slept[-2:] == [17, 3]
    assert [line["seconds"] for line in logged() if line["event"] == "message.delayed"] == [17, 3]


async def test_a_long_wait_is_left_to_a_later_tick(place):
    here = place()
    here.channels["sre"].outcomes.append(Later(300))
    await here.send(alert_raised())
    await here.settled()
    assert here.states() == [State.PLANNED]

    await here.tick()
    assert len(here.channels["sre"].tried) == 1
    here.clock.advance(301)
    await here.tick()
    assert here.states() == [State.SENT]


async def test_messages_to_one_destination_keep_its_pace(place):
    here = place()
    for number in range(4):
        await here.send(alert_raised(f"al-{number}"))
    await here.settled()

    assert len(here.channels["sre"].shown) == 4
    assert [wait for wait in here.clock.slept if wait] == [1, 1, 1, 1]


async def test_a_channel_that_refuses_is_given_up_and_counted(place, logged):
    here = place()
    here.channels["sre"].outcomes.extend([Refused("403 Forbidden")] * REFUSALS_TOLERATED)
    await here.send(alert_raised())
    await here.settled()
    for _ in range(REFUSALS_TOLERATED):
        here.clock.advance(3_601)
        await here.tick()

    assert here.states() == [State.FAILED]
    lines = logged()
    (failed,) = [line for line in lines if line["event"] == "message.failed"]
    assert (failed["level"], failed["why"], failed["attempt"]) == ("error", "403 Forbidden", REFUSALS_TOLERATED)
    assert [line["failed"] for line in lines if line.get("failed")] == [1]


async def test_a_channel_that_is_down_for_a_day_is_given_up_and_counted(place, logged):
    here = place()
    here.channels["sre"].outcomes.append(Lost("unreachable"))
    await here.send(alert_raised())
    await here.settled()
    here.channels["sre"].outcomes.append(Lost("unreachable"))
    here.clock.advance(86_401)
    await here.tick()

    assert here.states() == [State.FAILED]
    assert [line["given_up"] for line in logged() if "given_up" in line] == [1]


async def test_a_channel_that_hangs_blocks_neither_the_answer_nor_the_others(place):
    here = place(to("stuck", HangingChannel()), to("sre"))
    assert (await here.send(alert_raised())).status_code == 202
    await here.couriers[1]._running
    assert here.states("sre") == [State.SENT]

    assert (await here.send(execution_verified("failed"))).status_code == 202
    await here.couriers[1]._running
    assert here.states("sre") == [State.SENT] * 2


async def test_a_tick_tells_what_it_did(place, logged):
    here = place()
    await here.send(alert_raised())
    here.kill()
    here.channels["sre"].outcomes.append(Later(1_000))
    await here.tick()
    here.clock.advance(1_000)
    await here.tick()

    ticks = [line for line in logged() if line.get("outcome") == "ticked"]
    assert [(t.get("put_back", 0), t.get("sent", 0), t["waiting"]) for t in ticks] == [(1, 0, 1), (0, 1, 0)]


async def test_a_tick_while_the_database_is_out_is_tried_again(place):
    here = place()
    here.deliveries.failures["claim"] = deque([DatabaseUnavailable(LOST_CONNECTION)])
    assert (await here.tick()).status_code == 503


async def test_a_database_that_is_out_after_sending_costs_a_repeat_and_no_message(place):
    here = place()
    here.deliveries.failures["settle"] = deque([DatabaseUnavailable(LOST_CONNECTION)])
    await here.send(alert_raised())
    await here.settled()
    assert here.states() == [State.SENDING]

    here.clock.advance(121)
    await here.tick()
    assert here.states() == [State.SENT]
    assert "shown twice" in here.channels["sre"].shown[1].plain


async def test_plain_json_is_a_governance_alert(place):
    answer = await place().http.post("", **plain(alert_raised()))
    assert answer.status_code == 202
    assert answer.json() == {"card": "alert_raised", "severity": "violation", "about": "al-1", "destinations": ["sre"]}


async def test_what_breaks_the_contract_is_refused(place):
    answer = await place().http.post("", **plain(alert_raised(severity="purple")))
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
    assert answer.json()["detail"].startswith("severity: ")
