"""What people decided, in PostgreSQL: the verdict and its event in one transaction.

An issue that is open is the same row of ``effects`` that opened it. Its state says whether it is read or closed, and
``next_at`` when; a row that is closed is due never. ``updated_at`` stays what it was when the issue was opened, because
answers that were given then are given again with that time.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import datetime
from functools import partial
from typing import Any, Final

from functions.gitops_issue.announcements import announce_approved
from functions.gitops_issue.core.approvals import Decision, Terms, Verdict
from functions.gitops_issue.issues import LEASE_S, State
from functions.gitops_issue.reviewing import Review
from shared.adapters import outbox
from shared.adapters.postgres import Connection, Database, json_rows
from shared.domain.events import from_structured
from shared.domain.remediations import RemediationAssessed, ReviewIssue

_PATIENCE: Final = 5
"""After trouble an issue is left alone so many times as long, so that it does not stand in the way of others."""

# The kind is written out: an index is of it alone. A row that lacks what binds a verdict is of a version before this.
_TAKE: Final = """
UPDATE effects SET fence = fence + 1, lease_until = now() + :lease_s * interval '1 second'
WHERE key = (
    SELECT key FROM effects
    WHERE kind = 'gitea-issue' AND state IN ('sent', 'approved', 'rejected', 'expired', 'voided') AND next_at <= now()
      AND (lease_until IS NULL OR lease_until <= now()) AND response ->> 'seal' IS NOT NULL
      AND request ->> 'requester' IS NOT NULL
    ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING key, fence, state, now(), created_at, attempts, marker, request, response
"""
_DECIDE: Final = """
UPDATE effects SET state = :verdict, lease_until = NULL, next_at = now(),
                   response = response || jsonb_build_object('by', (:by)::jsonb, 'decided_at', now(), 'why', NULL)
WHERE key = :key AND fence = :fence AND state = 'sent'
RETURNING now()
"""
_PUT_BACK: Final = """
UPDATE effects SET lease_until = NULL, next_at = now() + :pause_s * interval '1 second',
                   response = response || jsonb_build_object('why', (:why)::text)
WHERE key = :key AND fence = :fence
"""
_FINISH: Final = """
UPDATE effects SET lease_until = NULL, next_at = 'infinity', response = response || '{"why": null}'
WHERE key = :key AND fence = :fence
"""


class PostgresVerdicts:
    """See :class:`functions.gitops_issue.reviewing.Verdicts`.

    Args:
        database: where.
        read_s: seconds for which an issue is left alone (``GITEA_READ_SECONDS``).
        approvers: logins that may decide; everybody when empty (``GITEA_APPROVERS``).
        announce: whether an approval goes to the outbox.
    """

    def __init__(self, database: Database, *, read_s: float, approvers: AbstractSet[str], announce: bool) -> None:
        self._database = database
        self._read_s = read_s
        self._approvers = frozenset(approvers)
        self._announce = announce

    async def take(self) -> Review | None:
        """Take an issue that is due."""
        rows = await self._database.run(lambda connection: connection.rows(_TAKE, lease_s=LEASE_S))
        return _review(*rows[0], approvers=self._approvers) if rows else None

    async def decide(self, review: Review, decision: Decision) -> bool:
        """Commit a verdict and its event."""
        return await self._database.transact(partial(self._decide_in, review=review, decision=decision))

    async def put_back(self, review: Review, why: str | None) -> None:
        """Leave it for a later tick."""
        pause_s = self._read_s if why is None else self._read_s * _PATIENCE
        await self._write(_PUT_BACK, review, why=why, pause_s=pause_s)

    async def finish(self, review: Review) -> None:
        """Note that nothing is left to close."""
        await self._write(_FINISH, review)

    def _decide_in(self, connection: Connection, *, review: Review, decision: Decision) -> bool:
        verdict, by = decision.verdict, json_rows(decision.by)
        rows = connection.rows(_DECIDE, key=review.digest, fence=review.fence, verdict=verdict.value, by=by)
        if rows and verdict is Verdict.APPROVED and self._announce:
            outbox.add(connection, [announce_approved(review, decision.by, rows[0][0])])
        return bool(rows)

    async def _write(self, statement: str, review: Review, **values: Any) -> None:
        def work(connection: Connection) -> None:
            connection.rows(statement, key=review.digest, fence=review.fence, **values)

        await self._database.run(work)


def _review(
    digest: str,
    fence: int,
    state: str,
    at: datetime,
    planned_at: datetime,
    attempts: int,
    marker: str,
    request: dict[str, Any],
    response: dict[str, Any],
    *,
    approvers: frozenset[str],
) -> Review:
    return Review(
        digest=digest,
        fence=fence,
        verdict=None if state == State.SENT else Verdict(state),
        at=at,
        planned_at=planned_at,
        may_be_double=attempts > 1,
        marker=marker,
        cause=from_structured(request["cause"]),
        assessed=RemediationAssessed.model_validate(request["assessed"]),
        command=request["command"],
        issue=ReviewIssue.model_validate(response["issue"]),
        terms=Terms(
            digest=digest,
            seal=response["seal"],
            requester=request["requester"],
            author=response["author"],
            approvers=approvers,
            expires_at=datetime.fromisoformat(response["expires_at"]),
        ),
    )
