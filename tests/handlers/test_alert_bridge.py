from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from functions.alert_bridge.handler import Ports, create_handler
from functions.alert_bridge.model import WEBHOOK_TYPE
from shared.domain.alerts import ALERT_FIRING
from shared.domain.errors import DatabaseUnavailable
from shared.domain.failures import LOST_CONNECTION
from shared.domain.governance import ALERT_RAISED
from shared.runtime.requests import document
from shared.runtime.serving import Route, serve
from shared.testing.clocks import FakeClock
from shared.testing.events import firing, webhook
from tests.fakes import MemoryAnnouncements
from tests.senders import PROBLEM

JSON = {"content-type": "application/json"}


@pytest.fixture
def place(client, settings):
    def make():
        announcements = MemoryAnnouncements()
        handler = create_handler(Ports(announcements=announcements, clock=FakeClock()))
        route = Route(read=document(WEBHOOK_TYPE), use_case=handler)
        http = client(serve("alert-bridge", settings(), {"/alertmanager": route}))
        return SimpleNamespace(http=http, announcements=announcements)

    return make


async def post(here, body, headers=None):
    return await here.http.post("/alertmanager", content=json.dumps(body), headers=headers or JSON)


async def test_every_alert_is_kept_before_alertmanager_is_told(place, logged):
    here = place()
    answer = await post(here, webhook(firing("a"), firing("b")))

    assert answer.status_code == 202
    assert answer.json() == {"alerts": 2, "new": 2, "quarantined": 0}
    assert [event.type for event in here.announcements.events.values()] == [ALERT_FIRING] * 2
    (line,) = logged()
    assert (line["event_type"], line["outcome"], line["new"]) == (WEBHOOK_TYPE, "accepted", 2)


async def test_a_repeat_is_accepted_and_adds_nothing(place):
    here = place()
    await post(here, webhook(firing("a")))
    again = firing("a", annotations={"summary": "a later rendering"})

    assert (await post(here, webhook(again))).json() == {"alerts": 1, "new": 0, "quarantined": 0}
    assert len(here.announcements.events) == 1


async def test_a_bad_alert_is_set_aside_and_blocks_no_other(place):
    here = place()
    answer = await post(here, webhook(firing("a"), firing("b", status="on fire"), firing("c")))

    assert (answer.status_code, answer.json()) == (202, {"alerts": 2, "new": 2, "quarantined": 1})
    (why,) = here.announcements.refused.values()
    assert why.startswith("status: ")


async def test_alerts_that_were_left_out_are_raised(place):
    here = place()
    await post(here, webhook(firing("a"), truncated=7))

    raised = [event for event in here.announcements.events.values() if event.type == ALERT_RAISED]
    assert [event.data["impact"]["alerts_left_out"] for event in raised] == [7]


async def test_an_outage_keeps_nothing_and_alertmanager_posts_again(place):
    here = place()
    here.announcements.failures.append(DatabaseUnavailable(LOST_CONNECTION))
    answer = await post(here, webhook())

    assert (answer.status_code, answer.headers["content-type"]) == (503, PROBLEM)
    assert (await post(here, webhook())).status_code == 202


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "text",
        None,
        webhook() | {"version": "3"},
        webhook() | {"version": 4},
        webhook() | {"alerts": []},
        webhook() | {"alerts": ["a"]},
        webhook() | {"alerts": [firing()] * 1001},
        webhook() | {"truncatedAlerts": -1},
        webhook() | {"truncatedAlerts": "many"},
        webhook() | {"groupKey": ""},
    ],
)
async def test_what_is_no_webhook_is_a_422(place, body):
    here = place()
    answer = await post(here, body)

    assert (answer.status_code, here.announcements.events) == (422, {})


async def test_fields_of_a_newer_alertmanager_are_ignored(place):
    here = place()
    assert (await post(here, webhook(firing("a") | {"new": 1}) | {"newer": 2})).json()["alerts"] == 1


@pytest.mark.parametrize("content_type", ["text/plain", "", "application/x-www-form-urlencoded", "application/jsonx"])
async def test_another_content_type_is_a_415(place, content_type):
    here = place()
    assert (await post(here, webhook(), {"content-type": content_type})).status_code == 415


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
async def test_parameters_and_capitals_are_fine(place, content_type):
    here = place()
    assert (await post(here, webhook(), {"content-type": content_type})).status_code == 202


async def test_only_its_own_path_is_served(place):
    here = place()
    answer = await here.http.post("/", content=json.dumps(webhook()), headers=JSON)

    assert (answer.status_code, answer.json()["detail"]) == (400, "POST to one of /alertmanager")
