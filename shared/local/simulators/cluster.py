"""What is in the simulated cluster: its objects, as etcd has them."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.local.simulators.workloads import Object, Workload, objects_of

_CREATED: Final = "2026-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object."""

    name: str
    group: str
    plural: str
    short: str = ""
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """As objects say it."""
        return f"{self.group}/v1" if self.group else "v1"

    @property
    def folder(self) -> str:
        """As paths say it."""
        return f"/apis/{self.group}/v1" if self.group else "/api/v1"


KINDS: Final = (
    Kind("Namespace", "", "namespaces", "ns", namespaced=False),
    Kind("Pod", "", "pods", "po"),
    Kind("ConfigMap", "", "configmaps", "cm"),
    Kind("Deployment", "apps", "deployments", "deploy"),
    Kind("ReplicaSet", "apps", "replicasets", "rs"),
    Kind("StatefulSet", "apps", "statefulsets", "sts"),
    Kind("DaemonSet", "apps", "daemonsets", "ds"),
    Kind("ControllerRevision", "apps", "controllerrevisions"),
    Kind("Job", "batch", "jobs"),
)
_BY_NAME: Final = {kind.name: kind for kind in KINDS}


class Cluster:
    """The objects.

    Attributes:
        version: of the last change; every list and every object carry one.
    """

    def __init__(self) -> None:
        self.version = 1
        self._objects: dict[tuple[str, str, str], Object] = {}
        self._made: dict[tuple[str, str, str], list[tuple[str, str, str]]] = {}

    def put(self, *objects: Mapping[str, Any]) -> None:
        """Create objects or replace them; a namespace comes into being with its first object."""
        for each in objects:
            self._put(copy.deepcopy(dict(each)))

    def put_workload(self, workload: Workload) -> None:
        """Leave a workload and its pods as controllers would; what it had before is gone."""
        owner = (workload.kind, workload.namespace, workload.name)
        for key in self._made.pop(owner, []):
            self._objects.pop(key, None)
        objects = objects_of(workload)
        self.put(*objects)
        self._made[owner] = [_key(each) for each in objects]

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """Remove one object and nothing else.

        Raises:
            KeyError: there is none.
        """
        del self._objects[kind, namespace, name]
        self.version += 1

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """One object; changing it changes the cluster."""
        return self._objects.get((kind, namespace, name))

    def all(self, kind: str, namespace: str | None) -> list[Object]:
        """All objects of a kind, in one namespace or in every one, in the order of the API."""
        keys = sorted(key for key in self._objects if key[0] == kind and namespace in (None, key[1]))
        return [self._objects[key] for key in keys]

    def _put(self, each: Object) -> None:
        kind = _BY_NAME[each["kind"]]
        key = _key(each)
        old = self._objects.get(key)
        metadata = each["metadata"]
        self.version += 1
        each.setdefault("apiVersion", kind.api_version)
        metadata.setdefault("uid", old["metadata"]["uid"] if old else str(uuid.uuid4()))
        metadata.setdefault("creationTimestamp", _CREATED)
        metadata.setdefault("generation", _generation(old, each))
        metadata["resourceVersion"] = str(self.version)
        self._objects[key] = each
        if kind.namespaced and ("Namespace", "", key[1]) not in self._objects:
            self._put({"kind": "Namespace", "metadata": {"name": key[1]}, "status": {"phase": "Active"}})


def _key(each: Mapping[str, Any]) -> tuple[str, str, str]:
    metadata = each["metadata"]
    return each["kind"], metadata.get("namespace", "") if _BY_NAME[each["kind"]].namespaced else "", metadata["name"]


def _generation(old: Object | None, new: Object) -> int:
    """A change of the spec is a new generation; a change of the status is none."""
    if old is None:
        return 1
    generation: int = old["metadata"]["generation"]
    return generation + (old.get("spec") != new.get("spec"))
