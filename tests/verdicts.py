"""Cases for the verdict: small builders, every default healthy, so that a test says only what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.verify_execution.core.judging import Case
from functions.verify_execution.core.readings import (
    AlertState,
    Attempt,
    Container,
    ContainerHealth,
    Direction,
    HttpProbe,
    Metric,
    Neighbours,
    Reading,
    Sample,
    SensorFailure,
    SensorKind,
    Snapshot,
    Termination,
    Workload,
)
from shared.domain.calls import FailureKind
from shared.domain.executions import Action, ActionKind, Target

ACTED = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
BEFORE = ACTED - timedelta(minutes=1)
AFTER = ACTED + timedelta(seconds=30)
TARGET = Target(namespace="prod", kind="Deployment", name="api")

_KIND = {
    Workload: SensorKind.WORKLOAD,
    Container: SensorKind.CONTAINER,
    HttpProbe: SensorKind.HTTP,
    Metric: SensorKind.METRIC,
    AlertState: SensorKind.ALERT,
    Neighbours: SensorKind.NEIGHBOURS,
}
_ABOUT_TARGET = (Workload, Container, HttpProbe)
_REQUIRED = (Workload, Container, HttpProbe, Metric)


def action(
    kind: ActionKind = ActionKind.ROLLOUT_RESTART, command: str | None = None, target: Target = TARGET
) -> Action:
    return Action(kind=kind, command=command, target=target)


def workload(at: datetime = AFTER, *, ready: int = 3, desired: int = 3, **other: Any) -> Workload:
    given = {"generation": 2, "observed_generation": 2, "updated": desired, "available": ready, "restarts": 0, **other}
    return Workload(at=at, ready=ready, desired=desired, **given)


def oom(seconds_after: float) -> Termination:
    return Termination("OOMKilled", ACTED + timedelta(seconds=seconds_after))


def container(at: datetime = AFTER, **other: Any) -> Container:
    given = {"running": True, "health": ContainerHealth.HEALTHY, "restarts": 0, "oom_killed": False, "started_at": at}
    return Container(at=at, **{**given, **other})


def http(status: int | None = 200, at: datetime = AFTER) -> HttpProbe:
    return HttpProbe(at=at, status=status)


def metric(
    *values: float,
    at: datetime = AFTER,
    direction: Direction = Direction.LOWER,
    limit: float | None = None,
    **other: Any,
) -> Metric:
    samples = tuple(Sample(f"series-{number}", value, at) for number, value in enumerate(values))
    return Metric(at=at, name="errors", samples=samples, direction=direction, limit=limit, **other)


def alert(*, firing: bool, at: datetime = AFTER) -> AlertState:
    return AlertState(at=at, firing=firing)


def silent(kind: SensorKind, failure: FailureKind = FailureKind.UNREACHABLE) -> Attempt:
    about_target = kind in (SensorKind.WORKLOAD, SensorKind.CONTAINER, SensorKind.HTTP)
    required = about_target or kind is SensorKind.METRIC
    return Attempt(
        sensor=kind,
        kind=kind,
        about_target=about_target,
        required=required,
        duration_s=0.1,
        result=SensorFailure(failure),
    )


def attempt(reading: Reading) -> Attempt:
    kind = _KIND[type(reading)]
    return Attempt(
        sensor=kind,
        kind=kind,
        about_target=isinstance(reading, _ABOUT_TARGET),
        required=isinstance(reading, _REQUIRED),
        duration_s=0.1,
        result=reading,
    )


def host(*values: float, **other: Any) -> Attempt:
    """A metric as the only thing that sees its target."""
    return replace(attempt(metric(*values, **other)), sensor="host-metrics", about_target=True)


def snapshot(*seen: Reading | Attempt, at: datetime = AFTER) -> Snapshot:
    return Snapshot(taken_at=at, attempts=tuple(one if isinstance(one, Attempt) else attempt(one) for one in seen))


def before(*seen: Reading | Attempt) -> Snapshot:
    """The same builders, moved to a minute before the action."""
    return snapshot(*(_moved_attempt(one) if isinstance(one, Attempt) else _moved(one) for one in seen), at=BEFORE)


def case(
    after: Snapshot | Sequence[Snapshot],
    *,
    was: Snapshot | None = None,
    did: Action | None = None,
    succeeded: bool = True,
    soaked: bool = True,
) -> Case:
    return Case(
        before=was,
        observed=[after] if isinstance(after, Snapshot) else list(after),
        action=did or action(),
        succeeded=succeeded,
        finished_at=ACTED,
        soaked=soaked,
    )


def _moved(reading: Reading) -> Reading:
    if isinstance(reading, Metric):
        samples = tuple(replace(sample, at=BEFORE) for sample in reading.samples)
        return replace(reading, at=BEFORE, samples=samples)
    return replace(reading, at=BEFORE)


def _moved_attempt(one: Attempt) -> Attempt:
    return one if isinstance(one.result, SensorFailure) else replace(one, result=_moved(one.result))
