"""Plans in PostgreSQL: inbox, intent and announcement in one transaction.

A plan is one row of ``effects``, its digest the key, whoever proposes it and however often. A row is taken by one
process at a time, by a lease and a fence; a sender that dies leaves its row SENDING, which is read as UNKNOWN once the
lease and the time in which a late request may land are over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from functions.gitops_issue.announcements import announce_assessed, announce_review, with_issue
from functions.gitops_issue.drafts import Draft
from functions.gitops_issue.handler import Planned
from functions.gitops_issue.issues import LEASE_S, Outcome, Settlement, State, Ticket, settlement
from functions.gitops_issue.model import FUNCTION
from shared.adapters import inbox, outbox
from shared.adapters.postgres import Connection, Database, json_rows
from shared.domain.contract import validated
from shared.domain.events import Event, from_structured, to_structured
from shared.domain.redaction import redact_text
from shared.domain.remediations import AssessmentOutcome, RemediationAssessed, RemediationProposed, ReviewIssue

_KIND: Final = "gitea-issue"
_PLAN: Final = """
INSERT INTO effects (key, kind, marker, request) VALUES (:key, :kind, :marker, (:request)::jsonb)
ON CONFLICT (key) DO UPDATE SET state = 'planned', request = excluded.request, next_at = now(), updated_at = now()
WHERE effects.state = 'failed'
"""
_LOOK: Final = "SELECT response, updated_at FROM effects WHERE key = :key"
_TAKE: Final = """
UPDATE effects SET state = CASE WHEN state IN ('planned', 'failed') THEN 'sending' ELSE 'unknown' END,
                   fence = fence + 1, attempts = attempts + 1,
                   lease_until = now() + :lease_s * interval '1 second', updated_at = now()
