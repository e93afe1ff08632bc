"""What a run does to PostgreSQL, in one transaction: deprecations, alerts, work items, announcements, and its own end.

A run owns its slot by a fence. An owner that slept past its lease finds its slot taken over at the very end, and the
whole transaction is undone: nothing of a run that was not the slot's is ever seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from functions.governance_check import statements
from functions.governance_check.core.findings import Assessment, Finding, assess
from functions.governance_check.core.inspections import (
    Inspection,
    completed,
    raised,
    resolved,
    run_of_request,
    run_of_slot,
)
from functions.governance_check.core.policy import Policy
from functions.governance_check.core.trust import deprecated
from functions.governance_check.counts import deprecation, doom
from functions.governance_check.model import FUNCTION
from shared.adapters import inbox, outbox
from shared.adapters.postgres import Connection, Database, json_rows
from shared.adapters.relay import Relay
from shared.adapters.slots import Slots
from shared.domain.events import Event, derived_id, from_structured, to_structured
from shared.domain.governance import (
    AlertReference,
    AlertType,
    CheckName,
    GovernanceAlertResolved,
    KnowledgeDegradation,
    Severity,
    Status,
    TrustDrift,
)
from shared.domain.slots import Done, Mine, Slot

_OURS: Final = frozenset(AlertType)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a ledger is kept.

    Attributes:
        pause_s: after work ended without ending the trouble, until there is work again, in seconds.
        announce: whether ``governance.completed`` goes to the outbox; alerts always do.
    """

    pause_s: float
    announce: bool


class PostgresLedger:
    """See :class:`functions.governance_check.handler.Ledger`."""

    def __init__(self, database: Database, relay: Relay, slots: Slots, policy: Policy, terms: Terms) -> None:
        self._database = database
        self._relay = relay
        self._policy = policy
        self._terms = terms
        self._slots = slots

    async def claim_slot(self) -> Slot:
        """Take this slot, or say who has it."""
        return await self._slots.claim()

    async def release_slot(self, slot: Mine) -> None:
        """Let the next tick try again."""
        await self._slots.release(slot)

    def completed(self, slot: Done) -> Event:
        """``governance.completed`` of a slot that is done."""
        return replace(run_of_slot(slot.slot_start), data=slot.result)

    async def conclude_slot(self, slot: Mine, inspection: Inspection) -> Event:
        """Let the run of a slot take effect; returns ``governance.completed``.

        Raises:
            Busy: another owner took the slot over; nothing was changed.
        """

        def work(connection: Connection) -> Event:
            done = self._conclude(connection, run_of_slot(slot.slot_start), inspection)
            self._slots.finish(connection, slot, done.data)
            return done

        return await self._committed(work)

    async def conclude_request(self, request: Event, inspection: Inspection) -> Event:
        """Let the run of a request take effect, once; returns ``governance.completed``, the stored one of a repeat.

        Raises:
            Unprocessable: the request's id was used before with other content.
        """

        def work(connection: Connection) -> Event:
            arrival = inbox.Arrival(request.source, request.id, request.digest())
            earlier = inbox.claim(connection, FUNCTION, [arrival]).answer(arrival)
            if earlier is not None:
                return from_structured(earlier.reply)
            done = self._conclude(connection, run_of_request(request, inspection.slot), inspection)
            inbox.remember(connection, FUNCTION, {arrival.identity: to_structured(done)})
            return done

        return await self._committed(work)

    async def _committed(self, work: Callable[[Connection], Event]) -> Event:
        done = await self._database.transact(work)
        self._relay.nudge()
        return done

    def _conclude(self, connection: Connection, run: Event, inspection: Inspection) -> Event:
        connection.rows(statements.ONE_AFTER_THE_OTHER)
        inspection = self._deprecate(connection, inspection)
        assessment = assess(inspection.reports, self._policy)
        over = _over(connection, statements.OPEN, assessment)
        _recheck(connection, assessment)
        alerts, announced = self._raise(connection, run, inspection, assessment)
        ended, farewells = _resolve(connection, run, over)
        inspection = _with_suppression(inspection, assessment, alerts)
        done = replace(run, data=completed(inspection, alerts=alerts, resolved=ended))
        outbox.add(connection, [*announced, *farewells, *([done] if self._terms.announce else [])])
        return done

    def _deprecate(self, connection: Connection, inspection: Inspection) -> Inspection:
        report = inspection.reports.get(CheckName.TRUST_DRIFT)
        if not isinstance(report, TrustDrift) or report.status is Status.ERROR:
            return inspection
        rows = connection.rows(statements.DEPRECATE, **doom(self._policy), actor=FUNCTION)
        return inspection.having(CheckName.TRUST_DRIFT, deprecated(report, [deprecation(row) for row in rows]))

    def _raise(
        self, connection: Connection, run: Event, inspection: Inspection, assessment: Assessment
    ) -> tuple[list[AlertReference], list[Event]]:
        """Alerts that are open now, and what is announced: new ones, and those on which work begins anew."""
        found = {finding.key: (derived_id(run.id, *finding.key), finding) for finding in assessment.findings}
        rows = connection.rows(statements.RAISE, rows=json_rows([_alert(*each) for each in found.values()]))
        open_ = [(id_, found[AlertType(event_type), subject]) for id_, event_type, subject in rows]
        work = [_work(run, id_, finding) for id_, (_, finding) in open_ if finding.work]
        begun = connection.rows(statements.DISPATCH, rows=json_rows(work), pause_s=self._terms.pause_s)
        steps = {alert_id: work_id for work_id, alert_id in begun}
        announced = [
            raised(run, id_, finding, step=steps.get(id_, id_), at=inspection.slot)
            for id_, (proposed, finding) in open_
            if id_ == proposed or id_ in steps
        ]
        return [finding.reference(id_) for id_, (_, finding) in open_], announced


