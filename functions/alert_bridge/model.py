"""What alert-bridge accepts and emits. It accepts Alertmanager's webhook, version 4, as far as it reads it.

Unknown fields are ignored here, unlike everywhere else: newer releases of Alertmanager add some.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from shared.domain.alerts import ALERT_FIRING, ALERT_RESOLVED, Alert
from shared.domain.contract import Contract, Id, Time
from shared.domain.governance import ALERT_RAISED, GovernanceAlert

WEBHOOK_TYPE: Final = "com.alertmanager.webhook.v4"


class WebhookAlert(Contract):
    """One alert of a webhook."""

    model_config = ConfigDict(extra="ignore")

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    startsAt: Time  # noqa: N815 - Alertmanager's name
    endsAt: Time | None = None  # noqa: N815 - Alertmanager's name
    generatorURL: str | None = None  # noqa: N815 - Alertmanager's name
    fingerprint: Id


class Webhook(Contract):
    """A post of Alertmanager. Each alert is read on its own, so that a bad one cannot block its group."""

    model_config = ConfigDict(extra="ignore")

    version: Literal["4"]
    groupKey: Annotated[str, Field(min_length=1)]  # noqa: N815 - Alertmanager's name
    truncatedAlerts: Annotated[int, Field(ge=0, strict=True)] = 0  # noqa: N815 - Alertmanager's name
    externalURL: str | None = None  # noqa: N815 - Alertmanager's name
    alerts: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=1000)]


ACCEPTS: Final[dict[str, type[Contract]]] = {WEBHOOK_TYPE: Webhook}
EMITS: Final[dict[str, type[Contract]]] = {
    ALERT_FIRING: Alert,
    ALERT_RESOLVED: Alert,
    ALERT_RAISED: GovernanceAlert,
}
