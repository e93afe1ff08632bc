"""The two Kubernetes sensors: the target with its pods, and its neighbours."""

from __future__ import annotations

from typing import Final

from functions.verify_execution.core.questions import Question
from functions.verify_execution.core.readings import Neighbours, SensorKind, Workload
from functions.verify_execution.sensors.kubernetes.owners import Owned, owner
from functions.verify_execution.sensors.kubernetes.workloads import Counts, counts, owned, single_pod, workload
from shared.adapters.endpoints import both
from shared.adapters.kubernetes.api import (
    CONTROLLER_REVISIONS,
    DAEMON_SETS,
    DEPLOYMENTS,
    PODS,
    REPLICA_SETS,
    STATEFUL_SETS,
    WORKLOADS,
    ClusterApi,
)
from shared.adapters.kubernetes.objects import Pod
from shared.domain.executions import Target
from shared.domain.ports import Clock

_KINDS: Final = frozenset({*WORKLOADS, PODS.kind})
_HAVE_REVISIONS: Final = frozenset({STATEFUL_SETS.kind, DAEMON_SETS.kind})
_NEIGHBOURS: Final = (DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS)


class KubernetesSensor:
    """The target as Kubernetes sees it; see :class:`functions.verify_execution.observing.Sensor`.

    Args:
        api: the cluster.
        clock: for the time of the reading.
        cluster: the cluster's name; a target that names another one is not looked for here. None takes every target.
    """

    def __init__(self, api: ClusterApi, clock: Clock, *, cluster: str | None = None) -> None:
        self._api = api
        self._clock = clock
        self._cluster = cluster
        self.name = "kubernetes"
        self.kind = SensorKind.WORKLOAD
        self.about_target = True
        self.required = True

    def suits(self, question: Question) -> bool:
        """Workloads and pods of this cluster."""
        return _is_here(question.target, self._cluster)

    async def read(self, question: Question) -> Workload:
        """The target, or the owner of the pod that is the target."""
        at = self._clock.now()
        found = await _resolved(self._api, question.target)
        if isinstance(found, Pod):
            return single_pod(at, found)
        figures = counts(found.kind, found.object)
        pods, revisions = await self._pods(found, question.target.namespace)
        return workload(at, found.object, figures, pods, revisions)

    async def _pods(self, found: Owned, namespace: str) -> tuple[list[Pod], int]:
        """The workload's current pods, and how many revisions it keeps."""
        uid = found.object.metadata.uid
        selector = str(found.object.spec.selector)
        pods = self._api.find(PODS, namespace, selector)
        if found.kind == DEPLOYMENTS.kind:
            seen, sets = await both(pods, self._api.find(REPLICA_SETS, namespace, selector))
            own = owned(sets, {uid})
            return owned(seen, {each.metadata.uid for each in own}), len(own)
        if found.kind in _HAVE_REVISIONS:
            seen, kept = await both(pods, self._api.find(CONTROLLER_REVISIONS, namespace, selector))
            return owned(seen, {uid}), len(owned(kept, {uid}))
        return owned(await pods, {uid}), 0


class NeighboursSensor:
    """The other workloads of the target's namespace; see :class:`functions.verify_execution.observing.Sensor`.

    Args:
        api: the cluster.
        clock: for the time of the reading.
        cluster: as for :class:`KubernetesSensor`.
    """

    def __init__(self, api: ClusterApi, clock: Clock, *, cluster: str | None = None) -> None:
        self._api = api
        self._clock = clock
        self._cluster = cluster
        self.name = "neighbours"
        self.kind = SensorKind.NEIGHBOURS
        self.about_target = False
        self.required = False

    def suits(self, question: Question) -> bool:
        """Whatever has a namespace of this cluster around it."""
        return _is_here(question.target, self._cluster)

    async def read(self, question: Question) -> Neighbours:
        """By kind and name, whether all replicas are ready."""
        at = self._clock.now()
        found = await _resolved(self._api, question.target)
        target = None if isinstance(found, Pod) else (found.kind, found.object.metadata.name)
        ready: dict[str, bool] = {}
        for resource in _NEIGHBOURS:
            for each in await self._api.find(resource, question.target.namespace):
                if (resource.kind, each.metadata.name) != target:
                    ready[f"{resource.kind} {each.metadata.name}"] = _all_ready(counts(resource.kind, each))
        return Neighbours(at=at, ready=ready)


def _is_here(target: Target, cluster: str | None) -> bool:
    return target.kind in _KINDS and (cluster is None or target.cluster is None or target.cluster == cluster)


async def _resolved(api: ClusterApi, target: Target) -> Owned | Pod:
    if target.kind == PODS.kind:
        return await owner(api, target.namespace, target.name)
    return Owned(target.kind, await api.get(WORKLOADS[target.kind], target.namespace, target.name))


def _all_ready(figures: Counts) -> bool:
    return figures.ready >= figures.desired
