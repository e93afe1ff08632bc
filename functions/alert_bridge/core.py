"""From a webhook to events: one per alert, each with an id of its own making.

The id depends on the fingerprint, the start, the status and (when resolved) the end. The members of a highly available
pair, and a repeat an hour later, send the same episode again with other annotations: still the same event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from functions.alert_bridge.model import Webhook, WebhookAlert
from shared.domain.alerts import ALERT_FIRING, ALERT_RESOLVED, Alert, incident_id
from shared.domain.contract import validated
from shared.domain.errors import Unprocessable
from shared.domain.events import Event, canonical_json, derived_id
from shared.domain.governance import ALERT_RAISED, GovernanceAlert, Severity

SOURCE: Final = "/aftercare/alert-bridge"
_UNNAMED: Final = "unnamed"


@dataclass(frozen=True, slots=True)
class Refused:
    """An alert that breaks the contract, as an event that keeps it whole."""

    event: Event
    why: str


@dataclass(frozen=True, slots=True)
class Bridged:
    """What a webhook became."""

    events: Sequence[Event]
    refused: Sequence[Refused]


def bridge(webhook: Webhook, received_at: datetime) -> Bridged:
    """One event per alert, one more when Alertmanager left alerts out."""
    events: list[Event] = []
    refused: list[Refused] = []
    for raw in webhook.alerts:
        try:
            events.append(_event(validated(WebhookAlert, raw), webhook))
        except Unprocessable as error:
            refused.append(Refused(_unreadable(raw, received_at), str(error)))
    if webhook.truncatedAlerts:
        events.append(_truncated(webhook, received_at))
    return Bridged(events, refused)


def _event(alert: WebhookAlert, webhook: Webhook) -> Event:
    resolved = alert.status == "resolved"
    ends_at = alert.endsAt if resolved else None
    incident = incident_id(alert.fingerprint, alert.startsAt)
    data = Alert(
        incident_id=incident,
        fingerprint=alert.fingerprint,
        status=alert.status,
        alertname=alert.labels.get("alertname", _UNNAMED),
        severity=alert.labels.get("severity"),
        labels=alert.labels,
        annotations=alert.annotations,
        starts_at=alert.startsAt,
        ends_at=ends_at,
        generator_url=alert.generatorURL,
        group_key=webhook.groupKey,
        external_url=webhook.externalURL,
    )
    episode = [alert.fingerprint, alert.startsAt.isoformat(), alert.status, "" if ends_at is None else str(ends_at)]
    return Event(
        id=derived_id(SOURCE, *episode),
        source=SOURCE,
        type=ALERT_RESOLVED if resolved else ALERT_FIRING,
        time=ends_at or alert.startsAt,
        subject=incident,
        data=data.model_dump(mode="json"),
        extensions={"correlationid": incident},
    )


def _unreadable(raw: dict[str, Any], received_at: datetime) -> Event:
    return Event(
        id=derived_id(SOURCE, "unreadable", canonical_json(raw).decode()),
        source=SOURCE,
        type="com.alertmanager.alert.v4",
        time=received_at,
        data=raw,
    )


def _truncated(webhook: Webhook, received_at: datetime) -> Event:
    """Alerts that never arrived are worth an alert: raised once per group and count."""
    alert_id = derived_id(SOURCE, "truncated", webhook.groupKey, str(webhook.truncatedAlerts), _first_start(webhook))
    data = GovernanceAlert(
        alert_id=alert_id,
        event_type="alertmanager_truncated",
        severity=Severity.WARNING,
        impact={"group_key": webhook.groupKey, "alerts_left_out": webhook.truncatedAlerts},
        remediation={
            "items": ["Alertmanager left alerts out of its webhook; raise max_alerts or group by more labels."],
            "next_action": "raise max_alerts of the aftercare receiver",
        },
    )
    return Event(
        id=alert_id,
        source=SOURCE,
        type=ALERT_RAISED,
        time=received_at,
        subject=alert_id,
        data=data.model_dump(mode="json"),
    )


def _first_start(webhook: Webhook) -> str:
    return min(str(raw.get("startsAt", "")) for raw in webhook.alerts)
