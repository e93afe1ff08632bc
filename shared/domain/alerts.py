"""An alert of Alertmanager as an event: one incident per firing episode."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Final, Literal

from shared.domain.contract import Contract, Id, Time

ALERT_FIRING: Final = "dev.aftercare.alert.firing.v1"
ALERT_RESOLVED: Final = "dev.aftercare.alert.resolved.v1"


class Alert(Contract):
    """Data of ``alert.firing`` and ``alert.resolved``.

    ``ends_at`` is None while the alert fires: what Alertmanager sends there is a guess, or the year 1.
    """

    incident_id: Id
    fingerprint: Id
    status: Literal["firing", "resolved"]
    alertname: str
    severity: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    starts_at: Time
    ends_at: Time | None = None
    generator_url: str | None = None
    group_key: str | None = None
    external_url: str | None = None


def incident_id(fingerprint: str, starts_at: datetime) -> str:
    """``INC-`` and 12 hex digits of sha256(fingerprint | start): the same episode, however often it is sent."""
    episode = f"{fingerprint}|{starts_at.astimezone(UTC).isoformat().replace('+00:00', 'Z')}"
    return "INC-" + hashlib.sha256(episode.encode()).hexdigest()[:12]
