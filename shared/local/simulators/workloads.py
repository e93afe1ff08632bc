"""Whole workloads, as their controllers would leave them: the object, what it owns, and its pods."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Self

Object = dict[str, Any]

_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"
_STARTED: Final = "2026-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A workload with its pods.

    Attributes:
        kind: Deployment, StatefulSet, DaemonSet or Job.
        replicas: how many are wanted; a Job's completions.
        ready: how many of them are; a Job's pods have succeeded then.
        waiting: why the containers of the others are not running.
        restarts: of each container.
        terminated: the reason of each container's last end, and when that was.
        generation: of the spec; ``observed_generation`` follows it unless it is given.
        revisions: that are kept.
        failed: pods of a Job that failed.
        rollout: another number gives the pods of a Deployment other names, as a new template does.
    """

    kind: str
    namespace: str
    name: str
    replicas: int = 3
    ready: int | None = None
    waiting: str | None = None
    restarts: int = 0
    terminated: tuple[str, str] | None = None
    generation: int = 1
    observed_generation: int | None = None
    revisions: int = 2
    failed: int = 0
    rollout: int = 0

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Self:
        """From the control endpoint.

        Raises:
            TypeError: it has other fields, or lacks one.
        """
        unknown = set(given) - {field.name for field in fields(cls)}
        if unknown:
            raise TypeError(f"a workload has no {', '.join(sorted(unknown))}")
        return cls(**given)

    @property
    def up(self) -> int:
        """How many are ready."""
        return self.replicas if self.ready is None else self.ready


def objects_of(workload: Workload) -> list[Object]:
    """All objects of a workload, the workload itself first."""
    match workload.kind:
        case "Deployment":
            return _deployment(workload)
        case "StatefulSet":
            return [_stateful_set(workload), *_revisions(workload), *_pods(workload, workload.kind, workload.name)]
        case "DaemonSet":
            return [_daemon_set(workload), *_revisions(workload), *_pods(workload, workload.kind, workload.name)]
        case "Job":
            return [_job(workload), *_pods(workload, workload.kind, workload.name)]
        case other:
            raise TypeError(f"a {other} keeps no pods")


def pod_name(workload: Workload, number: int) -> str:
    """What Kubernetes would call a pod, and calls it again for the same rollout."""
    if workload.kind == "StatefulSet":
        return f"{workload.name}-{number}"
    owner = replica_set_name(workload) if workload.kind == "Deployment" else workload.name
    return f"{owner}-{_letters(f'{owner}/{number}', 5)}"


def replica_set_name(workload: Workload, back: int = 0) -> str:
    """The ReplicaSet of a rollout, or of one before it."""
    return f"{workload.name}-{_letters(f'{workload.name}/{workload.rollout - back}', 9)}"


def _deployment(workload: Workload) -> list[Object]:
    current = replica_set_name(workload)
    counts = _counts(workload) | {"updatedReplicas": workload.replicas}
    sets = [_replica_set(workload, back) for back in range(workload.revisions)]
    return [_workload(workload, _spec(workload), counts), *sets, *_pods(workload, "ReplicaSet", current)]


def _replica_set(workload: Workload, back: int) -> Object:
    """The current one, or an older one that is kept for a rollback."""
    name = replica_set_name(workload, back)
    replicas, ready = (workload.replicas, workload.up) if back == 0 else (0, 0)
    metadata = _metadata(workload, "ReplicaSet", name, owner=(workload.kind, workload.name))
    metadata["annotations"] = {"deployment.kubernetes.io/revision": str(workload.revisions - back)}
    counts = {"replicas": replicas, "readyReplicas": ready, "availableReplicas": ready, "observedGeneration": 1}
    return _object("ReplicaSet", metadata, {**_spec(workload), "replicas": replicas}, counts)


def _stateful_set(workload: Workload) -> Object:
    counts = _counts(workload) | {"updatedReplicas": workload.replicas}
    return _workload(workload, {**_spec(workload), "updateStrategy": {"type": "RollingUpdate"}}, counts)


def _daemon_set(workload: Workload) -> Object:
    spec = {"selector": _spec(workload)["selector"], "updateStrategy": {"type": "RollingUpdate"}}
    counts = {
        "observedGeneration": _observed(workload),
        "desiredNumberScheduled": workload.replicas,
        "currentNumberScheduled": workload.replicas,
        "updatedNumberScheduled": workload.replicas,
        "numberReady": workload.up,
        "numberAvailable": workload.up,
        "numberUnavailable": workload.replicas - workload.up,
    }
    return _workload(workload, spec, counts)


