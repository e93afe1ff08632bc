"""One run of the checks: what it is called, what it found, and what it announces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from functions.governance_check.core.findings import Finding
from functions.governance_check.core.statuses import worst
from functions.governance_check.model import FUNCTION, SOURCE
from shared.domain.events import Event, derived_id
from shared.domain.governance import (
    ALERT_RAISED,
    ALERT_RESOLVED,
    GOVERNANCE_COMPLETED,
    AlertReference,
    CheckName,
    CheckReport,
    CheckReports,
    ExecutionFailure,
    FailureRate,
    GovernanceAlert,
    GovernanceAlertResolved,
    GovernanceCompleted,
    KnowledgeDegradation,
    SloCompliance,
    Status,
    TrustDrift,
)

REPORTS: Final[Mapping[CheckName, type[CheckReport]]] = {
    CheckName.TRUST_DRIFT: TrustDrift,
    CheckName.KNOWLEDGE_DEGRADATION: KnowledgeDegradation,
    CheckName.LLM_HALLUCINATION: FailureRate,
    CheckName.EXECUTION_FAILURE: ExecutionFailure,
    CheckName.SLO_COMPLIANCE: SloCompliance,
}


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the checks found; ``slot`` is the time the run stands for."""

    slot: datetime
    reports: Mapping[CheckName, CheckReport]

    def having(self, name: CheckName, report: CheckReport) -> Inspection:
        """The same with another report of one check."""
        return replace(self, reports={**self.reports, name: report})


def failed(name: CheckName, reason: str) -> CheckReport:
    """What a check says that could not be carried out."""
    return REPORTS[name](status=Status.ERROR, reason=reason)


def run_of_slot(slot: datetime) -> Event:
    """``governance.completed`` of a slot, still without data: the same slot has the same id."""
    return Event(
        id=derived_id(SOURCE, "slot", slot.isoformat()),
        source=SOURCE,
        type=GOVERNANCE_COMPLETED,
        time=slot,
        subject=FUNCTION,
    )


def run_of_request(request: Event, at: datetime) -> Event:
    """``governance.completed`` of a request, still without data."""
    follower = request.follow("completed", type=GOVERNANCE_COMPLETED, source=SOURCE, time=at, data=None)
    return replace(follower, subject=FUNCTION)


def completed(
    inspection: Inspection,
    *,
    alerts: Sequence[AlertReference],
    resolved: Sequence[AlertReference] = (),
    dry_run: bool = False,
) -> dict[str, Any]:
    """The data of ``governance.completed``."""
    report = GovernanceCompleted(
        slot=inspection.slot,
        status=worst(each.status for each in inspection.reports.values()),
        checks=CheckReports.model_validate({name.value: each for name, each in inspection.reports.items()}),
        alerts=list(alerts),
        resolved=list(resolved),
        dry_run=dry_run,
    )
    return report.model_dump(mode="json", exclude_none=True)


def raised(run: Event, alert_id: str, finding: Finding, *, step: str, at: datetime) -> Event:
    """``governance.alert-raised``; ``step`` tells the first announcement of an alert from a later one."""
    alert = GovernanceAlert(
        alert_id=alert_id,
        event_type=finding.event_type,
        severity=finding.severity,
        impact=finding.impact,
        remediation=finding.remediation,
        actionable=finding.actionable,
        ownership=finding.ownership,
    )
    return _about(run, alert_id, f"raised {step}", ALERT_RAISED, alert.model_dump(mode="json", exclude_none=True), at)


def resolved(run: Event, alert: GovernanceAlertResolved) -> Event:
    """``governance.alert-resolved``."""
    data = alert.model_dump(mode="json")
    return _about(run, alert.alert_id, f"resolved {alert.alert_id}", ALERT_RESOLVED, data, alert.resolved_at)


def _about(run: Event, alert_id: str, step: str, type_: str, data: Any, at: datetime) -> Event:
    return replace(run.follow(step, type=type_, source=SOURCE, time=at, data=data), subject=alert_id)
