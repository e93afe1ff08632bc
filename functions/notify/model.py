"""What notify accepts: what people must see. It emits nothing; what it does is a message in a chat."""

from __future__ import annotations

from typing import Final

from pydantic import ConfigDict

from shared.domain.contract import Contract
from shared.domain.drift import DRIFT_DETECTED, DriftDetected
from shared.domain.events import PING
from shared.domain.executions import EXECUTION_VERIFIED, ROLLBACK_PROPOSED, ExecutionVerified, RollbackProposed
from shared.domain.governance import ALERT_RAISED, ALERT_RESOLVED, GovernanceAlert, GovernanceAlertResolved
from shared.domain.knowledge import KNOWLEDGE_QUARANTINED, KnowledgeQuarantined
from shared.domain.remediations import (
    REMEDIATION_APPROVED,
    REMEDIATION_REVIEW_REQUESTED,
    RemediationApproved,
    RemediationReviewRequested,
)

FUNCTION: Final = "notify"
REQUEST_TYPE: Final = ALERT_RAISED
"""The type of a plain JSON request."""


class Tick(Contract):
    """Data of a ping: what it says does not matter, what is due does."""

    model_config = ConfigDict(extra="ignore")


ACCEPTS: Final[dict[str, type[Contract]]] = {
    ALERT_RAISED: GovernanceAlert,
    ALERT_RESOLVED: GovernanceAlertResolved,
    EXECUTION_VERIFIED: ExecutionVerified,
    ROLLBACK_PROPOSED: RollbackProposed,
    REMEDIATION_REVIEW_REQUESTED: RemediationReviewRequested,
    REMEDIATION_APPROVED: RemediationApproved,
    DRIFT_DETECTED: DriftDetected,
    KNOWLEDGE_QUARANTINED: KnowledgeQuarantined,
    PING: Tick,
}
EMITS: Final[dict[str, type[Contract]]] = {}
