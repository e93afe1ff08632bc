"""Objectives: what a service level should be, and what is known of it.

Not knowing is a state of its own. No data, a number that is none and a sample that is too old are skipped, a question
without an answer is an error, and neither is ever taken for a level that was kept.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from functions.governance_check.core.statuses import rank, worst
from shared.domain.calls import FailureKind
from shared.domain.contract import Contract, Id
from shared.domain.governance import Direction, ObjectiveReport, ObjectiveStatus, SloCompliance, Status

_SELECTOR: Final = re.compile(r"\s*[a-zA-Z_:][a-zA-Z0-9_:]*(\{[^{}]*\})?\s*")
_Finite = Annotated[float, Field(allow_inf_nan=False)]


class Objective(Contract):
    """One objective.

    Attributes:
        query: PromQL; the worst of its series counts.
        target: from here on it is kept.
        hard_red_line: beyond it, it is violated; in between it is at risk.
        sampled_at: PromQL for when the samples behind the query were taken, in Unix seconds. A plain selector is asked
            for its own; of anything computed Prometheus only knows when it computed it.
    """

    name: Id
    query: str
    direction: Direction
    target: _Finite
    hard_red_line: _Finite
    sampled_at: str | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        above = self.direction is Direction.ABOVE
        if (self.hard_red_line > self.target) if above else (self.hard_red_line < self.target):
            raise ValueError(f"{self.name}: the hard red line must lie on the bad side of the target")
        if self.sampled_at is None and not _SELECTOR.fullmatch(self.query):
            raise ValueError(f"{self.name}: a computed query hides how old its samples are; say so in sampled_at")
        return self

    @property
    def dating_query(self) -> str:
        """What says when the samples were taken."""
        return self.sampled_at or f"timestamp({self.query})"


@dataclass(frozen=True, slots=True)
class Sample:
    """One series: its value, and how old it is in seconds; without an age nobody knows."""

    value: float
    age_s: float | None


DEFAULT_OBJECTIVES: Final = (
    Objective(
        name="autonomy_rate",
        query="sli:autonomy_rate:5m",
        direction=Direction.ABOVE,
        target=0.80,
        hard_red_line=0.70,
    ),
    Objective(
        name="decision_accuracy",
        query="sli:decision_accuracy:5m",
        direction=Direction.ABOVE,
        target=0.90,
        hard_red_line=0.85,
    ),
    Objective(
        name="confidence_calibration",
        query="sli:confidence_calibration:1h",
        direction=Direction.ABOVE,
        target=0.80,
        hard_red_line=0.70,
    ),
    Objective(
        name="km_growth_rate",
        query="max(knowledge_entries_created_24h) or max(sli:km_growth_rate:24h)",
        sampled_at="max(timestamp(knowledge_entries_created_24h)) or max(timestamp(sli:km_growth_rate:24h))",
        direction=Direction.ABOVE,
        target=20,
        hard_red_line=5,
    ),
    Objective(
        name="summary_latency",
        query="sli:summary_latency_seconds:5m",
        direction=Direction.BELOW,
        target=2,
        hard_red_line=8,
    ),
)
"""What is asked unless settings say otherwise."""

_MEANINGS: Final = {
    ObjectiveStatus.OK: Status.OK,
    ObjectiveStatus.AT_RISK: Status.AT_RISK,
    ObjectiveStatus.SKIPPED: Status.NO_DATA,
    ObjectiveStatus.VIOLATED: Status.VIOLATED,
    ObjectiveStatus.ERROR: Status.ERROR,
}


def judge(objective: Objective, samples: Iterable[Sample], *, sample_age_s: float) -> ObjectiveReport:
    """What is known of an objective: its worst series, so that one violated replica hides behind no healthy one.

    Args:
        objective: what should be.
        samples: every series.
        sample_age_s: an older sample is stale.
    """
    reports = [_judge_one(objective, sample, sample_age_s) for sample in samples]
    if not reports:
        return _report(objective, ObjectiveStatus.SKIPPED, reason="empty")
    return max(reports, key=lambda report: (rank(_MEANINGS[report.status]), -(report.gap or 0.0)))


def unanswered(objective: Objective, kind: FailureKind) -> ObjectiveReport:
    """What is known of an objective when Prometheus gave no answer."""
    return _report(objective, ObjectiveStatus.ERROR, reason=kind.value)


def unasked(objective: Objective) -> ObjectiveReport:
    """What is known of an objective when there is no Prometheus to ask."""
    return _report(objective, ObjectiveStatus.SKIPPED, reason="no_prometheus")


def compliance(reports: Mapping[str, ObjectiveReport]) -> SloCompliance:
    """All objectives together: error > violated > no_data > at_risk > ok."""
    states = [report.status for report in reports.values()]
    counts = {status: states.count(status) for status in ObjectiveStatus}
    return SloCompliance(status=worst(_MEANINGS[state] for state in states), slos=dict(reports), counts=counts)


def named(reports: Mapping[str, ObjectiveReport], *states: ObjectiveStatus) -> Sequence[str]:
    """The names of the objectives in these states."""
    return [name for name, report in reports.items() if report.status in states]


def _judge_one(objective: Objective, sample: Sample, sample_age_s: float) -> ObjectiveReport:
    if not math.isfinite(sample.value):
        return _report(objective, ObjectiveStatus.SKIPPED, reason="nan" if math.isnan(sample.value) else "infinite")
    if sample.age_s is None or sample.age_s > sample_age_s:
        return _report(objective, ObjectiveStatus.SKIPPED, reason="stale")
    sign = 1 if objective.direction is Direction.ABOVE else -1
    gap = sign * (sample.value - objective.target)
    if gap >= 0:
        state = ObjectiveStatus.OK
    elif sign * (sample.value - objective.hard_red_line) >= 0:
        state = ObjectiveStatus.AT_RISK
    else:
        state = ObjectiveStatus.VIOLATED
    return _report(objective, state, value=sample.value, gap=round(gap, 9))


def _report(
    objective: Objective,
    status: ObjectiveStatus,
    *,
    value: float | None = None,
    gap: float | None = None,
    reason: str | None = None,
) -> ObjectiveReport:
    return ObjectiveReport(
        status=status,
        value=value,
        target=objective.target,
        hard_red_line=objective.hard_red_line,
        direction=objective.direction,
        gap=gap,
        reason=reason,
    )
