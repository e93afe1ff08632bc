from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from functions.backfill_reconcile.core import (
    Fate,
    fate_after_crashes,
    fate_after_failure,
    fate_at_the_door,
    is_outage,
    redrives,
    to_send_again,
    unwrapped,
)
from shared.domain.dead_letters import DeadLetter, has_failed_for_long
from shared.domain.events import from_structured
from shared.domain.failures import Failure, FailureClass, of_sqlstate
from shared.testing.clocks import NOON
from shared.testing.events import write_requested

EVENT = write_requested()
LETTER = DeadLetter(event=EVENT, fn="broker", failure=Failure(FailureClass.UNKNOWN), attempts=0, first_failed_at=NOON)


def from_broker(**extensions):
    return unwrapped(replace(EVENT, extensions=extensions), now=NOON)


def test_a_document_says_everything():
    document = replace(LETTER, failure=of_sqlstate("53100"), attempts=2, detail={"code": "503"}).document()

    assert from_structured(document["event"]) == EVENT
    assert document["sha256"] == EVENT.digest()
    assert (document["class"], document["sqlstate"], document["attempts"]) == ("overload", "53100", 2)
    assert document["first_failed_at"] == "2026-01-31T12:00:00+00:00"


def test_a_reason_leaves_out_what_is_unknown():
    assert LETTER.reason() == {"class": "unknown", "fn": "broker"}
    assert replace(LETTER, failure=of_sqlstate("40001"), detail={"code": "503"}).reason() == {
        "class": "conflict",
        "sqlstate": "40001",
        "fn": "broker",
        "code": "503",
    }


def test_unwrapping_takes_off_what_the_broker_added():
    letter = from_broker(knativeerrordest="http://x", knativeerrorcode="500", knativebrokerttl="9", team="sre")

    assert letter.event.extensions == {"team": "sre"}
    assert letter.event.digest() == replace(EVENT, extensions={"team": "sre"}).digest()
    assert letter.detail == {"dest": "http://x", "code": "500"}


def test_what_the_broker_was_answered_is_left_out():
    assert "c2VjcmV0" not in str(from_broker(knativeerrordata="c2VjcmV0", knativeerrorcode="500"))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("400", FailureClass.EVENT),
        ("413", FailureClass.EVENT),
        ("415", FailureClass.EVENT),
        ("422", FailureClass.EVENT),
        ("401", FailureClass.UNKNOWN),
        ("403", FailureClass.UNKNOWN),
        ("503", FailureClass.UNKNOWN),
        ("-1", FailureClass.UNKNOWN),
    ],
)
def test_a_status_says_whether_it_is_for_good(code, kind):
    assert from_broker(knativeerrorcode=code).failure.kind is kind


@pytest.mark.parametrize(
    ("said", "count"), [({}, 0), ({"redrivecount": "3"}, 3), ({"redrivecount": "x"}, 0), ({"redrivecount": "-1"}, 0)]
)
def test_redrives_are_counted_on_the_event(said, count):
    event = replace(EVENT, extensions=said)

    assert redrives(event) == count
    again = to_send_again(replace(LETTER, event=event))
    assert redrives(again) == count + 1
    assert again.digest() == replace(event, extensions={}).digest()


@pytest.mark.parametrize(
    ("letter", "can_send", "fate"),
    [
        (LETTER, True, Fate.REDELIVER),
        (LETTER, False, Fate.QUARANTINE),
        (replace(LETTER, attempts=4), True, Fate.REDELIVER),
        (replace(LETTER, attempts=5), True, Fate.QUARANTINE),
        (replace(LETTER, failure=Failure(FailureClass.EVENT)), True, Fate.QUARANTINE),
    ],
)
def test_at_the_door(letter, can_send, fate):
    assert fate_at_the_door(letter, can_send=can_send) is fate


@pytest.mark.parametrize(
    ("deliveries", "fate"), [(0, Fate.REDELIVER), (5, Fate.REDELIVER), (6, Fate.QUARANTINE), (99, Fate.QUARANTINE)]
)
def test_after_crashes(deliveries, fate):
    assert fate_after_crashes(deliveries) is fate


@pytest.mark.parametrize(
    ("passed", "long", "fate"),
    [
        (timedelta(), False, Fate.LEAVE),
        (timedelta(hours=24), False, Fate.LEAVE),
        (timedelta(hours=24, microseconds=1), True, Fate.QUARANTINE),
        (timedelta(hours=-1), False, Fate.LEAVE),
    ],
)
def test_after_a_day(passed, long, fate):
    assert has_failed_for_long(LETTER, now=NOON + passed) is long
    assert fate_after_failure(LETTER, now=NOON + passed) is fate


@pytest.mark.parametrize("kind", FailureClass)
def test_only_what_may_be_the_letters_own_is_no_outage(kind):
    own = kind in {FailureClass.EVENT, FailureClass.CONFLICT, FailureClass.COLLISION, FailureClass.UNKNOWN}

    assert is_outage(Failure(kind)) is not own
