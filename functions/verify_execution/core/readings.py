"""What sensors saw, as typed values.

A reading is what a sensor measured, never what it concluded: there is no field for "success", and no text is searched
for words. A sensor that did not answer is a :class:`SensorFailure`, which is not the same as nothing to see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from shared.domain.calls import FailureKind

R = TypeVar("R")


class SensorKind(StrEnum):
    """Which instrument a reading comes from."""

    WORKLOAD = "workload"  # the Kubernetes API, about the target
    CONTAINER = "container"  # the Docker Engine, about the target
    HTTP = "http"  # a probe of the target's own endpoint
    METRIC = "metric"  # a query to Prometheus, chosen by the alert
    SCRAPE = "scrape"  # the target's own metrics endpoint
    ALERT = "alert"  # whether the alert still fires
    NEIGHBOURS = "neighbours"  # other workloads of the namespace


class Direction(StrEnum):
    """Which way is better."""

    LOWER = "lower"
    HIGHER = "higher"


class Waiting(StrEnum):
    """Why a container is not running, as far as it decides anything."""

    CRASH_LOOP = "CrashLoopBackOff"
    IMAGE_PULL = "ImagePullBackOff"
    IMAGE_PULL_ERROR = "ErrImagePull"
    IMAGE_INVALID = "InvalidImageName"
    IMAGE_NEVER = "ErrImageNeverPull"
    CONFIG_ERROR = "CreateContainerConfigError"
    CREATE_ERROR = "CreateContainerError"
    RUN_ERROR = "RunContainerError"
    STARTING = "ContainerCreating"
    INITIALIZING = "PodInitializing"
    OTHER = "Other"


@dataclass(frozen=True, slots=True)
class Termination:
    """How a container ended last: the kubelet's reason, and when."""

    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A Deployment, StatefulSet, DaemonSet, Job or Pod, with its pods.

    Attributes:
        at: when it was read.
        generation: of the spec; ``observed_generation``: what its controller has acted on.
        desired: replicas wanted; a Job's completions; 1 for a Pod.
        updated: replicas of the current spec; ``ready`` and ``available`` as Kubernetes counts them.
        restarts: of all containers of the current pods, together.
        waiting: why containers are not running.
        terminations: how containers ended last.
        failed: failed pods of a Job.
        revisions: what a rollback could go back to; 0 when the kind keeps none.
    """

    at: datetime
    generation: int
    observed_generation: int
    desired: int
    updated: int
    ready: int
    available: int
    restarts: int
    waiting: Sequence[Waiting] = ()
    terminations: Sequence[Termination] = ()
    failed: int = 0
    revisions: int = 0


class ContainerHealth(StrEnum):
    """What the Docker Engine's health check says."""

    NONE = "none"
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container of the Docker Engine."""

    at: datetime
    running: bool
    health: ContainerHealth
    restarts: int
    oom_killed: bool
    started_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpProbe:
    """One request to the target's own endpoint; ``status`` is None when nothing answered."""

    at: datetime
    status: int | None


@dataclass(frozen=True, slots=True)
class Sample:
    """One series' value; ``at`` is the time of the sample, not of the query."""

    series: str
    value: float
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """All series of one query.

    Attributes:
        name: what is measured.
        direction: which way is better.
        limit: the last healthy value, when there is one that needs no comparison.
        counted_since_action: the query counts from the action on, so a value before has no meaning.
    """

    at: datetime
    name: str
    samples: Sequence[Sample]
    direction: Direction
    limit: float | None = None
    counted_since_action: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertState:
    """Whether the alert fires, by Alertmanager or Prometheus."""

    at: datetime
    firing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """Other workloads of the namespace: by name, whether all their replicas are ready."""

    at: datetime
    ready: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class SensorFailure:
    """A sensor that has nothing to say, and why."""

    kind: FailureKind


TargetReading = Workload | Container | HttpProbe | Metric
"""What can say something about the target itself."""

Reading = TargetReading | AlertState | Neighbours


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One line of the ledger: what one sensor was asked, how long it took, what it said.

    Attributes:
        kind: None for a sensor that was planned and could not be asked, because this process has none of that name.
        about_target: the sensor looks at the target itself, not at something beside it.
        required: a success needs its reading; a silent one is never taken for a good one.
    """

    sensor: str
    kind: SensorKind | None
    about_target: bool
    required: bool
    duration_s: float
    result: Reading | SensorFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What all sensors of the plan said at one time."""

    taken_at: datetime
    attempts: Sequence[Attempt] = field(default_factory=tuple)

    def target(self, *, since: datetime | None = None) -> dict[str, TargetReading]:
        """Readings of the target itself, by sensor; with ``since``, only fresh ones."""
        return {
            a.sensor: a.result
            for a in self.attempts
            if a.about_target and isinstance(a.result, TargetReading) and (since is None or is_fresh(a.result, since))
        }

    def metrics(self) -> dict[str, Metric]:
        """Metrics by sensor, however old."""
        return {a.sensor: a.result for a in self.attempts if isinstance(a.result, Metric)}

    def restarts(self) -> dict[str, int]:
        """How often the target was restarted, by sensor."""
        counted = {sensor: seen for sensor, seen in self.target().items() if isinstance(seen, Workload | Container)}
        return {sensor: seen.restarts for sensor, seen in counted.items()}

    def all(self, kind: type[R]) -> list[R]:
        """Every reading of a kind."""
        return [a.result for a in self.attempts if isinstance(a.result, kind)]

    def first(self, kind: type[R]) -> R | None:
        """The first reading of a kind."""
        return next(iter(self.all(kind)), None)

    def silent(self) -> list[str]:
        """The sensors that did not answer."""
        return [a.sensor for a in self.attempts if isinstance(a.result, SensorFailure)]

    def silent_required(self) -> list[str]:
        """The sensors that did not answer and without which there is no success."""
        return [a.sensor for a in self.attempts if a.required and isinstance(a.result, SensorFailure)]


def is_fresh(reading: Reading, since: datetime) -> bool:
    """Whether a reading says something of the time after ``since``: a metric does when all its samples do."""
    if isinstance(reading, Metric):
        return bool(reading.samples) and all(sample.at > since for sample in reading.samples)
    return reading.at > since
