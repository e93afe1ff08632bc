"""What notify accepts: what people must see. It emits nothing; what it does is a message in a chat."""

from __future__ import annotations

from typing import Final

from pydantic import ConfigDict

from shared.domain.contract import Contract, Flag, Id, Unit
from shared.domain.drift import DRIFT_DETECTED, DriftDetected
from shared.domain.events import PING
from shared.domain.executions import EXECUTION_VERIFIED, ROLLBACK_PROPOSED, ExecutionVerified
from shared.domain.governance import ALERT_RAISED, ALERT_RESOLVED, GovernanceAlert, GovernanceAlertResolved
from shared.domain.knowledge import KNOWLEDGE_QUARANTINED, KnowledgeQuarantined
from shared.domain.remediations import REMEDIATION_REVIEW_REQUESTED, RemediationReviewRequested

FUNCTION: Final = "notify"
REQUEST_TYPE: Final = ALERT_RAISED
"""The type of a plain JSON request."""


class InverseCommand(Contract):
    """The command that would undo an action, as far as a card shows it."""

    model_config = ConfigDict(extra="ignore")

    command: str | None = None


class ProposedRollback(Contract):
    """What a card shows of ``rollback.proposed``; verify-execution says what else is in it."""

    model_config = ConfigDict(extra="ignore")

    execution_id: Id
    incident_id: Id
    score: Unit
    inverse: InverseCommand
    possible: Flag
    why: str
    evidence_id: Id | None = None


class Tick(Contract):
    """Data of a ping: what it says does not matter, what is due does."""

    model_config = ConfigDict(extra="ignore")


ACCEPTS: Final[dict[str, type[Contract]]] = {
    ALERT_RAISED: GovernanceAlert,
    ALERT_RESOLVED: GovernanceAlertResolved,
    EXECUTION_VERIFIED: ExecutionVerified,
    REMEDIATION_REVIEW_REQUESTED: RemediationReviewRequested,
    DRIFT_DETECTED: DriftDetected,
    KNOWLEDGE_QUARANTINED: KnowledgeQuarantined,
    PING: Tick,
}
READS: Final[dict[str, type[Contract]]] = {**ACCEPTS, ROLLBACK_PROPOSED: ProposedRollback}
"""What is read: besides what it accepts in full, a part of what only verify-execution knows in full."""
EMITS: Final[dict[str, type[Contract]]] = {}
