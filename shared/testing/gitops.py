"""Plans in memory, behind the port of gitops-issue."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from functions.gitops_issue.announcements import announce_assessed, announce_review, with_issue
from functions.gitops_issue.drafts import Draft
from functions.gitops_issue.handler import Planned
from functions.gitops_issue.issues import (
    LEASE_S,
    Opened,
    Outcome,
    State,
    Ticket,
    settlement,
)
from shared.domain.contract import validated
from shared.domain.errors import AftercareError, Unprocessable
from shared.domain.events import Event
from shared.domain.ports import Clock
from shared.domain.redaction import redact_text
from shared.domain.remediations import (
    REMEDIATION_PROPOSED,
    AssessmentOutcome,
    RemediationAssessed,
    RemediationProposed,
    ReviewIssue,
    Tier,
)
from shared.testing.events import INCIDENT, PRODUCER, sample

_LEASE: Final = timedelta(seconds=LEASE_S)
_ON_ITS_WAY: Final = (State.PLANNED, State.SENDING, State.UNKNOWN, State.FAILED)


@dataclass(slots=True, kw_only=True)
class Row:
    """One plan.

    Attributes:
        leased_until: when its owner is given up.
        changed_at: when it was planned or settled; once its issue is open, that is when it was.
    """

    ticket: Ticket
    due_at: datetime
    leased_until: datetime | None = None
    changed_at: datetime
    opened: Opened | None = None
    why: str | None = None
    command: str
    requester: str

    @property
    def issue(self) -> ReviewIssue | None:
        """Where people decide, once it is there."""
        return None if self.opened is None else self.opened.issue


def remediation_proposed(
    *,
    id: str = "proposed-1",  # noqa: A002 - the attribute's name
    source: str = PRODUCER,
    command: str = "kubectl drain worker-3 --ignore-daemonsets -n prod",
    **changes: Any,
) -> Event:
    """``remediation.proposed``: a plan that two people must agree to."""
    data = {
        "proposal_id": "p-1",
        "incident_id": INCIDENT,
        "command": command,
        "target_state": "worker-3 has no pods and takes none.",
        "constraints": ["outside of business hours"],
        "diagnosis": "The disk of worker-3 fails.",
        "requested_by": "planner",
        **changes,
    }
    return sample(REMEDIATION_PROPOSED, data, id=id, source=source)


def remediation_assessed(*, digest: str, **changes: Any) -> RemediationAssessed:
    """What is said of that plan before its issue is open."""
    given = {
        "proposal_id": "p-1",
        "incident_id": INCIDENT,
        "score": 72,
        "tier": Tier.DUAL,
        "reasons": [],
        "dry_run_required": True,
        "digest": digest,
        "outcome": AssessmentOutcome.ISSUE_PENDING,
    }
    return RemediationAssessed.model_validate({**given, **changes})


class MemoryReviews:
    """See :class:`functions.gitops_issue.handler.Reviews`.

    Attributes:
        rows: plans by digest.
        announced: what would be in the outbox, in order.
        failures: raised by the next calls of the name, one each.
    """

    def __init__(self, clock: Clock, *, settle_s: float) -> None:
        self._clock = clock
        self._settle_s = settle_s
        self.rows: dict[str, Row] = {}
        self._inbox: dict[tuple[str, str], tuple[str, Event, Planned]] = {}
        self.announced: list[Event] = []
        self.failures: dict[str, deque[AftercareError]] = {}

    @property
    def states(self) -> dict[str, State]:
        """How far each plan is, by digest."""
        return {digest: row.ticket.state for digest, row in self.rows.items()}

    async def plan(self, event: Event, assessed: RemediationAssessed, draft: Draft | None) -> Planned:
        """Commit an assessment and its intent, or say what was answered before."""
        self._called("plan")
        if (event.source, event.id) in self._inbox:
            return self._again(event)
        cause = replace(event, subject=event.subject or assessed.incident_id, data=None)
        if draft is not None:
            row = self._row(cause, validated(RemediationProposed, event.data), assessed, draft)
            assessed = assessed if row.issue is None else with_issue(assessed, row.issue)
        planned = Planned(announce_assessed(cause, assessed, self._clock.now()), assessed, duplicate=False)
        self._inbox[event.source, event.id] = event.digest(), cause, planned
        self.announced.append(planned.announced)
        return planned

    async def take(self, *, digest: str | None = None) -> Ticket | None:
        """Take a plan that is due."""
        self._called("take")
        due = [row for row in self.rows.values() if digest in (None, row.ticket.digest) and self._is_due(row)]
        return self._take(min(due, key=lambda row: row.due_at)) if due else None

    async def settle(self, ticket: Ticket, outcome: Outcome) -> bool:
        """Commit what came of a ticket."""
        self._called("settle")
        row, now = self.rows[ticket.digest], self._clock.now()
        if row.ticket.fence != ticket.fence or row.ticket.state not in (State.SENDING, State.UNKNOWN):
            return False
        settled = settlement(ticket, outcome, settle_s=self._settle_s)
        row.ticket = replace(row.ticket, state=settled.state)
        row.due_at, row.leased_until, row.changed_at = now + timedelta(seconds=settled.pause_s), None, now
        row.opened, row.why = settled.opened, settled.why
        if row.issue is not None:
            self._announce_opened(ticket, row.issue, now)
        return True

    def _called(self, name: str) -> None:
        if self.failures.get(name):
            raise self.failures[name].popleft()

    def _again(self, event: Event) -> Planned:
        digest, cause, planned = self._inbox[event.source, event.id]
        if digest != event.digest():
            raise Unprocessable(f"id {event.id} was used before with other content; send a new id")
        planned = replace(planned, duplicate=True)
        if not planned.is_pending:
            return planned
        row = self.rows[planned.assessed.digest]
        if row.issue is None:
            return replace(planned, why=row.why)
        assessed = with_issue(planned.assessed, row.issue)
        return replace(planned, announced=announce_assessed(cause, assessed, row.changed_at), assessed=assessed)

    def _row(self, cause: Event, proposed: RemediationProposed, assessed: RemediationAssessed, draft: Draft) -> Row:
        row, now = self.rows.get(assessed.digest), self._clock.now()
        if row is not None and row.ticket.state is not State.FAILED:
            return row
        ticket = Ticket(
            digest=assessed.digest,
            fence=0 if row is None else row.ticket.fence,
            state=State.PLANNED,
            attempts=0 if row is None else row.ticket.attempts,
            planned_at=now if row is None else row.ticket.planned_at,
            cause=cause,
            assessed=assessed,
            draft=draft,
        )
        self.rows[assessed.digest] = planned = Row(
            ticket=ticket,
            due_at=now,
            changed_at=now,
            command=redact_text(proposed.command),
            requester=redact_text(proposed.requested_by),
        )
        return planned

    def _is_due(self, row: Row) -> bool:
        now = self._clock.now()
        is_free = row.leased_until is None or row.leased_until + timedelta(seconds=self._settle_s) <= now
        return row.ticket.state in _ON_ITS_WAY and row.due_at <= now and is_free

    def _take(self, row: Row) -> Ticket:
        ticket = row.ticket
        state = State.SENDING if ticket.state in (State.PLANNED, State.FAILED) else State.UNKNOWN
        row.ticket = replace(ticket, state=state, fence=ticket.fence + 1, attempts=ticket.attempts + 1)
        row.leased_until = self._clock.now() + _LEASE
        return row.ticket

    def _announce_opened(self, ticket: Ticket, issue: ReviewIssue, at: datetime) -> None:
        pending = announce_assessed(ticket.cause, ticket.assessed, at)
        before = len(self.announced)
        self.announced = [event for event in self.announced if event.id != pending.id]
        if len(self.announced) < before:
            self.announced.append(announce_assessed(ticket.cause, with_issue(ticket.assessed, issue), at))
        self.announced.append(announce_review(ticket.cause, ticket.assessed, issue, at))
