"""Sample events: each is valid as it stands, and every test changes only what it is about."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from shared.domain.alerts import ALERT_RESOLVED
from shared.domain.events import Event
from shared.domain.executions import EXECUTION_VERIFIED
from shared.domain.knowledge import KNOWLEDGE_WRITE_REQUESTED
from shared.domain.remediations import REMEDIATION_APPROVED
from shared.testing.clocks import NOON

INCIDENT: Final = "INC-3f9a2c1b7d04"
PRODUCER: Final = "/test/producer"
DIGEST: Final = "sha256:" + "0" * 64


def sample(
    type: str,  # noqa: A002 - the attribute's name
    data: Any,
    *,
    id: str,  # noqa: A002 - the attribute's name
    at: datetime | None = NOON,
    source: str = PRODUCER,
    incident: str | None = INCIDENT,
    extensions: dict[str, str] | None = None,
) -> Event:
    """An event of any type."""
    return Event(
        id=id, source=source, type=type, time=at, subject=incident, data=data, extensions=dict(extensions or {})
    )


def write_requested(
    path: str = "incident_resolve",
    *,
    id: str = "write-1",  # noqa: A002 - the attribute's name
    at: datetime | None = NOON,
    incident: str | None = INCIDENT,
    approval: str | None = None,
    text: str = "The pod ran out of memory; its limit was raised.",
    metadata: dict[str, Any] | None = None,
) -> Event:
    """``knowledge.write-requested``."""
    data: dict[str, Any] = {
        "path_type": path,
        "metadata": metadata or {},
        "entry": {"title": text[:200], "content": text, "entry_type": "incident_case", "tags": ["oom"]},
    }
    named = {"incident_id": incident, "approval_id": approval}
    data |= {name: value for name, value in named.items() if value is not None}
    return sample(KNOWLEDGE_WRITE_REQUESTED, data, id=id, at=at, incident=incident)


def alert_resolved(
    *,
    id: str = "resolved-1",  # noqa: A002 - the attribute's name
    at: datetime | None = NOON,
    incident: str = INCIDENT,
    summary: str = "api restarts",
) -> Event:
    """``alert.resolved``."""
    ended = at or NOON
    data = {
        "incident_id": incident,
        "fingerprint": "b1c2d3",
        "status": "resolved",
        "alertname": "KubePodCrashLooping",
        "severity": "critical",
        "labels": {"alertname": "KubePodCrashLooping", "namespace": "prod", "pod": "api-7d9f-x2x"},
        "annotations": {"summary": summary},
        "starts_at": (ended - timedelta(minutes=7)).isoformat(),
        "ends_at": ended.isoformat(),
    }
    return sample(ALERT_RESOLVED, data, id=id, at=at, incident=incident)


def execution_verified(
    verdict: str = "success",
    *,
    id: str = "verified-1",  # noqa: A002 - the attribute's name
    at: datetime | None = NOON,
    incident: str = INCIDENT,
    approval: str | None = None,
    revises: str | None = None,
    command: str | None = "kubectl rollout restart deployment/api -n prod",
) -> Event:
    """``execution.verified``; ``revises`` takes an earlier one back."""
    reasons = {"success": "recovered", "failed": "crash_loop", "degraded": "unchanged", "timeout": "sensors_silent"}
    data = {
        "execution_id": "ex-1",
        "incident_id": incident,
        "approval_id": approval,
        "playbook_id": "pb-7",
        "verdict": verdict,
        "reason": "relapsed" if revises else reasons[verdict],
        "check": "1h" if revises else "initial",
        "revises": revises,
        "sensors": {"attempted": 4, "succeeded": 4},
        "action": {
            "kind": "rollout_restart",
            "command": command,
            "target": {"namespace": "prod", "kind": "Deployment", "name": "api"},
        },
        "baseline": True,
        "verified_at": (at or NOON).isoformat(),
    }
    return sample(EXECUTION_VERIFIED, data, id=id, at=at, incident=incident)


def remediation_approved(
    *,
    id: str = "approved-1",  # noqa: A002 - the attribute's name
    at: datetime | None = NOON,
    incident: str = INCIDENT,
    approval: str = "apr-9",
) -> Event:
    """``remediation.approved``."""
    data = {
        "proposal_id": "p-1",
        "incident_id": incident,
        "approval_id": approval,
        "approved_by": ["ada", "grace"],
        "digest": DIGEST,
        "command": "kubectl drain worker-3",
        "approved_at": (at or NOON).isoformat(),
    }
    return sample(REMEDIATION_APPROVED, data, id=id, at=at, incident=incident)


def firing(fingerprint: str = "b1c2d3", **changes: Any) -> dict[str, Any]:
    """One alert as Alertmanager posts it."""
    return {
        "status": "firing",
        "labels": {"alertname": "KubePodCrashLooping", "namespace": "prod", "severity": "critical"},
        "annotations": {"summary": "api restarts"},
        "startsAt": "2026-01-31T11:53:00.123Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph",
        "fingerprint": fingerprint,
        **changes,
    }


def webhook(*alerts: dict[str, Any], truncated: int = 0) -> dict[str, Any]:
    """A post of Alertmanager, version 4."""
    return {
        "version": "4",
        "groupKey": '{}:{alertname="KubePodCrashLooping"}',
        "truncatedAlerts": truncated,
        "status": "firing",
        "receiver": "aftercare",
        "groupLabels": {"alertname": "KubePodCrashLooping"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example",
        "alerts": list(alerts) or [firing()],
    }
