"""From an event to a card: which events people must see, and what of them.

Texts are redacted before they are stored: a chat is read by more people than a database.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from functions.notify.core.cards import LONGEST, Card, Fact, Kind, Level, Says
from shared.domain.contract import validated
from shared.domain.drift import DRIFT_DETECTED, DriftDetected, FieldReport, FieldStatus
from shared.domain.events import Event, derived_id
from shared.domain.executions import (
    EXECUTION_VERIFIED,
    ROLLBACK_PROPOSED,
    ExecutionVerified,
    RollbackProposed,
    SensorTally,
    Verdict,
)
from shared.domain.governance import ALERT_RAISED, ALERT_RESOLVED, GovernanceAlert, GovernanceAlertResolved, Severity
from shared.domain.knowledge import KNOWLEDGE_QUARANTINED, KnowledgeQuarantined
from shared.domain.redaction import redact, redact_text
from shared.domain.remediations import (
    REMEDIATION_APPROVED,
    REMEDIATION_REVIEW_REQUESTED,
    RemediationApproved,
    RemediationReviewRequested,
)

_MOST_ITEMS: Final = 12
_VERDICTS: Final[Mapping[Verdict, tuple[Kind, Level]]] = {
    Verdict.SUCCESS: (Kind.FIX_VERIFIED, Level.INFO),
    Verdict.DEGRADED: (Kind.FIX_DEGRADED, Level.WARNING),
    Verdict.TIMEOUT: (Kind.FIX_UNPROVEN, Level.WARNING),
    Verdict.FAILED: (Kind.FIX_FAILED, Level.CRITICAL),
}
_LEVELS: Final[Mapping[Severity, Level]] = {
    Severity.WARNING: Level.WARNING,
    Severity.VIOLATION: Level.VIOLATION,
    Severity.CRITICAL: Level.CRITICAL,
}
_TELLING: Final = frozenset({FieldStatus.DRIFT, FieldStatus.MISSING, FieldStatus.ORPHAN})


def card_of(event: Event) -> Card | None:
    """What people are told of an event; None when it is nothing new for them.

    Raises:
        Unprocessable: the event's data breaks its contract.
    """
    return _DESCRIPTIONS[event.type](event)


def _verified(event: Event) -> Card | None:
    said = validated(ExecutionVerified, event.data)
    if said.verdict is Verdict.SUCCESS and said.check != "initial":
        return None  # it still holds, as was said the first time
    kind, level = _VERDICTS[said.verdict]
    if said.revises is not None and said.verdict is not Verdict.SUCCESS:
        kind, level = Kind.FIX_RELAPSED, Level.CRITICAL
    return Card(
        kind=kind,
        level=level,
        identity=derived_id(kind, said.execution_id, said.check, said.reason),
        about=said.incident_id,
        subject=_text(str(said.action)),
        facts=_facts(
            Fact(label="reason", value=f"reason.{said.reason}", says=Says.WORD),
            _said("score", None if said.score is None else f"{said.score:.2f}"),
            _said("sensors", _tally(said.sensors)),
            _said("regressions", _joined(said.regressions)),
            _said("command", said.action.command),
            _said("execution", said.execution_id),
            _said("playbook", said.playbook_id),
            _at(said.verified_at.isoformat()),
        ),
        names=_names(incident=said.incident_id, execution=said.execution_id, evidence=said.evidence_id),
    )


def _rollback(event: Event) -> Card:
    said = validated(RollbackProposed, event.data)
    return Card(
        kind=Kind.ROLLBACK_PROPOSED,
        level=Level.WARNING,
        identity=derived_id(Kind.ROLLBACK_PROPOSED, said.execution_id, said.inverse.command or ""),
        about=said.incident_id,
        facts=_facts(
            _said("rollback", said.inverse.command) if said.possible else None,
            _said("score", f"{said.score:.2f}"),
            _said("why", said.why),
            _said("execution", said.execution_id),
        ),
        names=_names(incident=said.incident_id, execution=said.execution_id, evidence=said.evidence_id),
    )


def _raised(event: Event) -> Card:
    said = validated(GovernanceAlert, event.data)
    return Card(
        kind=Kind.ALERT_RAISED,
        level=_LEVELS[said.severity],
        identity=derived_id(Kind.ALERT_RAISED, said.alert_id),
        about=said.alert_id,
        subject=_text(said.event_type),
        facts=_facts(
            Fact(label="what", value=f"alert.{_text(said.event_type)}", says=Says.WORD),
            _said("next_action", _plain(said.remediation.get("next_action"))),
            *(_said("impact", f"{name}: {_plain(value)}") for name, value in _some(redact(said.impact))),
            _said("owner", _owners(said.ownership)),
            _at(None if event.time is None else event.time.isoformat()),
        ),
        names=_names(alert=said.alert_id, event_type=said.event_type),
    )


def _resolved(event: Event) -> Card:
    said = validated(GovernanceAlertResolved, event.data)
    return Card(
        kind=Kind.ALERT_RESOLVED,
        level=_LEVELS[said.severity],  # whoever was told of the trouble is told of its end
        identity=derived_id(Kind.ALERT_RESOLVED, said.alert_id),
        about=said.alert_id,
        subject=_text(said.event_type),
        facts=_facts(
            Fact(label="what", value=f"alert.{_text(said.event_type)}", says=Says.WORD),
            _said("resolved_by", said.resolved_by),
            Fact(label="opened_at", value=said.opened_at.isoformat(), says=Says.TIME),
            Fact(label="resolved_at", value=said.resolved_at.isoformat(), says=Says.TIME),
        ),
        names=_names(alert=said.alert_id, event_type=said.event_type),
    )


def _review(event: Event) -> Card:
    said = validated(RemediationReviewRequested, event.data)
    return Card(
        kind=Kind.REVIEW_REQUESTED,
        level=Level.WARNING,
        identity=derived_id(Kind.REVIEW_REQUESTED, said.digest),
        about=said.incident_id,
        subject=None if said.target is None else _text(said.target),
        facts=_facts(
            Fact(label="tier", value=f"tier.{said.tier}", says=Says.WORD),
            _said("risk", f"{said.score}/100"),
            _said("proposal", said.proposal_id),
            _said("issue", f"#{said.issue.number} {said.issue.url}"),
        ),
        names=_names(incident=said.incident_id, proposal=said.proposal_id),
        issue=said.issue.url,
    )


def _approved(event: Event) -> Card:
    said = validated(RemediationApproved, event.data)
    url = None if said.issue is None else said.issue.url
    return Card(
        kind=Kind.PLAN_APPROVED,
        level=Level.WARNING,  # whoever was asked to review is told of the end
        identity=derived_id(Kind.PLAN_APPROVED, said.approval_id, said.digest),
        about=said.incident_id,
        facts=_facts(
            _said("command", said.command),
            _said("approved_by", _joined(said.approved_by)),
            _said("proposal", said.proposal_id),
            None if said.issue is None else _said("issue", f"#{said.issue.number} {said.issue.url}"),
            _at(said.approved_at.isoformat()),
        ),
        names=_names(incident=said.incident_id, proposal=said.proposal_id),
        issue=url,
    )


def _drift(event: Event) -> Card:
    said = validated(DriftDetected, event.data)
    telling = [field for field in said.fields if field.status in _TELLING]
    told = [_difference(field) for field in telling]
    return Card(
        kind=Kind.DRIFT_DETECTED,
        level=Level.WARNING,
        identity=derived_id(Kind.DRIFT_DETECTED, said.subject, *told),
        about=derived_id(Kind.DRIFT_DETECTED, said.subject),
        subject=_text(said.subject),
        facts=_facts(
            _said("settings", str(len(told))),
            *(_said(field.status, line) for field, line in zip(telling[:_MOST_ITEMS], told, strict=False)),
        ),
    )


def _quarantined(event: Event) -> Card:
    said = validated(KnowledgeQuarantined, event.data)
    cause = said.reason.kind if said.reason.sqlstate is None else f"{said.reason.kind} ({said.reason.sqlstate})"
    return Card(
        kind=Kind.QUARANTINED,
        level=Level.WARNING,
        identity=derived_id(Kind.QUARANTINED, said.source, said.id),
        about=event.extensions.get("correlationid") or event.subject or said.id,
        subject=_text(said.type),
        facts=_facts(_said("cause", cause), _said("event", said.id), _said("source", said.source)),
        names=_names(incident=event.subject),
    )


_DESCRIPTIONS: Final[Mapping[str, Callable[[Event], Card | None]]] = {
    EXECUTION_VERIFIED: _verified,
    ROLLBACK_PROPOSED: _rollback,
    ALERT_RAISED: _raised,
    ALERT_RESOLVED: _resolved,
    REMEDIATION_REVIEW_REQUESTED: _review,
    REMEDIATION_APPROVED: _approved,
    DRIFT_DETECTED: _drift,
    KNOWLEDGE_QUARANTINED: _quarantined,
}


def _facts(*facts: Fact | None) -> list[Fact]:
    return [fact for fact in facts if fact is not None]


def _said(label: str, value: str | None) -> Fact | None:
    return None if not value or value.isspace() else Fact(label=label, value=_text(value))


def _at(time: str | None) -> Fact | None:
    return None if time is None else Fact(label="at", value=time, says=Says.TIME)


def _text(value: str) -> str:
    return redact_text(value)[:LONGEST]


def _names(**given: str | None) -> dict[str, str]:
    return {name: value for name, value in given.items() if value}


def _joined(items: Iterable[str]) -> str:
    found = list(items)
    left_out = len(found) - _MOST_ITEMS
    return ", ".join(found[:_MOST_ITEMS]) + (f", +{left_out}" if left_out > 0 else "")


def _tally(sensors: SensorTally) -> str:
    silent = f" ({_joined(sensors.failed)})" if sensors.failed else ""
    return f"{sensors.succeeded}/{sensors.attempted}{silent}"


def _some(fields: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return list(fields.items())[:_MOST_ITEMS]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)


def _owners(ownership: Mapping[str, Any] | None) -> str:
    return _joined(f"{role}: {_plain(who)}" for role, who in (ownership or {}).items() if who)


def _difference(field: FieldReport) -> str:
    """``NAME: what is configured ≠ what the code says``; a secret is only ever a hash here."""
    if field.status is FieldStatus.DRIFT:
        return f"{field.name}: {field.configured} ≠ {field.default}"
    return field.name