def _job(workload: Workload) -> Object:
    is_done = workload.up == workload.replicas
    spec = {**_spec(workload), "completions": workload.replicas, "parallelism": workload.replicas}
    del spec["replicas"]
    counts: Object = {"startTime": _STARTED, "succeeded": workload.up, "failed": workload.failed}
    if is_done:
        counts |= {"completionTime": _STARTED, "conditions": [{"type": "Complete", "status": "True"}]}
    else:
        counts |= {"active": workload.replicas - workload.up, "ready": 0}
    return _workload(workload, spec, counts)


def _revisions(workload: Workload) -> Iterator[Object]:
    for number in range(1, workload.revisions + 1):
        name = f"{workload.name}-{_letters(f'{workload.name}/revision/{number}', 9)}"
        metadata = _metadata(workload, "ControllerRevision", name, owner=(workload.kind, workload.name))
        yield {"kind": "ControllerRevision", "metadata": metadata, "data": {}, "revision": number}


def _pods(workload: Workload, owner_kind: str, owner: str) -> Iterator[Object]:
    for number in range(workload.replicas):
        is_up = number < workload.up
        metadata = _metadata(workload, "Pod", pod_name(workload, number), owner=(owner_kind, owner))
        has_succeeded = is_up and workload.kind == "Job"
        container = {"name": "main", "image": "example/main:1", "ready": is_up, "restartCount": workload.restarts}
        container |= {"state": _state(workload, is_up=is_up), "lastState": _last_state(workload)}
        status = {
            "phase": "Succeeded" if has_succeeded else "Running",
            "conditions": [{"type": "Ready", "status": str(is_up and not has_succeeded)}],
            "containerStatuses": [container],
        }
        yield _object("Pod", metadata, {"containers": [{"name": "main", "image": "example/main:1"}]}, status)


def _state(workload: Workload, *, is_up: bool) -> Object:
    if is_up and workload.kind == "Job":
        return {"terminated": {"reason": "Completed", "exitCode": 0, "finishedAt": _STARTED}}
    if is_up or workload.waiting is None:
        return {"running": {"startedAt": _STARTED}}
    return {"waiting": {"reason": workload.waiting}}


def _last_state(workload: Workload) -> Object:
    if workload.terminated is None:
        return {}
    reason, at = workload.terminated
    return {"terminated": {"reason": reason, "exitCode": 137, "startedAt": _STARTED, "finishedAt": at}}


def _workload(workload: Workload, spec: Object, status: Object) -> Object:
    metadata = _metadata(workload, workload.kind, workload.name)
    metadata["generation"] = workload.generation
    return _object(workload.kind, metadata, spec, status)


def _spec(workload: Workload) -> Object:
    return {"replicas": workload.replicas, "selector": {"matchLabels": {"app": workload.name}}}


def _counts(workload: Workload) -> Object:
    """As Go writes them: what is zero is not there."""
    counts = {
        "observedGeneration": _observed(workload),
        "replicas": workload.replicas,
        "readyReplicas": workload.up,
        "availableReplicas": workload.up,
    }
    return {name: count for name, count in counts.items() if count}


def _observed(workload: Workload) -> int:
    return workload.generation if workload.observed_generation is None else workload.observed_generation


def _metadata(workload: Workload, kind: str, name: str, owner: tuple[str, str] | None = None) -> Object:
    metadata: Object = {
        "name": name,
        "namespace": workload.namespace,
        "uid": _uid(workload.namespace, kind, name),
        "labels": {"app": workload.name},
    }
    if owner is not None:
        owner_kind, owner_name = owner
        reference = {"kind": owner_kind, "name": owner_name, "uid": _uid(workload.namespace, owner_kind, owner_name)}
        api_version = "batch/v1" if owner_kind == "Job" else "apps/v1"
        metadata["ownerReferences"] = [{"apiVersion": api_version, **reference, "controller": True}]
    return metadata


def _object(kind: str, metadata: Object, spec: Mapping[str, Any], status: Mapping[str, Any]) -> Object:
    return {"kind": kind, "metadata": metadata, "spec": dict(spec), "status": dict(status)}


def _uid(namespace: str, kind: str, name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{namespace}/{kind}/{name}"))


def _letters(seed: str, count: int) -> str:
    """As the generated part of a name, always the same for one seed."""
    digits = uuid.uuid5(uuid.NAMESPACE_URL, seed).int
    return "".join(_LETTERS[digits // len(_LETTERS) ** place % len(_LETTERS)] for place in range(count))
