"""One incident's events, for as many incidents as there are orders to tell them in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import permutations
from random import Random
from typing import Any, Final

from shared.domain.alerts import incident_id
from shared.domain.events import Event
from shared.testing.events import execution_verified, firing, remediation_approved, webhook, write_requested

_BEGAN: Final = datetime(2024, 5, 17, 8, tzinfo=UTC)
_MINUTE: Final = timedelta(minutes=1)
_MOST_REPEATS: Final = 3


class Step(StrEnum):
    """What is told; path A is the incident's own, path B that of the action which was taken."""

    PATH_A = "path A"
    UPDATE = "update"  # of path A, at the same time: the ids decide
    PATH_B = "path B"
    APPROVAL = "approval"
    REOPENED = "reopened"  # what path B said is taken back
    RESOLVED = "resolved"  # a webhook, and what alert-bridge makes of it


@dataclass(frozen=True, slots=True)
class Telling:
    """One order, with its repeats, of one incident.

    Attributes:
        number: of the incident; everything of it has this in its name.
        steps: in the order in which they are told.
    """

    number: int
    steps: tuple[Step, ...]

    @property
    def fingerprint(self) -> str:
        """Of its alert."""
        return f"{self.number:016x}"

    @property
    def incident(self) -> str:
        """Its id."""
        return incident_id(self.fingerprint, _BEGAN)

    @property
    def told(self) -> frozenset[Step]:
        """What is told, in whatever order."""
        return frozenset(self.steps)

    def event_id(self, step: Step) -> str:
        """Of the step's event; in the order of the steps' names, for every incident alike."""
        return f"{step.name.lower()}-{self.number:06}"

    def event(self, step: Step) -> Event:
        """What km-write is told; what it is told of a resolution is for alert-bridge to say."""
        named: dict[str, Any] = {"id": self.event_id(step), "incident": self.incident}
        match step:
            case Step.PATH_A:
                return write_requested(at=_BEGAN + _MINUTE, text="Its memory was too small.", **named)
            case Step.UPDATE:
                return write_requested(at=_BEGAN + _MINUTE, text="Its memory was leaking.", **named)
            case Step.PATH_B:
                return execution_verified(at=_BEGAN + 2 * _MINUTE, **named)
            case Step.APPROVAL:
                return remediation_approved(at=_BEGAN + 3 * _MINUTE, **named)
            case _:
                taken_back = self.event_id(Step.PATH_B)
                return execution_verified("failed", at=_BEGAN + 4 * _MINUTE, revises=taken_back, **named)

    def webhook(self) -> dict[str, Any]:
        """What alert-bridge is told."""
        times = {"startsAt": _BEGAN.isoformat(), "endsAt": _BEGAN.isoformat()}
        return webhook(firing(self.fingerprint, status="resolved", **times))

    def __str__(self) -> str:
        """The steps, in their order."""
        return " > ".join(self.steps)


def tellings(random: Random, *, part: int, parts: int, some: int, first: int) -> list[Telling]:
    """A part of all orders of all steps, and some orders of some of the steps; most of them with repeats.

    Args:
        random: the same one for each part shares the orders out.
        part: which, from 0.
        parts: how many there are.
        some: how many sets of fewer steps, each in three orders.
        first: the number of the first incident.
    """
    whole = list(permutations(Step))
    random.shuffle(whole)
    orders: list[Sequence[Step]] = list(whole[part % parts :: parts])
    for _ in range(some):
        chosen = random.sample(list(Step), random.randint(2, len(Step) - 1))
        orders += [random.sample(chosen, len(chosen)) for _ in range(3)]
    return [Telling(first + number, _with_repeats(random, order)) for number, order in enumerate(orders)]


def _with_repeats(random: Random, order: Sequence[Step]) -> tuple[Step, ...]:
    """The same, where some steps come again later."""
    told = list(order)
    for _ in range(random.randint(0, _MOST_REPEATS)):
        again = random.choice(order)
        told.insert(random.randint(told.index(again) + 1, len(told)), again)
    return tuple(told)
