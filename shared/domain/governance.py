"""Who watches the automation: what its checks found, and the alerts about it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, Literal

from shared.domain.contract import Contract, Flag, Id, Time

ALERT_RAISED: Final = "dev.aftercare.governance.alert-raised.v1"
ALERT_RESOLVED: Final = "dev.aftercare.governance.alert-resolved.v1"
GOVERNANCE_COMPLETED: Final = "dev.aftercare.governance.completed.v1"


class CheckName(StrEnum):
    """What is checked."""

    TRUST_DRIFT = "trust_drift"
    KNOWLEDGE_DEGRADATION = "knowledge_degradation"
    LLM_HALLUCINATION = "llm_hallucination"
    EXECUTION_FAILURE = "execution_failure"
    SLO_COMPLIANCE = "slo_compliance"


class AlertType(StrEnum):
    """What an alert is about."""

    TRUST_DRIFT = "governance_trust_drift"
    KNOWLEDGE_DEGRADATION = "governance_knowledge_degradation"
    LLM_HALLUCINATION = "governance_llm_hallucination"
    EXECUTION_FAILURE = "governance_execution_failure"
    SLO_VIOLATION = "governance_slo_violation"
    SLO_DATA_GAP = "governance_slo_data_gap"
    SLO_UNREACHABLE = "governance_slo_unreachable"
    SELF_FAILURE = "governance_self_failure"


class Status(StrEnum):
    """What is known of a check, or of all of them; from the best to the worst."""

    OK = "ok"
    AT_RISK = "at_risk"
    NO_DATA = "no_data"
    VIOLATED = "violated"
    ERROR = "error"


class ObjectiveStatus(StrEnum):
    """What is known of one objective: skipped is neither kept nor violated, and an error is not skipped."""

    OK = "ok"
    AT_RISK = "at_risk"
    VIOLATED = "violated"
    SKIPPED = "skipped"
    ERROR = "error"


class Direction(StrEnum):
    """On which side of its target a value is good."""

    ABOVE = "above"
    BELOW = "below"


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


class LowTrust(Contract):
    """A playbook that is trusted too little."""

    playbook_id: str
    trust_score: float


class Deprecation(Contract):
    """A playbook that was deprecated, by which rule, and the figures that the rule looked at."""

    playbook_id: str
    rule: Literal["failing", "unused"]
    trust_score: float
    verified: int
    failed: int
    last_used_at: Time | None = None


class PlaybookFailures(Contract):
    """How often a playbook did not succeed, of how many executions."""

    playbook_id: str
    failed: int
    executions: int


class CheckReport(Contract):
    """What every check says. An error has a reason and no figures."""

    status: Status
    reason: str | None = None
    took_s: float | None = None


class TrustDrift(CheckReport):
    """Trust in playbooks. Lists are cut; ``low_trust_total`` and ``deprecated_total`` are not."""

    low_trust: list[LowTrust] = []
    low_trust_total: int | None = None
    deprecated: list[Deprecation] = []
    deprecated_total: int | None = None


class KnowledgeDegradation(CheckReport):
    """Knowledge that nobody has looked at for long; ``suppressed`` while its owner reviews it already."""

    total: int | None = None
    stale: int | None = None
    rate: float | None = None
    suppressed: Flag | None = None


class FailureRate(CheckReport):
    """How many of the last executions failed; between ``rate_low`` and ``rate_high`` lies the true rate (95 %)."""

    seen: int | None = None
    judged: int | None = None
    failed: int | None = None
    rate: float | None = None
    rate_low: float | None = None
    rate_high: float | None = None


class ExecutionFailure(FailureRate):
    """The same of everybody's executions, with the playbooks that failed, the worst first."""

    playbooks: list[PlaybookFailures] = []


class ObjectiveReport(Contract):
    """One objective: its worst value, and by how much it is better than the target (negative: worse)."""

    status: ObjectiveStatus
    value: float | None = None
    target: float
    hard_red_line: float
    direction: Direction
    gap: float | None = None
    reason: str | None = None


class SloCompliance(CheckReport):
    """Every objective, and how many are in which state."""

    slos: dict[str, ObjectiveReport] = {}
    counts: dict[ObjectiveStatus, int] = {}


class CheckReports(Contract):
    """The checks that ran."""

    trust_drift: TrustDrift | None = None
    knowledge_degradation: KnowledgeDegradation | None = None
    llm_hallucination: FailureRate | None = None
    execution_failure: ExecutionFailure | None = None
    slo_compliance: SloCompliance | None = None


class AlertReference(Contract):
    """An alert that is open, or was resolved; without an id it would have been raised."""

    id: Id | None = None
    event_type: str
    subject: str = ""
    severity: Severity


class GovernanceCompleted(Contract):
    """Data of ``governance.completed``; a dry run changed nothing, and says what it would have done."""

    slot: Time
    status: Status
    checks: CheckReports
    alerts: list[AlertReference]
    resolved: list[AlertReference] = []
    dry_run: Flag = False
