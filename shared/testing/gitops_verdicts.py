"""What people decided, in memory, behind the port of gitops-issue."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import timedelta
from typing import Final

from functions.gitops_issue.announcements import announce_approved
from functions.gitops_issue.core.approvals import Decision, Terms, Verdict
from functions.gitops_issue.issues import LEASE_S, Opened, State
from functions.gitops_issue.reviewing import Review
from shared.domain.errors import AftercareError
from shared.domain.ports import Clock
from shared.testing.gitops import MemoryReviews, Row

_PATIENCE: Final = 5


class MemoryVerdicts:
    """See :class:`functions.gitops_issue.reviewing.Verdicts`.

    Args:
        reviews: the plans.
        clock: for leases, pauses and the end of a plan's time.
        read_s: seconds for which an issue is left alone.
        approval_s: seconds in which a plan can be approved.
        approvers: who may decide.

    Attributes:
        failures: raised by the next calls of the name, one each.
    """

    def __init__(
        self,
        reviews: MemoryReviews,
        clock: Clock,
        *,
        read_s: float = 30.0,
        approval_s: float = 86_400.0,
        approvers: frozenset[str] = frozenset(),
    ) -> None:
        self._reviews = reviews
        self._clock = clock
        self._read = timedelta(seconds=read_s)
        self._approval = timedelta(seconds=approval_s)
        self._approvers = approvers
        self._closed: set[str] = set()
        self.failures: dict[str, deque[AftercareError]] = {}

    async def take(self) -> Review | None:
        """Take an issue that is due."""
        self._called("take")
        due = [row for row in self._reviews.rows.values() if self._is_due(row)]
        if not due:
            return None
        row = min(due, key=lambda row: row.due_at)
        row.ticket = replace(row.ticket, fence=row.ticket.fence + 1)
        row.leased_until = self._clock.now() + timedelta(seconds=LEASE_S)
        return None if row.opened is None else self._review(row, row.opened)

    async def decide(self, review: Review, decision: Decision) -> bool:
        """Commit a verdict and its event."""
        self._called("decide")
        row = self._own(review)
        if row is None or row.ticket.state is not State.SENT:
            return False
        now = self._clock.now()
        row.ticket = replace(row.ticket, state=State(decision.verdict.value))
        row.due_at, row.leased_until = now, None
        if decision.verdict is Verdict.APPROVED:
            self._reviews.announced.append(announce_approved(review, decision.by, now))
        return True

    async def put_back(self, review: Review, why: str | None) -> None:
        """Leave it for a later tick."""
        self._called("put_back")
        if (row := self._own(review)) is not None:
            pause = self._read if why is None else self._read * _PATIENCE
            row.due_at, row.leased_until, row.why = self._clock.now() + pause, None, why

    async def finish(self, review: Review) -> None:
        """Note that the issue is closed."""
        self._called("finish")
        if (row := self._own(review)) is not None:
            row.leased_until = None
            self._closed.add(review.digest)

    def _called(self, name: str) -> None:
        if self.failures.get(name):
            raise self.failures[name].popleft()

    def _own(self, review: Review) -> Row | None:
        row = self._reviews.rows[review.digest]
        return row if row.ticket.fence == review.fence else None

    def _is_due(self, row: Row) -> bool:
        now = self._clock.now()
        is_free = row.leased_until is None or row.leased_until <= now
        return row.opened is not None and row.ticket.digest not in self._closed and row.due_at <= now and is_free

    def _review(self, row: Row, opened: Opened) -> Review:
        ticket = row.ticket
        return Review(
            digest=ticket.digest,
            fence=ticket.fence,
            verdict=None if ticket.state is State.SENT else Verdict(ticket.state.value),
            at=self._clock.now(),
            planned_at=ticket.planned_at,
            may_be_double=ticket.attempts > 1,
            marker=ticket.draft.marker,
            cause=ticket.cause,
            assessed=ticket.assessed,
            command=row.command,
            issue=opened.issue,
            terms=Terms(
                digest=ticket.digest,
                seal=opened.seal,
                requester=row.requester,
                author=opened.author,
                approvers=self._approvers,
                expires_at=row.changed_at + self._approval,
            ),
        )
