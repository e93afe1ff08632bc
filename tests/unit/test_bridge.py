from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.alert_bridge.core import SOURCE, bridge
from functions.alert_bridge.model import Webhook
from shared.domain.alerts import ALERT_FIRING, ALERT_RESOLVED, Alert, incident_id
from shared.domain.contract import validated
from shared.domain.governance import ALERT_RAISED, GovernanceAlert
from shared.testing.clocks import NOON
from shared.testing.events import firing, webhook
from tests import strategies

ENDED = "2026-01-31T12:00:00.5Z"


def bridged(*alerts, truncated=0, at=NOON):
    return bridge(validated(Webhook, webhook(*alerts, truncated=truncated)), at)


def event_of(alert):
    (event,) = bridged(alert).events
    return event


def resolved(fingerprint="b1c2d3", ends_at=ENDED, **changes):
    return firing(fingerprint, status="resolved", endsAt=ends_at, **changes)


def test_a_firing_alert_becomes_an_event():
    event = event_of(firing())

    assert (event.type, event.source) == (ALERT_FIRING, SOURCE)
    assert event.time == datetime(2026, 1, 31, 11, 53, 0, 123_000, tzinfo=UTC)
    assert event.subject == event.data["incident_id"] == event.extensions["correlationid"]
    alert = validated(Alert, event.data)
    assert (alert.alertname, alert.severity, alert.ends_at) == ("KubePodCrashLooping", "critical", None)


def test_a_resolved_alert_ends_the_same_incident():
    event = event_of(resolved())

    assert event.type == ALERT_RESOLVED
    assert event.time == datetime(2026, 1, 31, 12, 0, 0, 500_000, tzinfo=UTC)
    assert event.subject == event_of(firing()).subject


def test_the_incident_is_the_hash_of_fingerprint_and_start():
    start = datetime(2026, 1, 31, 11, 53, tzinfo=UTC)
    expected = hashlib.sha256(b"b1c2d3|2026-01-31T11:53:00Z").hexdigest()[:12]

    assert incident_id("b1c2d3", start) == f"INC-{expected}"
    assert incident_id("b1c2d3", start.astimezone(timezone(timedelta(hours=8)))) == f"INC-{expected}"
    assert incident_id("b1c2d4", start) != incident_id("b1c2d3", start) != incident_id("b1c2d3", NOON)


@pytest.mark.parametrize(
    "again",
    [
        firing(annotations={"summary": "rendered anew"}),
        firing(generatorURL="http://other"),
        firing(endsAt="2026-01-31T12:30:00Z"),
        firing(startsAt="2026-01-31T19:53:00.123+08:00"),
    ],
)
def test_a_repeat_is_the_same_event(again):
    assert event_of(again).id == event_of(firing()).id


@pytest.mark.parametrize(
    "other",
    [firing("other"), firing(startsAt="2026-01-31T11:54:00Z"), resolved(), resolved(ends_at="2026-01-31T12:01:00Z")],
)
def test_another_episode_is_another_event(other):
    ids = {event_of(alert).id for alert in (firing(), resolved(ends_at="2026-01-31T11:59:00Z"), other)}

    assert len(ids) == 3


def test_the_order_of_a_group_does_not_matter():
    alerts = [firing("a"), firing("b"), resolved("c")]

    assert sorted(e.id for e in bridged(*alerts).events) == sorted(e.id for e in bridged(*alerts[::-1]).events)


@pytest.mark.parametrize(
    "bad",
    [
        {},
        firing(status="on fire"),
        firing(fingerprint=""),
        firing(labels={"a": 1}),
        firing(startsAt="0001-01-01T00:00:00+01:00"),
        {"surprise": [1, {"a": None}]},
    ],
)
def test_a_bad_alert_is_kept_whole_and_blocks_no_other(bad):
    result = bridged(firing("a"), bad, firing("b"))

    assert len(result.events) == 2
    (refused,) = result.refused
    assert (refused.event.data, refused.event.time) == (bad, NOON)
    assert refused.why
    assert bridged(bad, at=NOON + timedelta(hours=1)).refused[0].event.id == refused.event.id


def test_alerts_that_were_left_out_raise_one_alert():
    result = bridged(firing("a"), truncated=3)
    (raised,) = [event for event in result.events if event.type == ALERT_RAISED]

    assert validated(GovernanceAlert, raised.data).impact["alerts_left_out"] == 3
    again, more = bridged(firing("a"), truncated=3, at=NOON + timedelta(hours=1)), bridged(firing("a"), truncated=4)
    ids = {event.id for found in (again, more) for event in found.events if event.type == ALERT_RAISED}
    assert len(ids | {raised.id}) == 2


def test_an_alert_without_a_name_is_called_so():
    assert event_of(firing(labels={})).data["alertname"] == "unnamed"


@given(st.lists(st.dictionaries(strategies.text, strategies.json_values, max_size=4), min_size=1, max_size=4))
def test_any_json_object_is_either_bridged_or_kept(alerts):
    result = bridged(*alerts)

    assert len(result.events) + len(result.refused) == len(alerts)
