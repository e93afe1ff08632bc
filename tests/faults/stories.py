"""Data of events, made up from a seed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

DAY: Final = datetime(2024, 5, 17, tzinfo=UTC)
_WORDS: Final = ("restarted", "回滾", "out of memory", "scaled to 3", "no change seen", "磁碟已滿", "drained")


def token(random: Random, prefix: str) -> str:
    """A name nobody else has."""
    return f"{prefix}-{random.getrandbits(64):016x}"


def words(random: Random, count: int) -> str:
    """So many words."""
    return " ".join(random.choices(_WORDS, k=count))


def episode(random: Random) -> dict[str, Any]:
    """An alert of Alertmanager's webhook, firing or over."""
    resolved = random.random() < 0.5
    return {
        "status": "resolved" if resolved else "firing",
        "labels": {"alertname": "KubePodCrashLooping", "namespace": "prod"},
        "startsAt": DAY.isoformat(),
        "endsAt": _later(random) if resolved else "0001-01-01T00:00:00Z",
        "fingerprint": f"{random.getrandbits(64):016x}",
    }


def resolved(random: Random, incident: str) -> dict[str, Any]:
    """Data of ``alert.resolved``."""
    return {
        "incident_id": incident,
        "fingerprint": f"{random.getrandbits(64):016x}",
        "status": "resolved",
        "alertname": "KubePodCrashLooping",
        "severity": random.choice(["warning", "critical"]),
        "labels": {"namespace": "prod", "pod": f"api-{random.randrange(9)}"},
        "annotations": {"summary": words(random, 3)},
        "starts_at": DAY.isoformat(),
        "ends_at": _later(random),
    }


def approved(random: Random, incident: str) -> dict[str, Any]:
    """Data of ``remediation.approved``."""
    return {
        "proposal_id": token(random, "p"),
        "incident_id": incident,
        "approval_id": token(random, "apr"),
        "approved_by": ["ada", "grace"],
        "digest": f"sha256:{random.getrandbits(256):064x}",
        "command": "kubectl -n prod rollout restart deployment/api",
        "approved_at": DAY.isoformat(),
    }


def verified(incident: str, verdict: str, revises: str | None) -> dict[str, Any]:
    """Data of ``execution.verified``."""
    return {
        "execution_id": f"ex-{incident}",
        "incident_id": incident,
        "verdict": verdict,
        "reason": "recovered" if verdict == "success" else "relapsed",
        "check": "initial" if revises is None else "5m",
        "revises": revises,
        "score": 0.9,
        "sensors": {"attempted": 3, "succeeded": 3, "failed": []},
        "action": {"kind": "rollout_restart", "target": {"namespace": "prod", "kind": "Deployment", "name": "api"}},
        "baseline": True,
        "verified_at": DAY.isoformat(),
    }


def requested_approval(random: Random, incident: str) -> dict[str, Any]:
    """Data of ``knowledge.write-requested`` for an approval."""
    given = {"incident_id": incident, "approval_id": token(random, "apr")}
    return {"path_type": "approval_manual", "entry": _entry(random), **given}


def requested_playbook(random: Random) -> dict[str, Any]:
    """Data of ``knowledge.write-requested`` for what belongs to no incident."""
    return {"path_type": "playbook_extract", "entry": _entry(random)}


def _entry(random: Random) -> dict[str, Any]:
    return {
        "title": words(random, 2),
        "content": words(random, 40),
        "entry_type": "incident_case",
        "tags": ["chaos"],
        "confidence": random.randrange(11) / 10,
    }


def _later(random: Random) -> str:
    return (DAY + timedelta(seconds=random.randrange(3600))).isoformat()
