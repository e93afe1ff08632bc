"""backfill-reconcile's decisions: what becomes of a dead letter."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from shared.domain.dead_letters import (
    CRASHES_TOLERATED,
    REDRIVE_COUNT,
    REDRIVES_TOLERATED,
    DeadLetter,
    has_failed_for_long,
)
from shared.domain.events import Event
from shared.domain.failures import Failure, FailureClass

_BROKER: Final = "knativeerror"
# Answers that the same event gets every time. 401 and 403 are not among them: they are a setting, not the event.
_PERMANENT: Final = frozenset({"400", "413", "415", "422"})
_PERHAPS_THE_LETTER: Final = frozenset(
    {FailureClass.EVENT, FailureClass.CONFLICT, FailureClass.COLLISION, FailureClass.UNKNOWN}
)


class Fate(StrEnum):
    """What becomes of a letter."""

    REDELIVER = "redeliver"
    QUARANTINE = "quarantine"
    LEAVE = "leave"


def unwrapped(event: Event, *, now: datetime) -> DeadLetter:
    """The letter for an event that a broker gave up on, with what the broker added set aside."""
    said = {name.removeprefix(_BROKER): value for name, value in event.extensions.items() if name.startswith(_BROKER)}
    kept = {name: value for name, value in event.extensions.items() if not name.startswith("knative")}
    permanent = said.get("code") in _PERMANENT
    return DeadLetter(
        event=replace(event, extensions=kept),
        fn="broker",
        failure=Failure(FailureClass.EVENT if permanent else FailureClass.UNKNOWN),
        attempts=redrives(event),
        first_failed_at=now,
        # The body of the answer is left out: it may repeat what was refused.
        detail={name: said[name] for name in ("dest", "code") if name in said},
    )


def redrives(event: Event) -> int:
    """How often this event has been sent again already."""
    counted = event.extensions.get(REDRIVE_COUNT, "0")
    return int(counted) if counted.isdigit() else 0


def fate_at_the_door(letter: DeadLetter, *, can_send: bool) -> Fate:
    """For a letter of the broker: send it again later, or keep it for a person."""
    hopeless = letter.failure.kind is FailureClass.EVENT or letter.attempts >= REDRIVES_TOLERATED
    return Fate.QUARANTINE if hopeless or not can_send else Fate.REDELIVER


def to_send_again(letter: DeadLetter) -> Event:
    """The event with one more redrive on its counter; a redrive is not part of what the producer said."""
    count = str(redrives(letter.event) + 1)
    return replace(letter.event, extensions={**letter.event.extensions, REDRIVE_COUNT: count})


def fate_after_crashes(deliveries: int) -> Fate:
    """For a letter whose holders died: after five it is the letter, not the holders."""
    return Fate.QUARANTINE if deliveries > CRASHES_TOLERATED else Fate.REDELIVER


def fate_after_failure(letter: DeadLetter, *, now: datetime) -> Fate:
    """For a letter that failed alone while the database was healthy."""
    return Fate.QUARANTINE if has_failed_for_long(letter, now=now) else Fate.LEAVE


def is_outage(failure: Failure) -> bool:
    """Whether the database, not the letter, is at fault: the drain stops and nothing counts against anyone.

    A missing table or a wrong password is an outage as well, however long it lasts: never the letter's fault.
    """
    return failure.kind not in _PERHAPS_THE_LETTER