WHERE key = (
    SELECT key FROM effects
    WHERE kind = :kind AND state IN ('planned', 'sending', 'unknown', 'failed') AND next_at <= now()
      AND (lease_until IS NULL OR lease_until + :settle_s * interval '1 second' <= now())
    ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING key, fence, state, attempts, created_at, request, marker
"""
_TAKE_ONE: Final = _TAKE.replace("WHERE kind = :kind", "WHERE key = :digest AND kind = :kind")
_SETTLE: Final = """
UPDATE effects SET state = :state, lease_until = NULL, updated_at = now(),
                   next_at = now() + :pause_s * interval '1 second',
                   response = (:response)::jsonb
                       || jsonb_build_object('expires_at', now() + :approval_s * interval '1 second')
WHERE key = :key AND fence = :fence AND state IN ('sending', 'unknown')
RETURNING updated_at
"""
_TAKE_BACK: Final = """
DELETE FROM outbox WHERE event_source = :source AND event_id = :id AND attempts = 0 RETURNING id
"""


class PostgresReviews:
    """See :class:`functions.gitops_issue.handler.Reviews`.

    Args:
        database: where.
        settle_s: seconds in which a late request lands (``GITEA_SETTLE_SECONDS``).
        approval_s: seconds in which people can approve, once the issue is open (``GITEA_APPROVAL_SECONDS``).
        announce: whether events go to the outbox; off when the reply carries them.
    """

    def __init__(self, database: Database, *, settle_s: float, approval_s: float, announce: bool) -> None:
        self._database = database
        self._approval_s = approval_s
        self._settle_s = settle_s
        self._announce = announce

    async def plan(self, event: Event, assessed: RemediationAssessed, draft: Draft | None) -> Planned:
        """Commit an assessment and its intent, or say what was answered before."""
        return await self._database.transact(partial(self._plan_in, event=event, assessed=assessed, draft=draft))

    async def take(self, *, digest: str | None = None) -> Ticket | None:
        """Take a plan that is due."""
        statement, one = (_TAKE, {}) if digest is None else (_TAKE_ONE, {"digest": digest})

        def work(connection: Connection) -> Sequence[Sequence[Any]]:
            return connection.rows(statement, kind=_KIND, lease_s=LEASE_S, settle_s=self._settle_s, **one)

        rows = await self._database.run(work)
        return _ticket(*rows[0]) if rows else None

    async def settle(self, ticket: Ticket, outcome: Outcome) -> bool:
        """Commit what came of a ticket, and announce an issue that is open."""
        settled = settlement(ticket, outcome, settle_s=self._settle_s)
        return await self._database.transact(partial(self._settle_in, ticket=ticket, settled=settled))

    def _plan_in(
        self, connection: Connection, *, event: Event, assessed: RemediationAssessed, draft: Draft | None
    ) -> Planned:
        arrival = inbox.Arrival(event.source, event.id, event.digest())
        claims = inbox.claim(connection, FUNCTION, [arrival])
        cause = _cause(event, assessed)
        if (earlier := claims.answer(arrival)) is not None:
            return self._again(connection, cause, from_structured(earlier.reply))
        if draft is not None:
            request = _request(cause, validated(RemediationProposed, event.data), assessed, draft)
            connection.send(_PLAN, key=assessed.digest, kind=_KIND, marker=draft.marker, request=json_rows(request))
            issue, _, _ = _known(connection, assessed.digest)
            assessed = assessed if issue is None else with_issue(assessed, issue)
        announced = announce_assessed(cause, assessed, claims.now)
        inbox.remember(connection, FUNCTION, {arrival.identity: to_structured(announced)})
        if self._announce:
            outbox.add(connection, [announced])
        return Planned(announced, assessed, duplicate=False)

    def _again(self, connection: Connection, cause: Event, announced: Event) -> Planned:
        """The stored answer; or, if that was to wait for the issue and it is open by now, the answer with the issue."""
        assessed = RemediationAssessed.model_validate(announced.data)
        why = None
        if assessed.outcome is AssessmentOutcome.ISSUE_PENDING:
            issue, why, at = _known(connection, assessed.digest)
            if issue is not None:
                assessed = with_issue(assessed, issue)
                announced = announce_assessed(cause, assessed, at)
        return Planned(announced, assessed, duplicate=True, why=why)

    def _settle_in(self, connection: Connection, *, ticket: Ticket, settled: Settlement) -> bool:
        opened = settled.opened
        issue = None if opened is None else opened.issue
        response: Any = {"why": settled.why, **({} if opened is None else asdict(opened))}
        rows = connection.rows(
            _SETTLE,
            key=ticket.digest,
            fence=ticket.fence,
            state=settled.state.value,
            response=json_rows(response),
            pause_s=settled.pause_s,
            approval_s=self._approval_s,
        )
        if rows and issue is not None and self._announce:
            _announce_opened(connection, ticket, issue, rows[0][0])
        return bool(rows)


def _announce_opened(connection: Connection, ticket: Ticket, issue: ReviewIssue, at: datetime) -> None:
    """The request for review; and where nobody was told yet that the issue is pending, that it is open instead."""
    pending = announce_assessed(ticket.cause, ticket.assessed, at)
    events = [announce_review(ticket.cause, ticket.assessed, issue, at)]
    if connection.rows(_TAKE_BACK, source=pending.source, id=pending.id):
        events.insert(0, announce_assessed(ticket.cause, with_issue(ticket.assessed, issue), at))
    outbox.add(connection, events)


def _known(connection: Connection, digest: str) -> tuple[ReviewIssue | None, str | None, datetime]:
    """The issue of a plan, or why there is none yet, and since when."""
    response, at = connection.rows(_LOOK, key=digest)[0]
    said = response or {}
    issue = said.get("issue")
    return None if issue is None else ReviewIssue.model_validate(issue), said.get("why"), at


def _cause(event: Event, assessed: RemediationAssessed) -> Event:
    """The proposing event, about its incident, without its data: the draft has what people need of that, redacted."""
    return replace(event, subject=event.subject or assessed.incident_id, data=None)


def _request(cause: Event, proposed: RemediationProposed, assessed: RemediationAssessed, draft: Draft) -> Any:
    return {
        "cause": to_structured(cause),
        "assessed": assessed.model_dump(mode="json"),
        "command": redact_text(proposed.command),
        "requester": redact_text(proposed.requested_by),
        "title": draft.title,
        "body": draft.body,
    }


def _ticket(
    digest: str, fence: int, state: str, attempts: int, planned_at: datetime, request: dict[str, Any], marker: str
) -> Ticket:
    return Ticket(
        digest=digest,
        fence=fence,
        state=State(state),
        attempts=attempts,
        planned_at=planned_at,
        cause=from_structured(request["cause"]),
        assessed=RemediationAssessed.model_validate(request["assessed"]),
        draft=Draft(request["title"], request["body"], marker),
    )
