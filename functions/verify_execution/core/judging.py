"""The verdict: a table of rules, the first that applies decides.

The order is the point. What proves a failure comes first, then what leaves us blind, then what is not good enough;
success is what is left when nothing speaks against it. So one more bad reading can only move a verdict down the list
``success > degraded > timeout > failed``, and a sensor that is missing can never help.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from functions.verify_execution.core.cases import Case
from functions.verify_execution.core.conditions import Condition, Finding
from functions.verify_execution.core.observing import is_observe_only
from functions.verify_execution.core.readings import AlertState, Metric, Snapshot, is_fresh
from functions.verify_execution.core.soaking import Soak
from functions.verify_execution.core.trends import Trend, is_within_limit
from shared.domain.calls import FailureKind
from shared.domain.executions import ActionKind, Reason, Verdict

# After these, a target that was healthy before has been acted on for another reason than its health.
_RESTARTS: Final = frozenset(
    {
        ActionKind.ROLLOUT_RESTART,
        ActionKind.DELETE_POD,
        ActionKind.RESTART_CONTAINER,
        ActionKind.RESTART_PROCESS,
    }
)
_SEVERITY: Final = (
    Reason.IMAGE_PULL,
    Reason.OOM_KILLED,
    Reason.CRASH_LOOP,
    Reason.NO_REPLICAS,
    Reason.STILL_UNHEALTHY,
)
# What the next look may find otherwise, though the target has soaked: an alert not evaluated yet, a metric not scraped
# since, a start's own load, a sensor that was slow.
_MAY_PASS: Final = frozenset(
    {Reason.CONTRADICTORY, Reason.PARTIALLY_RECOVERED, Reason.SENSORS_SILENT, Reason.UNCHANGED, Reason.WORSE}
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, why, and the readings that decided it."""

    verdict: Verdict
    reason: Reason
    decided_by: Sequence[str] = ()


def judge(case: Case) -> Judgement:
    """Judge a case: pure, and an answer for every one."""
    for rule in RULES:
        judgement = rule(case)
        if judgement is not None:
            return judgement
    raise AssertionError("the last rule applies to every case")


def is_conclusive(case: Case, soak: Soak) -> bool:
    """Whether another look is not worth waiting for; ``soak`` is where the looks of the case have led."""
    if not case.succeeded or is_observe_only(case.action) or soak.broke is not None:
        return True
    return case.soaked and judge(case).reason not in _MAY_PASS


def _execution_failed(case: Case) -> Judgement | None:
    return None if case.succeeded else Judgement(Verdict.FAILED, Reason.EXECUTION_FAILED)


def _observe_only(case: Case) -> Judgement | None:
    return Judgement(Verdict.DEGRADED, Reason.OBSERVE_ONLY) if is_observe_only(case.action) else None


def _target_is_broken(case: Case) -> Judgement | None:
    broken = [finding for finding in case.findings.values() if finding.condition is Condition.BROKEN]
    if not broken:
        return None
    reason = next(reason for reason in _SEVERITY if any(finding.reason is reason for finding in broken))
    if reason is Reason.STILL_UNHEALTHY and case.was_healthy:
        reason = Reason.WORSE
    return Judgement(Verdict.FAILED, reason, [finding.fact for finding in broken])


def _broke_during_the_soak(case: Case) -> Judgement | None:
    """It was up, and down again before the soak was over; it being up at the end does not make that good."""
    fact = case.broke_in_the_soak
    return None if fact is None else Judgement(Verdict.FAILED, Reason.STILL_UNHEALTHY, [fact])


def _less_works_than_before(case: Case) -> Judgement | None:
    """Compared by sensor: what one did not see before says nothing against what another sees now."""
    both = case.findings.keys() & case.earlier.keys()
    fewer = any(case.findings[sensor].fraction < case.earlier[sensor].fraction for sensor in both)
    return Judgement(Verdict.FAILED, Reason.WORSE, _facts(case.findings)) if fewer else None


def _metric_is_worse(case: Case) -> Judgement | None:
    worse = [sensor for sensor, went in case.trends.items() if went is Trend.WORSE]
    return Judgement(Verdict.FAILED, Reason.WORSE, worse) if worse else None


