from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from functions.alert_bridge.core import bridge
from functions.alert_bridge.model import Webhook
from shared.domain.contract import validated
from shared.domain.redaction import redact
from shared.domain.strict_json import loads
from shared.domain.writes import write_of
from shared.runtime.cloudevents import STRUCTURED_TYPE, parse

EVENTS = Path(__file__).parents[1] / "events"
WEBHOOKS = sorted(EVENTS.glob("alertmanager-*.json"))
CLOUDEVENTS = sorted(set(EVENTS.glob("*.json")) - set(WEBHOOKS))
NOON = datetime.fromisoformat("2026-01-31T12:00:00Z")


@pytest.mark.parametrize("path", WEBHOOKS, ids=lambda path: path.stem)
def test_webhooks_are_bridged_whole(path):
    bridged = bridge(validated(Webhook, loads(path.read_bytes())), NOON)
    assert len(bridged.events) == 2
    assert bridged.refused == []
    assert len({event.subject for event in bridged.events}) == 2


def test_an_alert_and_its_end_are_one_incident():
    firing, resolved = (bridge(validated(Webhook, loads(path.read_bytes())), NOON).events for path in WEBHOOKS)
    assert [event.subject for event in firing] == [event.subject for event in resolved]
    assert {event.id for event in firing}.isdisjoint(event.id for event in resolved)


@pytest.mark.parametrize("path", CLOUDEVENTS, ids=lambda path: path.stem)
def test_events_are_written_about_the_incident_of_the_webhook(path):
    [event] = parse({"content-type": STRUCTURED_TYPE}, path.read_bytes())
    first_alert = bridge(validated(Webhook, loads(WEBHOOKS[0].read_bytes())), NOON).events[0]
    assert write_of(event).incident_id == event.subject == first_alert.subject


@pytest.mark.parametrize("path", [*WEBHOOKS, *CLOUDEVENTS], ids=lambda path: path.stem)
def test_nothing_in_them_looks_like_a_secret(path):
    document = loads(path.read_bytes())
    assert redact(document) == document
