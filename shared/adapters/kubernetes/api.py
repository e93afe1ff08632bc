"""Reading objects: one by name, or all that a selector finds. There is no method that writes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from pydantic import ValidationError

from shared.adapters.endpoints import Endpoint
from shared.adapters.kubernetes.objects import ConfigMap, Object, Page, Pod, WorkloadObject
from shared.domain.calls import CallFailed, FailureKind

K = TypeVar("K", bound=Object)

# With their managed fields, pods have 5 to 50 kB each; a page stays within what any sensor reads.
_PAGE: Final = 50
_PAGES: Final = 40
# Names are labels or subdomains of the DNS; whatever else an event calls an object, there is none of that name.
_NAME: Final = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Resource(Generic[K]):
    """A kind of object and where the API has it."""

    kind: str
    group: str
    plural: str
    model: type[K]


DEPLOYMENTS: Final = Resource("Deployment", "/apis/apps/v1", "deployments", WorkloadObject)
REPLICA_SETS: Final = Resource("ReplicaSet", "/apis/apps/v1", "replicasets", WorkloadObject)
STATEFUL_SETS: Final = Resource("StatefulSet", "/apis/apps/v1", "statefulsets", WorkloadObject)
DAEMON_SETS: Final = Resource("DaemonSet", "/apis/apps/v1", "daemonsets", WorkloadObject)
JOBS: Final = Resource("Job", "/apis/batch/v1", "jobs", WorkloadObject)
PODS: Final = Resource("Pod", "/api/v1", "pods", Pod)
CONFIG_MAPS: Final = Resource("ConfigMap", "/api/v1", "configmaps", ConfigMap)
CONTROLLER_REVISIONS: Final = Resource("ControllerRevision", "/apis/apps/v1", "controllerrevisions", Object)

WORKLOADS: Final = {each.kind: each for each in (DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS, DAEMON_SETS, JOBS)}
"""Kinds that keep pods, by name."""


class ClusterApi:
    """One cluster.

    Args:
        endpoint: its API server.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def get(self, resource: Resource[K], namespace: str, name: str) -> K:
        """One object, as the cluster has it now.

        Raises:
            CallFailed: NOT_FOUND, also for a name that no object can have, or another failure.
        """
        if not _NAME.fullmatch(name):
            raise CallFailed(FailureKind.NOT_FOUND)
        return await self._endpoint.ask(resource.model, f"{_folder(resource, namespace)}/{name}")

    async def find(self, resource: Resource[K], namespace: str, selector: str = "") -> list[K]:
        """All objects of a namespace that the label selector finds.

        Raises:
            CallFailed: TOO_LARGE for thousands of them, or another failure.
        """
        return [each async for each in self._each(resource, namespace, selector)]

    async def _each(self, resource: Resource[K], namespace: str, selector: str) -> AsyncIterator[K]:
        asked = {"labelSelector": selector} if selector else {}
        asked["limit"] = str(_PAGE)
        for _ in range(_PAGES):
            page = await self._endpoint.ask(Page, _folder(resource, namespace), asked)
            for item in page.items:
                yield _typed(resource, item)
            if not page.metadata.continue_:
                return
            asked["continue"] = page.metadata.continue_
        raise CallFailed(FailureKind.TOO_LARGE)


def _folder(resource: Resource[K], namespace: str) -> str:
    if not _NAME.fullmatch(namespace):  # nor is there a default for it: another namespace is another workload
        raise CallFailed(FailureKind.NOT_FOUND)
    return f"{resource.group}/namespaces/{namespace}/{resource.plural}"


def _typed(resource: Resource[K], item: object) -> K:
    try:
        return resource.model.model_validate(item)
    except ValidationError as error:
        raise CallFailed(FailureKind.UNREADABLE) from error
