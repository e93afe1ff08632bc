"""What one reading of the target says about it: healthy, on its way, or broken and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, assert_never

from functions.verify_execution.core.readings import (
    Container,
    ContainerHealth,
    HttpProbe,
    Metric,
    TargetReading,
    Waiting,
    Workload,
)
from functions.verify_execution.core.trends import is_within_limit
from shared.domain.executions import Reason

_IMAGE_PULL: Final = frozenset(
    {Waiting.IMAGE_PULL, Waiting.IMAGE_PULL_ERROR, Waiting.IMAGE_INVALID, Waiting.IMAGE_NEVER}
)
_ON_THE_WAY: Final = frozenset({Waiting.STARTING, Waiting.INITIALIZING})
_OOM_KILLED: Final = "OOMKilled"


class Condition(StrEnum):
    """How the target is."""

    HEALTHY = "healthy"
    ON_ITS_WAY = "on_its_way"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one reading says.

    Attributes:
        fraction: how much of the target works, 0 to 1; for comparing before and after.
        reason: why it is broken; for the other conditions it is what a verdict would fall back on.
        fact: the figures, for people.
    """

    condition: Condition
    fraction: float
    reason: Reason
    fact: str


def examine(reading: TargetReading, *, since: datetime | None) -> Finding:
    """Examine a reading of the target.

    Args:
        reading: what the sensor saw.
        since: the end of the action; an OOM kill before it is what the action may have cured.
    """
    match reading:
        case Workload():
            return _workload(reading, since)
        case Container():
            return _container(reading)
        case HttpProbe():
            return _http(reading)
        case Metric():
            return _metric(reading)
        case _ as never:
            assert_never(never)


def _workload(seen: Workload, since: datetime | None) -> Finding:
    fraction = min(seen.ready / seen.desired, 1.0) if seen.desired > 0 else 0.0
    fact = f"ready {seen.ready}/{seen.desired}, updated {seen.updated}, restarts {seen.restarts}"
    broken = _why_broken(seen, since)
    if broken is not None:
        return Finding(Condition.BROKEN, fraction, broken, fact)
    complete = seen.ready == seen.desired and seen.updated >= seen.desired and seen.available >= seen.desired
    if seen.observed_generation < seen.generation or not complete:
        return Finding(Condition.ON_ITS_WAY, fraction, Reason.PARTIALLY_RECOVERED, fact)
    return Finding(Condition.HEALTHY, 1.0, Reason.RECOVERED, fact)


def _why_broken(seen: Workload, since: datetime | None) -> Reason | None:
    waiting = set(seen.waiting)
    if waiting & _IMAGE_PULL:
        return Reason.IMAGE_PULL
    if any(t.reason == _OOM_KILLED and (since is None or t.at > since) for t in seen.terminations):
        return Reason.OOM_KILLED
    if Waiting.CRASH_LOOP in waiting:
        return Reason.CRASH_LOOP
    if waiting - _ON_THE_WAY or (seen.failed > 0 and seen.ready < seen.desired):
        return Reason.STILL_UNHEALTHY
    return Reason.NO_REPLICAS if seen.ready <= 0 else None


def _container(seen: Container) -> Finding:
    fact = f"running {seen.running}, health {seen.health}, restarts {seen.restarts}"
    if seen.oom_killed and not seen.running:
        return Finding(Condition.BROKEN, 0.0, Reason.OOM_KILLED, fact)
    if not seen.running or seen.health is ContainerHealth.UNHEALTHY:
        return Finding(Condition.BROKEN, 0.0, Reason.STILL_UNHEALTHY, fact)
    if seen.health is ContainerHealth.STARTING:
        return Finding(Condition.ON_ITS_WAY, 0.5, Reason.PARTIALLY_RECOVERED, fact)
    return Finding(Condition.HEALTHY, 1.0, Reason.RECOVERED, fact)


def _http(seen: HttpProbe) -> Finding:
    fact = "no answer" if seen.status is None else f"HTTP {seen.status}"
    # A redirect or a 4xx answers, but not with what a health check promises.
    if seen.status is None or not 200 <= seen.status < 300:  # noqa: PLR2004 - the HTTP class of success
        return Finding(Condition.BROKEN, 0.0, Reason.STILL_UNHEALTHY, fact)
    return Finding(Condition.HEALTHY, 1.0, Reason.RECOVERED, fact)


def _metric(seen: Metric) -> Finding:
    """For targets that only metrics can see, such as a host."""
    fact = f"{seen.name} " + ", ".join(f"{sample.value:g}" for sample in seen.samples)
    if is_within_limit(seen):
        return Finding(Condition.HEALTHY, 1.0, Reason.RECOVERED, fact)
    return Finding(Condition.BROKEN, 0.0, Reason.STILL_UNHEALTHY, fact)
