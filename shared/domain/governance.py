"""An alert about the automation itself."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from shared.domain.contract import Contract, Id, Time

ALERT_RAISED: Final = "dev.aftercare.governance.alert-raised.v1"
ALERT_RESOLVED: Final = "dev.aftercare.governance.alert-resolved.v1"
GOVERNANCE_COMPLETED: Final = "dev.aftercare.governance.completed.v1"


class Severity(StrEnum):
    """How bad it is."""

    WARNING = "warning"
    VIOLATION = "violation"
    CRITICAL = "critical"


class GovernanceAlert(Contract):
    """Data of ``governance.alert-raised``."""

    alert_id: Id
    event_type: str
    severity: Severity
    impact: dict[str, Any] = {}
    remediation: dict[str, Any]
    actionable: dict[str, Any] = {"items": []}
    ownership: dict[str, Any] | None = None


class GovernanceAlertResolved(Contract):
    """Data of ``governance.alert-resolved``: the trouble is over, and by what that was seen."""

    alert_id: Id
    event_type: str
    severity: Severity
    opened_at: Time
    resolved_at: Time
    resolved_by: str
