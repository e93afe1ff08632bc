"""From accepted events to writes: one table, one small renderer per event type.

Rendering is deterministic, so that the same event always makes the same entry, and redacted, because alerts and
commands carry whatever people put into them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from shared.domain.alerts import ALERT_RESOLVED, Alert
from shared.domain.contract import validated
from shared.domain.errors import Unprocessable
from shared.domain.events import Event
from shared.domain.executions import EXECUTION_VERIFIED, ExecutionVerified, Verdict
from shared.domain.knowledge import KNOWLEDGE_WRITE_REQUESTED, Entry, EntryType, PathType, Write, WriteRequested
from shared.domain.redaction import redact, redact_text
from shared.domain.remediations import REMEDIATION_APPROVED, RemediationApproved

_PATH_OF_VERDICT: Final = {
    Verdict.SUCCESS: PathType.APPROVAL_AUTO_OK,
    Verdict.FAILED: PathType.APPROVAL_AUTO_FAIL,
    Verdict.DEGRADED: PathType.APPROVAL_AUTO_UNPROVEN,
    Verdict.TIMEOUT: PathType.APPROVAL_AUTO_UNPROVEN,
}
_TYPE_OF_VERDICT: Final = {
    Verdict.SUCCESS: EntryType.INCIDENT_CASE,
    Verdict.FAILED: EntryType.ANTI_PATTERN,
    Verdict.DEGRADED: EntryType.NOTE,
    Verdict.TIMEOUT: EntryType.NOTE,
}


def write_of(event: Event) -> Write:
    """What to write for an event.

    Raises:
        Unprocessable: the type is not one of :data:`ACCEPTED`, or the data breaks its contract.
    """
    render = ACCEPTED.get(event.type)
    if render is None:
        raise Unprocessable(f"type {event.type} is not accepted here; send one of {', '.join(ACCEPTED)}")
    return render(event)


def _requested(event: Event) -> Write:
    request = validated(WriteRequested, event.data)
    entry = request.entry
    return Write(
        event=event,
        path=request.path_type,
        incident_id=request.incident_id,
        approval_id=request.approval_id,
        entry=entry.model_copy(
            update={"title": redact_text(entry.title)[:200], "content": redact_text(entry.content)[:65_536]}
        ),
        metadata=redact(request.metadata),
    )


def _resolved(event: Event) -> Write:
    alert = validated(Alert, event.data)
    where = alert.labels.get("namespace") or alert.labels.get("instance") or alert.labels.get("job")
    facts = {
        "Incident": alert.incident_id,
        "Started": alert.starts_at.isoformat(),
        "Ended": None if alert.ends_at is None else alert.ends_at.isoformat(),
        "Severity": alert.severity,
        **{f"Label {name}": value for name, value in sorted(alert.labels.items())},
        **{f"Annotation {name}": value for name, value in sorted(alert.annotations.items())},
    }
    return Write(
        event=event,
        path=PathType.INCIDENT_RESOLVE,
        incident_id=alert.incident_id,
        approval_id=None,
        entry=_entry(
            f"{alert.alertname} resolved" + (f" in {where}" if where else ""),
            facts,
            EntryType.INCIDENT_CASE,
            tags=[alert.alertname],
            severity=alert.severity,
        ),
        metadata={"fingerprint": alert.fingerprint},
    )


def _verified(event: Event) -> Write:
    execution = validated(ExecutionVerified, event.data)
    facts = {
        "Incident": execution.incident_id,
        "Execution": execution.execution_id,
        "Action": str(execution.action),
        "Command": execution.action.command,
        "Verdict": f"{execution.verdict}: {execution.reason} (check {execution.check})",
        "Score": execution.score,
        "Sensors": f"{execution.sensors.succeeded} of {execution.sensors.attempted} answered",
        "Evidence": execution.evidence_id,
        "Takes back": execution.revises,
    }
    return Write(
        event=event,
        path=_PATH_OF_VERDICT[execution.verdict],
        incident_id=execution.incident_id,
        approval_id=execution.approval_id,
        entry=_entry(
            f"{execution.action}: {execution.verdict}, {execution.reason}",
            facts,
            _TYPE_OF_VERDICT[execution.verdict],
            tags=[str(execution.action.kind), str(execution.verdict)],
            confidence=execution.score,
        ),
        metadata={"execution_id": execution.execution_id, "playbook_id": execution.playbook_id},
        revokes=execution.revises,
    )


def _approved(event: Event) -> Write:
    approved = validated(RemediationApproved, event.data)
    facts = {
        "Incident": approved.incident_id,
        "Proposal": approved.proposal_id,
        "Command": approved.command,
        "Approved by": ", ".join(approved.approved_by),
        "Approved at": approved.approved_at.isoformat(),
        "Plan digest": approved.digest,
    }
    return Write(
        event=event,
        path=PathType.APPROVAL_MANUAL,
        incident_id=approved.incident_id,
        approval_id=approved.approval_id,
        entry=_entry(f"Approved: {approved.command}", facts, EntryType.NOTE, tags=["approval"]),
        metadata={"proposal_id": approved.proposal_id},
    )


def _entry(
    title: str,
    facts: Mapping[str, object],
    entry_type: EntryType,
    *,
    tags: list[str],
    severity: str | None = None,
    confidence: float | None = None,
) -> Entry:
    lines = (f"- {name}: {value}" for name, value in facts.items() if value is not None)
    return Entry(
        title=redact_text(title)[:200],
        content=redact_text("\n".join(lines))[:65_536],
        entry_type=entry_type,
        tags=[tag[:64] for tag in tags if tag],
        severity=None if severity is None else severity[:32],
        confidence=confidence,
    )


ACCEPTED: Final[dict[str, Callable[[Event], Write]]] = {
    KNOWLEDGE_WRITE_REQUESTED: _requested,
    ALERT_RESOLVED: _resolved,
    EXECUTION_VERIFIED: _verified,
    REMEDIATION_APPROVED: _approved,
}
"""Event type to renderer; every type that becomes knowledge."""
