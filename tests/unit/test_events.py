from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given

from shared.domain.events import Event, canonical_json, derived_id, from_structured, to_structured
from shared.testing.clocks import NOON
from shared.testing.events import write_requested
from tests import strategies

EVENT = write_requested()
TAIPEI = timezone(timedelta(hours=8))


@given(strategies.events)
def test_a_structured_document_reads_back_as_the_same_event(event):
    document = json.loads(json.dumps(to_structured(event)))

    assert from_structured(document) == event
    assert from_structured(document).digest() == event.digest()


def test_absent_attributes_are_absent_in_the_document():
    assert to_structured(Event(id="1", source="/s", type="t")) == {
        "specversion": "1.0",
        "id": "1",
        "source": "/s",
        "type": "t",
    }


def test_times_are_sent_in_utc():
    event = replace(EVENT, time=datetime(2026, 1, 31, 20, tzinfo=TAIPEI))

    assert to_structured(event)["time"] == "2026-01-31T12:00:00Z"


@pytest.mark.parametrize(
    "change",
    [
        {"id": "2"},
        {"source": "/other"},
        {"type": "t"},
        {"time": NOON + timedelta(microseconds=1)},
        {"time": None},
        {"subject": "INC-2"},
        {"data": {"a": 1}},
        {"extensions": {"team": "sre"}},
    ],
)
def test_whatever_the_producer_says_is_in_the_digest(change):
    assert replace(EVENT, **change).digest() != EVENT.digest()


@pytest.mark.parametrize(
    "name", ["knativeerrordest", "knativeerrorcode", "knativebrokerttl", "traceparent", "tracestate", "redrivecount"]
)
def test_what_the_way_adds_is_not(name):
    assert replace(EVENT, extensions={name: "1"}).digest() == EVENT.digest()


def test_the_digest_knows_instants_not_spellings():
    assert replace(EVENT, time=NOON.astimezone(TAIPEI)).digest() == EVENT.digest()


def test_the_order_of_keys_is_no_difference():
    assert canonical_json({"b": 1, "a": {"d": 1, "c": "é"}}) == '{"a":{"c":"é","d":1},"b":1}'.encode()


def follow(cause, step="written"):
    return cause.follow(step, type="t", source="/me", time=NOON, data=None)


def test_the_same_cause_and_step_give_the_same_id():
    assert follow(EVENT) == follow(EVENT)
    others = [follow(EVENT, "deferred"), follow(replace(EVENT, id="2")), follow(replace(EVENT, source="/other"))]
    assert len({event.id for event in [follow(EVENT), *others]}) == 4


def test_what_follows_names_its_cause_and_carries_the_trace():
    cause = replace(EVENT, extensions={"traceparent": "00-a-b-01", "tracestate": "x=1", "knativeerrorcode": "500"})

    assert follow(cause).extensions == {
        "traceparent": "00-a-b-01",
        "tracestate": "x=1",
        "correlationid": EVENT.subject,
        "causationid": EVENT.id,
    }


def test_a_correlation_is_passed_on_unchanged():
    cause = replace(EVENT, extensions={"correlationid": "C-1"})

    assert follow(cause).extensions["correlationid"] == "C-1"
    assert "correlationid" not in follow(replace(EVENT, subject=None)).extensions


def test_parts_of_an_id_do_not_run_into_each_other():
    assert derived_id("a", "bc") != derived_id("ab", "c")


@pytest.mark.parametrize("missing", ["id", "source", "type"])
def test_a_document_without_its_core_is_an_error(missing):
    document = to_structured(EVENT)
    del document[missing]

    with pytest.raises(KeyError):
        from_structured(document)


def test_a_time_without_an_offset_would_be_told_apart():
    assert from_structured({"id": "1", "source": "/", "type": "t", "time": "2026-01-31T12:00:00Z"}).time == NOON
    assert NOON.tzinfo is UTC
