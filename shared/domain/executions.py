"""A remediation that was carried out by someone else, and the verdict on it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from shared.domain.contract import Contract, Flag, Id, Time, Unit

EXECUTION_STARTING: Final = "dev.aftercare.execution.starting.v1"
EXECUTION_COMPLETED: Final = "dev.aftercare.execution.completed.v1"
EXECUTION_VERIFIED: Final = "dev.aftercare.execution.verified.v1"
EXECUTION_BASELINE_CAPTURED: Final = "dev.aftercare.execution.baseline-captured.v1"
ROLLBACK_PROPOSED: Final = "dev.aftercare.rollback.proposed.v1"


class Verdict(StrEnum):
    """Did the fix work?"""

    SUCCESS = "success"
    DEGRADED = "degraded"
    FAILED = "failed"
    TIMEOUT = "timeout"


class Reason(StrEnum):
    """Why the verdict is what it is."""

    RECOVERED = "recovered"
    RECOVERED_WITHOUT_BASELINE = "recovered_without_baseline"
    ALREADY_HEALTHY = "already_healthy"
    OBSERVE_ONLY = "observe_only"
    UNCHANGED = "unchanged"
    PARTIALLY_RECOVERED = "partially_recovered"
    CONTRADICTORY = "contradictory"
    WORSE = "worse"
    STILL_UNHEALTHY = "still_unhealthy"
    NO_REPLICAS = "no_replicas"
    CRASH_LOOP = "crash_loop"
    OOM_KILLED = "oom_killed"
    IMAGE_PULL = "image_pull"
    EXECUTION_FAILED = "execution_failed"
    RELAPSED = "relapsed"
    SENSORS_SILENT = "sensors_silent"
    DEADLINE = "deadline"


class ActionKind(StrEnum):
    """What was done."""

    ROLLOUT_RESTART = "rollout_restart"
    ROLLOUT_UNDO = "rollout_undo"
    DELETE_POD = "delete_pod"
    SCALE = "scale"
    SET_IMAGE = "set_image"
    PATCH = "patch"
    APPLY = "apply"
    CORDON = "cordon"
    UNCORDON = "uncordon"
    DRAIN = "drain"
    RESTART_CONTAINER = "restart_container"
    RESTART_PROCESS = "restart_process"
    RUN_JOB = "run_job"
    OBSERVE = "observe"
    OTHER = "other"


Name = Annotated[str, Field(min_length=1)]

# Of these there may be one of the same name in every namespace; a guessed namespace would verify the wrong one.
_NAMESPACED: Final = frozenset(
    {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod", "Service"}
)


class Target(Contract):
    """What it was done to: a Kubernetes kind, ``Container``, ``Service`` (over HTTP) or ``Host``.

    ``namespace`` may be empty for what has none, such as a ``Node`` or a ``Host``.
    """

    cluster: str | None = None
    namespace: str
    kind: Name
    name: Name

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if not self.namespace and self.kind in _NAMESPACED:
            raise ValueError("a target of this kind needs a namespace")
        return self

    def __str__(self) -> str:
        """``Deployment prod/api``."""
        return f"{self.kind} {self.namespace}/{self.name}"


class Action(Contract):
    """What was done, to what."""

    kind: ActionKind
    command: str | None = None
    target: Target

    def __str__(self) -> str:
        """``rollout_restart of Deployment prod/api``."""
        return f"{self.kind} of {self.target}"


class SensorTally(Contract):
    """How many sensors were asked, how many answered, and the names of those that did not."""

    attempted: int
    succeeded: int
    failed: list[str] = []


class ExecutionVerified(Contract):
    """Data of ``execution.verified``.

    ``revises`` is the id of the earlier ``execution.verified`` that this one takes back.
    """

    execution_id: Id
    incident_id: Id
    approval_id: Id | None = None
    playbook_id: Id | None = None
    verdict: Verdict
    reason: Reason
    check: Literal["initial", "5m", "1h", "24h"]
    revises: Id | None = None
    evidence_id: Id | None = None
    score: Unit | None = None
    root_cause_cleared: Flag | None = None
    regressions: list[str] = []
    sensors: SensorTally
    action: Action
    baseline: Flag
    verified_at: Time


class InverseAction(Contract):
    """What would undo an action."""

    kind: ActionKind | None
    command: str | None


class RollbackProposed(Contract):
    """Data of ``rollback.proposed``: a proposal. Nothing is rolled back by this software."""

    execution_id: Id
    incident_id: Id
    score: Unit
    inverse: InverseAction
    possible: Flag
    why: str
    revisions: int
    evidence_id: Id