def restore(connection: Connection, playbook_id: str, *, actor: str, reason: str) -> bool:
    """Take a playbook back into use, audited; False when none of that id is deprecated."""
    return bool(connection.rows(statements.RESTORE, playbook_id=playbook_id, actor=actor, reason=reason))


def _over(connection: Connection, sql: str, assessment: Assessment) -> list[Sequence[Any]]:
    """Rows of what is open, by id, type and subject, that this run saw the end of."""
    ours = [row for row in connection.rows(sql) if row[1] in _OURS]
    return [row for row in ours if assessment.is_over((AlertType(row[1]), row[2]))]


def _recheck(connection: Connection, assessment: Assessment) -> None:
    """Tell open work what this run saw."""
    over = _over(connection, statements.OPEN_WORK, assessment)
    rows = [{"event_type": event_type, "subject": subject, "is_over": True} for _, event_type, subject in over]
    rows += [{"event_type": f.event_type, "subject": f.subject, "is_over": False} for f in assessment.findings]
    connection.rows(statements.RECHECK, rows=json_rows(rows), actor=FUNCTION)


def _resolve(
    connection: Connection, run: Event, over: Sequence[Sequence[Any]]
) -> tuple[list[AlertReference], list[Event]]:
    ids = json_rows([row[0] for row in over])
    ended, events = [], []
    for id_, event_type, subject, severity, opened_at, resolved_at in connection.rows(
        statements.RESOLVE, ids=ids, actor=FUNCTION
    ):
        ended.append(AlertReference(id=id_, event_type=event_type, subject=subject, severity=Severity(severity)))
        alert = GovernanceAlertResolved(
            alert_id=id_,
            event_type=event_type,
            severity=Severity(severity),
            opened_at=opened_at,
            resolved_at=resolved_at,
            resolved_by=FUNCTION,
        )
        events.append(resolved(run, alert))
    return ended, events


def _with_suppression(inspection: Inspection, assessment: Assessment, alerts: Sequence[AlertReference]) -> Inspection:
    report = inspection.reports.get(CheckName.KNOWLEDGE_DEGRADATION)
    shown = {alert.event_type for alert in alerts}
    silent = any(finding.yields and finding.event_type not in shown for finding in assessment.findings)
    if not silent or not isinstance(report, KnowledgeDegradation):
        return inspection
    return inspection.having(CheckName.KNOWLEDGE_DEGRADATION, report.model_copy(update={"suppressed": True}))


def _alert(alert_id: str, finding: Finding) -> dict[str, Any]:
    return {
        "id": alert_id,
        "event_type": finding.event_type,
        "subject": finding.subject,
        "severity": finding.severity,
        "impact": finding.impact,
        "remediation": finding.remediation,
        "actionable": finding.actionable,
        "ownership": finding.ownership,
        "yields": finding.yields,
    }


def _work(run: Event, alert_id: str, finding: Finding) -> dict[str, Any]:
    return {
        "id": derived_id(run.id, "work", alert_id),
        "alert_id": alert_id,
        "event_type": finding.event_type,
        "subject": finding.subject,
        "work": {**finding.actionable, "next_action": finding.remediation["next_action"]},
        "ownership": finding.ownership,
    }
