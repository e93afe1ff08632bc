"""What km-write accepts and emits: its part of the wire contract."""

from __future__ import annotations

from typing import Final

from shared.domain.alerts import ALERT_RESOLVED, Alert
from shared.domain.contract import Contract
from shared.domain.executions import EXECUTION_VERIFIED, ExecutionVerified
from shared.domain.knowledge import (
    KNOWLEDGE_DEFERRED,
    KNOWLEDGE_WRITE_REQUESTED,
    KNOWLEDGE_WRITTEN,
    KnowledgeDeferred,
    KnowledgeWritten,
    WriteRequested,
)
from shared.domain.remediations import REMEDIATION_APPROVED, RemediationApproved

REQUEST_TYPE: Final = KNOWLEDGE_WRITE_REQUESTED
"""The type of a plain JSON request."""

ACCEPTS: Final[dict[str, type[Contract]]] = {
    KNOWLEDGE_WRITE_REQUESTED: WriteRequested,
    ALERT_RESOLVED: Alert,
    EXECUTION_VERIFIED: ExecutionVerified,
    REMEDIATION_APPROVED: RemediationApproved,
}
EMITS: Final[dict[str, type[Contract]]] = {
    KNOWLEDGE_WRITTEN: KnowledgeWritten,
    KNOWLEDGE_DEFERRED: KnowledgeDeferred,
}
