"""From Kubernetes objects to one reading: pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from functions.verify_execution.core.readings import Termination, Waiting, Workload
from shared.adapters.kubernetes.objects import ContainerStatus, Ended, Object, Pod, WorkloadObject

K = TypeVar("K", bound=Object)

_KNOWN: Final = {each.value: each for each in Waiting}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The figures of a workload; see :class:`~functions.verify_execution.core.readings.Workload`."""

    observed_generation: int
    desired: int
    updated: int
    ready: int
    available: int
    failed: int = 0


def counts(kind: str, seen: WorkloadObject) -> Counts:
    """The figures of a Deployment, ReplicaSet, StatefulSet, DaemonSet or Job."""
    return _COUNTS[kind](seen)


def workload(at: datetime, seen: WorkloadObject, figures: Counts, pods: Iterable[Pod], revisions: int) -> Workload:
    """A workload as a reading, with the pods that are its own."""
    containers = [container for pod in pods for container in _containers(pod)]
    return Workload(
        at=at,
        generation=seen.metadata.generation,
        observed_generation=figures.observed_generation,
        desired=figures.desired,
        updated=figures.updated,
        ready=figures.ready,
        available=figures.available,
        restarts=sum(container.restart_count for container in containers),
        waiting=_waiting(containers),
        terminations=_terminations(containers, at),
        failed=figures.failed,
        revisions=revisions,
    )


def single_pod(at: datetime, pod: Pod) -> Workload:
    """A pod of its own as a reading; one that is being deleted is as good as gone."""
    containers = list(_containers(pod))
    ready = int(pod.status.is_ready and pod.metadata.deletion_timestamp is None)
    observed = pod.status.observed_generation
    return Workload(
        at=at,
        generation=pod.metadata.generation,
        observed_generation=pod.metadata.generation if observed is None else observed,
        desired=1,
        updated=1,
        ready=ready,
        available=ready,
        restarts=sum(container.restart_count for container in containers),
        waiting=_waiting(containers),
        terminations=_terminations(containers, at),
    )


def owned(objects: Iterable[K], uids: Collection[str]) -> list[K]:
    """Those that one of these owners controls and that are not being deleted. A selector alone may find strangers."""
    return [
        each
        for each in objects
        if each.metadata.deletion_timestamp is None
        and each.metadata.controller is not None
        and each.metadata.controller.uid in uids
    ]


def _deployment(seen: WorkloadObject) -> Counts:
    return Counts(
        observed_generation=seen.status.observed_generation,
        desired=seen.spec.replicas,
        updated=seen.status.updated_replicas,
        ready=seen.status.ready_replicas,
        available=seen.status.available_replicas,
    )


def _replica_set(seen: WorkloadObject) -> Counts:
    return Counts(
        observed_generation=seen.status.observed_generation,
        desired=seen.spec.replicas,
        updated=seen.status.replicas,
        ready=seen.status.ready_replicas,
        available=seen.status.available_replicas,
    )


def _stateful_set(seen: WorkloadObject) -> Counts:
    strategy = seen.spec.update_strategy
    desired = seen.spec.replicas
    # Pods below the partition are meant to stay as they are, and with OnDelete all of them are.
    kept = desired if strategy.type == "OnDelete" else strategy.rolling_update.partition
    return Counts(
        observed_generation=seen.status.observed_generation,
        desired=desired,
        updated=min(desired, seen.status.updated_replicas + kept),
        ready=seen.status.ready_replicas,
        available=seen.status.available_replicas,
    )


def _daemon_set(seen: WorkloadObject) -> Counts:
    desired = seen.status.desired_number_scheduled
    on_delete = seen.spec.update_strategy.type == "OnDelete"
    return Counts(
        observed_generation=seen.status.observed_generation,
        desired=desired,
        updated=desired if on_delete else seen.status.updated_number_scheduled,
        ready=seen.status.number_ready,
        available=seen.status.number_available,
    )


def _job(seen: WorkloadObject) -> Counts:
    """A Job is ready as far as its pods run well or have succeeded, and available as far as they have succeeded."""
    status = seen.status
    desired = seen.spec.completions or 1  # without a number, the first success is the success of all
    succeeded = desired if status.has("Complete") else min(desired, status.succeeded)
    is_seen = status.start_time is not None or bool(status.conditions)  # Jobs have no observedGeneration
    return Counts(
        observed_generation=seen.metadata.generation if is_seen else 0,
        desired=desired,
        updated=min(desired, status.succeeded + status.active),
        ready=min(desired, succeeded + status.ready),
        available=succeeded,
        failed=max(status.failed, int(status.has("Failed"))),
    )


_COUNTS: Final[Mapping[str, Callable[[WorkloadObject], Counts]]] = {
    "Deployment": _deployment,
    "ReplicaSet": _replica_set,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "Job": _job,
}


def _containers(pod: Pod) -> Iterator[ContainerStatus]:
    yield from pod.status.init_container_statuses
    yield from pod.status.container_statuses


def _waiting(containers: Iterable[ContainerStatus]) -> tuple[Waiting, ...]:
    """Each reason once: how many containers wait shows in the number of ready replicas."""
    reasons = {
        _KNOWN.get(container.state.waiting.reason, Waiting.OTHER)
        for container in containers
        if container.state.waiting is not None
    }
    return tuple(sorted(reasons))


def _terminations(containers: Iterable[ContainerStatus], at: datetime) -> tuple[Termination, ...]:
    """The latest end by each reason. One without a time counts as of now: the doubt is the target's, not ours."""
    latest: dict[str, datetime] = {}
    for ended in _endings(containers):
        time = ended.finished_at or at
        latest[ended.reason] = max(time, latest.get(ended.reason, time))
    return tuple(Termination(reason, time) for reason, time in sorted(latest.items()))


def _endings(containers: Iterable[ContainerStatus]) -> Iterator[Ended]:
    for container in containers:
        for state in (container.last_state, container.state):
            if state.terminated is not None:
                yield state.terminated
