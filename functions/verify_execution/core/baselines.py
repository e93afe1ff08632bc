"""Which baseline belongs to an execution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from functions.verify_execution.core.readings import Snapshot
from shared.domain.executions import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What was seen before an action."""

    id: str
    execution_id: str | None
    target: Target
    plan: Sequence[str]
    snapshot: Snapshot
    captured_at: datetime


def choose(candidates: Sequence[Baseline], *, execution_id: str, target: Target, before: datetime) -> Baseline | None:
    """The baseline to compare with: taken before the action ended, of the same target; the execution's own first."""
    fitting = [b for b in candidates if b.captured_at <= before and is_comparable(b.target, target)]
    return max(fitting, key=lambda b: (b.execution_id == execution_id, b.captured_at), default=None)


def is_comparable(seen: Target, acted_on: Target) -> bool:
    """Whether both name the same thing: an alert names a pod where an action names the pod's workload."""
    if (seen.namespace, seen.cluster or "") != (acted_on.namespace, acted_on.cluster or ""):
        return False
    if (seen.kind, seen.name) == (acted_on.kind, acted_on.name):
        return True
    return seen.kind == "Pod" and seen.name.startswith(f"{acted_on.name}-")
