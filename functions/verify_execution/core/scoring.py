"""The self-healing score: how much of a recovery this was, 0 to 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from functions.verify_execution.core.cases import Case
from functions.verify_execution.core.conditions import Condition
from functions.verify_execution.core.readings import AlertState, Neighbours

# The only place where the weights are. They add up to 1.
_ROOT_CAUSE_CLEARED: Final = 0.4
_TARGET_HEALTHY: Final = 0.4
_NO_REGRESSIONS: Final = 0.2
# What is not known counts half: it neither proves nor disproves.
_UNKNOWN: Final = 0.5

ROLLBACK_BELOW: Final = 0.5
"""Below this a rollback is proposed (product: self-healing validator)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The score and what it is made of.

    Attributes:
        value: 0 to 1.
        root_cause_cleared: the alert no longer fires; None when nobody could say.
        regressions: neighbours that were ready before and are not now.
    """

    value: float
    root_cause_cleared: bool | None
    regressions: tuple[str, ...]


def score(case: Case) -> Score:
    """Score a case."""
    alerts = case.after.all(AlertState)
    cleared = not any(alert.firing for alert in alerts) if alerts else None
    regressions = _regressions(case)
    value = (
        _ROOT_CAUSE_CLEARED * (_UNKNOWN if cleared is None else float(cleared))
        + _TARGET_HEALTHY * _healthy_share(case)
        + _NO_REGRESSIONS * (_UNKNOWN if regressions is None else float(not regressions))
    )
    return Score(value=round(value, 2), root_cause_cleared=cleared, regressions=regressions or ())


def _healthy_share(case: Case) -> float:
    if not case.findings:
        return _UNKNOWN
    if case.broke_in_the_soak is not None:
        return 0.0
    return min(0.0 if f.condition is Condition.BROKEN else f.fraction for f in case.findings.values())


def _regressions(case: Case) -> tuple[str, ...] | None:
    before = None if case.before is None else case.before.first(Neighbours)
    after = case.after.first(Neighbours)
    if before is None or after is None:
        return None
    return tuple(sorted(name for name, ready in before.ready.items() if ready and after.ready.get(name) is False))
