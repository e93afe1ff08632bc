"""The issue of a plan on its way to Gitea: PLANNED, SENDING, then SENT, or UNKNOWN when nobody can say.

Gitea takes no idempotency key, so what may have arrived is never sent again on a guess. Three kinds of failure are
told apart. *Postponed*: nothing has left, or Gitea refused us before it looked at the content; the plan waits and is
tried again. *Refused*: Gitea refused the content; that is a setting, most likely an assignee who does not exist, so it
is tried again once an hour. *Uncertain*: the answer to the request was lost, was a 5xx, or is not one we know; only
Gitea's list of issues says what became of it, and only after a pause in which a late request would have landed. What
that list does not show, read to its end, is not there (*absent*), and is planned again.

A sent one is read back until people, an edit or the time have decided: see :mod:`functions.gitops_issue.reviewing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, assert_never

from functions.gitops_issue.drafts import Draft
from shared.domain.events import Event
from shared.domain.remediations import RemediationAssessed, ReviewIssue

LEASE_S: Final = 60.0
"""How long a silent owner keeps a plan."""

_FIRST_PAUSE_S: Final = 30.0
_LONGEST_PAUSE_S: Final = 600.0
_REFUSED_PAUSE_S: Final = 3600.0


class State(StrEnum):
    """How far a plan's issue is; a closed set."""

    PLANNED = "planned"
    SENDING = "sending"
    UNKNOWN = "unknown"
    SENT = "sent"
    FAILED = "failed"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    VOIDED = "voided"


@dataclass(frozen=True, slots=True)
class Opened:
    """It is there.

    Attributes:
        issue: where.
        seal: of the text that was opened; see :func:`functions.gitops_issue.core.approvals.seal`.
        author: the login it was opened with.
    """

    issue: ReviewIssue
    seal: str
    author: str


@dataclass(frozen=True, slots=True)
class Postponed:
    """Nothing was opened this time; ``why`` is for people."""

    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Gitea does not take this content."""

    why: str


@dataclass(frozen=True, slots=True)
class Uncertain:
    """It may have been opened."""

    why: str


@dataclass(frozen=True, slots=True)
class Absent:
    """It was looked for after it had time to appear, and is not there."""


Outcome = Opened | Postponed | Refused | Uncertain | Absent


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A plan that this process has taken.

    Attributes:
        digest: of the plan.
        fence: rises with every owner; a settlement carries it.
        state: SENDING to post it, UNKNOWN to look for it.
        attempts: how often it was taken, this time included.
        planned_at: when it was planned first (database time); no issue of it is older.
        cause: the event that proposed it, without its data.
        assessed: what was answered.
        draft: the issue.
    """

    digest: str
    fence: int
    state: State
    attempts: int
    planned_at: datetime
    cause: Event
    assessed: RemediationAssessed
    draft: Draft


@dataclass(frozen=True, slots=True)
class Settlement:
    """What becomes of a ticket.

    Attributes:
        state: the next one.
        pause_s: seconds before anyone takes it again.
        opened: the issue, when there is one.
        why: the reason, when there is none.
    """

    state: State
    pause_s: float = 0.0
    opened: Opened | None = None
    why: str | None = None


def settlement(ticket: Ticket, outcome: Outcome, *, settle_s: float) -> Settlement:
    """The state after an attempt.

    Args:
        ticket: what was attempted.
        outcome: what came of it.
        settle_s: seconds in which a late request lands (``GITEA_SETTLE_SECONDS``).
    """
    match outcome:
        case Opened() as opened:
            return Settlement(State.SENT, opened=opened)
        case Postponed(why):
            looked = ticket.state is State.UNKNOWN
            return Settlement(State.UNKNOWN if looked else State.PLANNED, _pause_s(ticket.attempts), why=why)
        case Refused(why):
            return Settlement(State.FAILED, _REFUSED_PAUSE_S, why=why)
        case Uncertain(why):
            return Settlement(State.UNKNOWN, settle_s, why=why)
        case Absent():
            return Settlement(State.PLANNED, why="it was not opened; it is posted again")
        case _ as never:
            assert_never(never)


def _pause_s(attempts: int) -> float:
    """Doubles with each attempt, from half a minute to ten."""
    return float(min(_FIRST_PAUSE_S * 2 ** min(attempts - 1, 10), _LONGEST_PAUSE_S))
