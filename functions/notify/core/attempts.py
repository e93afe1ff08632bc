"""What becomes of a message that was, or was not, shown.

Telegram's ``sendMessage`` has no idempotency key and no way to ask whether a message is there. A reply that is lost
leaves the message *unknown*, and it is sent again, marked as perhaps a repeat: for an alert a rare double is better
than silence. What is certainly not shown (429, 4xx) is simply *planned* again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, assert_never

from functions.notify.core.cards import Card

REFUSALS_TOLERATED: Final = 10
"""A wrong token or chat is put right within hours; with the pauses below, this is some four of them."""

TOGETHER: Final = 8
"""Cards in one message."""

_FIRST_PAUSE_S: Final = 30.0
_LONGEST_PAUSE_S: Final = 3_600.0


class State(StrEnum):
    """Where a message is; the states of the table ``effects``."""

    PLANNED = "planned"  # certainly not shown
    SENDING = "sending"
    UNKNOWN = "unknown"  # perhaps shown
    SENT = "sent"
    FAILED = "failed"  # given up; for people to see


@dataclass(frozen=True, slots=True)
class Shown:
    """It arrived; ``reference`` is what the channel calls it."""

    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """It was not taken: a setting is wrong, or the channel objects to the message itself."""

    why: str


@dataclass(frozen=True, slots=True)
class Later:
    """It was not taken, and may come again after so many seconds."""

    after_s: float


@dataclass(frozen=True, slots=True)
class Lost:
    """Nobody knows whether it arrived."""

    why: str


Outcome = Shown | Refused | Later | Lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A card on its way to one destination, taken by a process.

    Attributes:
        attempts: this one included.
        fence: rises with each owner; whose is not the newest changes nothing.
        was: the state it was taken in.
    """

    key: str
    card: Card
    attempts: int
    fence: int
    was: State
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What is written down of an attempt; the next one is due ``after_s`` seconds from now."""

    state: State
    attempts: int
    after_s: float = 0.0
    response: Mapping[str, Any] | None = None


def settled(letter: Letter, outcome: Outcome) -> Settlement:
    """What an outcome makes of a letter."""
    attempts = letter.attempts
    match outcome:
        case Shown(reference):
            return Settlement(state=State.SENT, attempts=attempts, response={"message": reference})
        case Later(after_s):
            said = {"error": "told to wait", "seconds": after_s}
            return put_back(letter, after_s=after_s, response=said)
        case Refused(why):
            state = State.FAILED if attempts >= REFUSALS_TOLERATED else _certain(letter)
            return Settlement(state=state, attempts=attempts, after_s=pause_s(attempts), response={"error": why})
        case Lost(why):
            return Settlement(
                state=State.UNKNOWN, attempts=attempts, after_s=pause_s(attempts), response={"error": why}
            )
        case _ as never:
            assert_never(never)


def put_back(letter: Letter, *, after_s: float, response: Mapping[str, Any] | None = None) -> Settlement:
    """An attempt that was none: it counts against nobody."""
    return Settlement(state=_certain(letter), attempts=letter.attempts - 1, after_s=after_s, response=response)


def pause_s(attempts: int) -> float:
    """Seconds before the next attempt: half a minute, doubled each time, an hour at most."""
    return min(_FIRST_PAUSE_S * 2.0 ** min(attempts - 1, 10), _LONGEST_PAUSE_S)


def is_perhaps_a_repeat(letters: Sequence[Letter]) -> bool:
    """Whether one of them may have been shown before."""
    return any(letter.was is not State.PLANNED for letter in letters)


def together(letters: Sequence[Letter]) -> list[Sequence[Letter]]:
    """Letters of one destination as messages: those about the same thing leave together, oldest first."""
    about: dict[str, list[Letter]] = {}
    for letter in sorted(letters, key=lambda letter: letter.created_at):
        about.setdefault(letter.card.about, []).append(letter)
    return [many[at : at + TOGETHER] for many in about.values() for at in range(0, len(many), TOGETHER)]


def _certain(letter: Letter) -> State:
    """What a refused attempt leaves: an earlier one may still have been shown."""
    return State.PLANNED if letter.was is State.PLANNED else State.UNKNOWN
