"""What verify-execution accepts and emits: its part of the wire contract."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import ConfigDict

from shared.domain.alerts import ALERT_FIRING, Alert
from shared.domain.contract import Contract, Flag, Id, Time
from shared.domain.events import PING
from shared.domain.executions import (
    EXECUTION_BASELINE_CAPTURED,
    EXECUTION_COMPLETED,
    EXECUTION_STARTING,
    EXECUTION_VERIFIED,
    ROLLBACK_PROPOSED,
    Action,
    ExecutionVerified,
    RollbackProposed,
    SensorTally,
)

FUNCTION: Final = "verify-execution"
SOURCE: Final = "/aftercare/verify-execution"
REQUEST_TYPE: Final = EXECUTION_COMPLETED
"""The type of a plain JSON request."""


class ExecutionStarting(Contract):
    """Data of ``execution.starting``: someone is about to act."""

    execution_id: Id
    incident_id: Id
    alertname: str | None = None
    labels: dict[str, str] = {}
    action: Action
    playbook_id: Id | None = None
    approval_id: Id | None = None
    decided_by: Literal["rule", "llm", "human"]


class ExecutionCompleted(ExecutionStarting):
    """Data of ``execution.completed``: someone has acted. ``succeeded`` is what the executor says of itself."""

    succeeded: Flag
    finished_at: Time
    error: str | None = None


class BaselineCaptured(Contract):
    """Data of ``execution.baseline-captured``: how it was before."""

    execution_id: Id | None = None
    incident_id: Id
    evidence_id: Id
    sensors: SensorTally


class Tick(Contract):
    """Data of a ping: what it says does not matter, what is due does."""

    model_config = ConfigDict(extra="ignore")


ACCEPTS: Final[dict[str, type[Contract]]] = {
    EXECUTION_COMPLETED: ExecutionCompleted,
    EXECUTION_STARTING: ExecutionStarting,
    ALERT_FIRING: Alert,
    PING: Tick,
}
EMITS: Final[dict[str, type[Contract]]] = {
    EXECUTION_VERIFIED: ExecutionVerified,
    EXECUTION_BASELINE_CAPTURED: BaselineCaptured,
    ROLLBACK_PROPOSED: RollbackProposed,
}
