"""Whose pod is this? After a restart the pod that an alert names is gone, and its workload is what matters.

While the pod is there, its own reference says. When it is gone, only its name is left: Kubernetes makes the names of
pods from those of their owners, so the name says who it could have been, and the API says who of them exists.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from functions.verify_execution.sensors.pod_names import without_ending, without_hash, without_number
from shared.adapters.kubernetes.api import (
    DAEMON_SETS,
    DEPLOYMENTS,
    JOBS,
    PODS,
    REPLICA_SETS,
    STATEFUL_SETS,
    WORKLOADS,
    ClusterApi,
    Resource,
)
from shared.adapters.kubernetes.objects import Object, Pod, WorkloadObject
from shared.domain.calls import CallFailed, FailureKind

K = TypeVar("K", bound=Object)


@dataclass(frozen=True, slots=True)
class Owned:
    """A workload, by its kind."""

    kind: str
    object: WorkloadObject


async def owner(api: ClusterApi, namespace: str, name: str) -> Owned | Pod:
    """The workload a pod belongs to, or belonged to; the pod itself when it belongs to none.

    Raises:
        CallFailed: NOT_FOUND when neither the pod nor anyone it could have belonged to exists, or another failure.
    """
    pod = await _if_there(api, PODS, namespace, name)
    if pod is not None:
        return await _referred(api, namespace, pod) or pod
    for resource, candidate in _candidates(name):
        found = await _if_there(api, resource, namespace, candidate)
        if found is not None:
            return await _referred(api, namespace, found) or Owned(resource.kind, found)
    raise CallFailed(FailureKind.NOT_FOUND)


async def _referred(api: ClusterApi, namespace: str, owned: Object) -> Owned | None:
    """Follow references up to the last workload we know: from a ReplicaSet to its Deployment."""
    reference = owned.metadata.controller
    resource = None if reference is None else WORKLOADS.get(reference.kind)
    if reference is None or resource is None:
        return None
    found = await _if_there(api, resource, namespace, reference.name)
    return None if found is None else await _referred(api, namespace, found) or Owned(resource.kind, found)


def _candidates(pod: str) -> Iterator[tuple[Resource[WorkloadObject], str]]:
    """Who could have made a pod of this name, the strongest evidence first."""
    base = without_ending(pod)
    if base is not None:
        yield REPLICA_SETS, base
        deployment = without_hash(base)
        if deployment is not None:  # it keeps so many revisions and no more: the ReplicaSet itself may be gone
            yield DEPLOYMENTS, deployment
    stateful = without_number(pod)
    if stateful is not None:
        yield STATEFUL_SETS, stateful
    if base is not None:
        yield DAEMON_SETS, base
        yield JOBS, base
        indexed = without_number(base)
        if indexed is not None:
            yield JOBS, indexed


async def _if_there(api: ClusterApi, resource: Resource[K], namespace: str, name: str) -> K | None:
    try:
        return await api.get(resource, namespace, name)
    except CallFailed as error:
        if error.kind is not FailureKind.NOT_FOUND:
            raise
        return None
