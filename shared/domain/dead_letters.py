"""Dead letters: events that could not take effect yet, whole, and what becomes of them.

A letter keeps the full event, so replaying it is the same as receiving it. It is quarantined, never dropped, when the
fault is its own: the contract forbids it, it crashed the process five times, or it failed for a day while the
database was healthy. An outage of the database burns no attempts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from shared.domain.events import Event, to_structured
from shared.domain.failures import Failure

KNOWLEDGE_STREAM: Final = "km:dlq"
BROKER_STREAM: Final = "km:backfill:dlq"
STREAMS: Final = (KNOWLEDGE_STREAM, BROKER_STREAM)

CRASHES_TOLERATED: Final = 5
FAILING_TOLERATED: Final = timedelta(hours=24)
REDRIVES_TOLERATED: Final = 5

REDRIVE_COUNT: Final = "redrivecount"
"""Extension attribute: how often a dead letter of the broker has been sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How much may wait, and whether Redis' durability is checked or the operator's word is taken."""

    entries: int = 100_000
    bytes: int = 256 * 1024 * 1024
    durability_asserted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One event that waits.

    Attributes:
        event: everything the producer said.
        fn: the function that could not handle it.
        failure: the class of failure, and the SQLSTATE if there was one.
        attempts: tries made before it was parked here.
        first_failed_at: aware; kept through every redrive.
        detail: what the broker said of it (destination, status code).
    """

    event: Event
    fn: str
    failure: Failure
    attempts: int
    first_failed_at: datetime
    detail: dict[str, str] = field(default_factory=dict)

    def reason(self) -> dict[str, Any]:
        """Why it is here, for people and for the table."""
        said = {"class": str(self.failure.kind), "sqlstate": self.failure.sqlstate, "fn": self.fn, **self.detail}
        return {name: value for name, value in said.items() if value is not None}

    def document(self) -> dict[str, Any]:
        """The letter as JSON; :meth:`event` is structured CloudEvents."""
        return {
            "event": to_structured(self.event),
            "fn": self.fn,
            "class": str(self.failure.kind),
            "sqlstate": self.failure.sqlstate,
            "attempts": self.attempts,
            "first_failed_at": self.first_failed_at.isoformat(),
            "detail": self.detail,
            "sha256": self.event.digest(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A letter this process holds.

    Attributes:
        entry_id: its place in the stream.
        letter: the letter, or None when the entry cannot be read.
        deliveries: how often it has been claimed, this time included; more than once means that a holder died.
        raw: the entry as it is stored, for the quarantine of an unreadable one.
    """

    entry_id: str
    letter: DeadLetter | None
    deliveries: int
    raw: str


def has_failed_for_long(letter: DeadLetter, *, now: datetime) -> bool:
    """Whether failures that are the letter's own have gone on for a day."""
    return now - letter.first_failed_at > FAILING_TOLERATED


@dataclass(frozen=True, slots=True)
class Depth:
    """How much waits in a stream; the age is of the oldest letter, None when it is empty."""

    entries: int
    oldest_age_s: float | None