def _target_was_not_seen(case: Case) -> Judgement | None:
    if case.findings:
        return None
    late = bool(case.after.target()) or _only_timeouts(case.after)
    return Judgement(Verdict.TIMEOUT, Reason.DEADLINE if late else Reason.SENSORS_SILENT, case.after.silent())


def _soak_did_not_end(case: Case) -> Judgement | None:
    if case.soaked or not case.is_healthy:
        return None
    return Judgement(Verdict.TIMEOUT, Reason.DEADLINE, _facts(case.findings))


def _target_is_on_its_way(case: Case) -> Judgement | None:
    if case.is_healthy:
        return None
    improved = not case.earlier or _fraction(case.findings.values()) > _fraction(case.earlier.values())
    reason = Reason.PARTIALLY_RECOVERED if improved else Reason.UNCHANGED
    return Judgement(Verdict.DEGRADED, reason, _facts(case.findings))


def _sensor_is_silent(case: Case) -> Judgement | None:
    silent = case.after.silent_required()
    return Judgement(Verdict.DEGRADED, Reason.SENSORS_SILENT, silent) if silent else None


def _metric_is_not_good(case: Case) -> Judgement | None:
    """The target looks healthy and a metric says otherwise: stale, not finite, or beyond its limit."""
    metrics = case.after.metrics()
    stale = {sensor for sensor, metric in metrics.items() if not is_fresh(metric, case.finished_at)}
    bad = [sensor for sensor, metric in metrics.items() if sensor in stale or not is_within_limit(metric)]
    if not bad:
        return None
    better = all(sensor not in stale and case.trends[sensor] is Trend.BETTER for sensor in bad)
    return Judgement(Verdict.DEGRADED, Reason.PARTIALLY_RECOVERED if better else Reason.CONTRADICTORY, bad)


def _alert_still_fires(case: Case) -> Judgement | None:
    firing = any(alert.firing for alert in case.after.all(AlertState))
    return Judgement(Verdict.DEGRADED, Reason.CONTRADICTORY, ["the alert still fires"]) if firing else None


def _only_figures_were_seen(case: Case) -> Judgement | None:
    """A metric without a limit can say that the target got better; that it is healthy it cannot."""
    seen = case.after.target(since=case.finished_at)
    if Trend.BETTER in case.trends.values() or not all(_is_a_mere_figure(reading) for reading in seen.values()):
        return None
    reason = Reason.UNCHANGED if case.earlier else Reason.SENSORS_SILENT
    return Judgement(Verdict.DEGRADED, reason, _facts(case.findings))


def _was_healthy_already(case: Case) -> Judgement | None:
    if not case.was_healthy or case.action.kind in _RESTARTS or Trend.BETTER in case.trends.values():
        return None
    return Judgement(Verdict.DEGRADED, Reason.ALREADY_HEALTHY, _facts(case.earlier))


def _recovered(case: Case) -> Judgement | None:
    reason = Reason.RECOVERED if case.earlier else Reason.RECOVERED_WITHOUT_BASELINE
    return Judgement(Verdict.SUCCESS, reason, _facts(case.findings))


RULES: Final[tuple[Callable[[Case], Judgement | None], ...]] = (
    # the action itself
    _execution_failed,
    _observe_only,
    # proof of failure
    _target_is_broken,
    _broke_during_the_soak,
    _less_works_than_before,
    _metric_is_worse,
    # blindness
    _target_was_not_seen,
    _soak_did_not_end,
    # not good enough
    _target_is_on_its_way,
    _sensor_is_silent,
    _metric_is_not_good,
    _alert_still_fires,
    _only_figures_were_seen,
    _was_healthy_already,
    # nothing speaks against it
    _recovered,
)


def _is_a_mere_figure(reading: object) -> bool:
    return isinstance(reading, Metric) and reading.limit is None


def _fraction(findings: Iterable[Finding]) -> float:
    return min(finding.fraction for finding in findings)


def _facts(findings: Mapping[str, Finding]) -> list[str]:
    return [finding.fact for finding in findings.values()]


def _only_timeouts(snapshot: Snapshot) -> bool:
    failures = [a.result for a in snapshot.attempts if a.about_target]
    return bool(failures) and all(getattr(result, "kind", None) is FailureKind.TIMEOUT for result in failures)
