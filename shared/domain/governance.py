"""An alert about the automation itself."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from shared.domain.contract import Contract, Id

ALERT_RAISED: Final = "dev.aftercare.governance.alert-raised.v1"


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
