"""Rates: whether so many of so few say anything, and which playbooks are behind them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from functions.governance_check.core.policy import Policy
from shared.domain.governance import (
    CheckReport,
    ExecutionFailure,
    FailureRate,
    KnowledgeDegradation,
    PlaybookFailures,
    Status,
)

_Z: Final = 1.96  # 95 %, both sides
_DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class Tally:
    """Executions that were seen, those of them that tell something, and those that failed."""

    seen: int
    judged: int
    failed: int


def hallucination(tally: Tally, policy: Policy) -> FailureRate:
    """What the executions say that a model decided: those that failed were decided wrongly.

    A timeout says that we were blind, not that the model was wrong; it is seen and not judged.
    """
    return FailureRate(**_figures(tally, policy, policy.hallucination_rate))


def execution_failure(tally: Tally, playbooks: Sequence[PlaybookFailures], policy: Policy) -> ExecutionFailure:
    """What everybody's executions say, and which playbooks they ran: the most failures first, then the worst rate."""
    ranked = sorted(
        (each for each in playbooks if each.failed),
        key=lambda each: (-each.failed, -each.failed / each.executions, each.playbook_id),
    )
    return ExecutionFailure(**_figures(tally, policy, policy.failure_rate), playbooks=ranked)


def degradation(total: int, stale: int, policy: Policy) -> KnowledgeDegradation:
    """What the age of knowledge says. Without any knowledge none of it is stale."""
    rate = stale / total if total else 0.0
    status = Status.VIOLATED if rate > policy.stale_rate else Status.OK
    return KnowledgeDegradation(status=status, total=total, stale=stale, rate=round(rate, _DIGITS))


def is_silent(report: CheckReport) -> bool:
    """Whether a check has too little to say: neither that something is wrong nor that it is right."""
    return report.status is Status.NO_DATA and not (isinstance(report, FailureRate) and report.seen == 0)


def interval(failed: int, judged: int) -> tuple[float, float]:
    """Wilson's score interval: between these two lies the true rate, with 95 % confidence."""
    rate, square = failed / judged, _Z * _Z
    middle = rate + square / (2 * judged)
    half = _Z * math.sqrt(rate * (1 - rate) / judged + square / (4 * judged * judged))
    whole = 1 + square / judged
    # What was seen lies between them as well; rounding must not say otherwise at the ends.
    return max(0.0, min(rate, (middle - half) / whole)), min(1.0, max(rate, (middle + half) / whole))


def _figures(tally: Tally, policy: Policy, limit: float) -> dict[str, object]:
    counted: dict[str, object] = {"seen": tally.seen, "judged": tally.judged, "failed": tally.failed}
    if tally.judged < policy.least_judged:
        return {**counted, "status": Status.NO_DATA, "reason": f"fewer than {policy.least_judged} executions to judge"}
    rate = tally.failed / tally.judged
    low, high = interval(tally.failed, tally.judged)
    return {
        **counted,
        "status": Status.VIOLATED if rate > limit else Status.OK,
        "rate": round(rate, _DIGITS),
        "rate_low": round(low, _DIGITS),
        "rate_high": round(high, _DIGITS),
    }
