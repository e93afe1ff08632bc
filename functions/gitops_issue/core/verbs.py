"""The verbs of kubectl that are known: what each costs by itself, what it takes, and which flags it has.

This is the table to argue about. A verb that is not in it is blocked, and so is a flag that its verb does not have
here: plugins, ``edit``, ``proxy``, ``--raw``, ``--as``, ``--token`` and their like are missing on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from functions.gitops_issue.core.flags import Flag, declared


class Operands(Enum):
    """What a verb's other words mean."""

    RESOURCES = auto()  # type name ..., type/name ..., type,type
    CHANGES = auto()  # resources, then key=value, key- or key=value:Effect
    CREATED = auto()  # type name, of one object that is new
    NODES = auto()  # names of nodes
    REQUESTS = auto()  # names of certificate signing requests
    POD = auto()  # a pod, or type/name of what has one
    PORTS = auto()  # the same, then ports
    PATHS = auto()  # two paths, one of them in a pod
    NAME = auto()  # the name of a pod that is new
    FILES = auto()  # no words: files say it
    ANYTHING = auto()  # words that only ask
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb.

    Attributes:
        name: one word or two.
        points: its base score; None when it only looks.
        takes: what follows it.
        flags: those it has besides the global ones.
        runs: whether a program may follow after ``--``.
    """

    name: str
    points: int | None
    takes: Operands
    flags: Mapping[str, Flag]
    runs: bool

    @property
    def looks(self) -> bool:
        """Whether it changes nothing."""
        return self.points is None

    @property
    def can_rehearse(self) -> bool:
        """Whether it has ``--dry-run``."""
        return "--dry-run" in self.flags


GLOBAL: Final = declared("namespace/n=", "context=", "cluster=", "request-timeout=", "v/v=", "warnings-as-errors")

_FILES: Final = ("filename/f=*", "kustomize/k=", "recursive/R")
_PRINT: Final = ("output/o=", "show-managed-fields", "allow-missing-template-keys")
_SELECT: Final = ("selector/l=", "field-selector=")
_EVERYWHERE: Final = "all-namespaces/A"
_REHEARSE: Final = "dry-run=?client"
_AUTHOR: Final = "field-manager="
_BATCH: Final = (*_FILES, *_PRINT, *_SELECT, "all", _REHEARSE, _AUTHOR)
_SET: Final = (*_BATCH, "local")
_LIST: Final = ("no-headers", "sort-by=", "chunk-size=", "watch/w", "ignore-not-found")
_SERVER_SIDE: Final = ("server-side", "force-conflicts", "validate=?strict", "openapi-patch", "overwrite")
_REMOVE: Final = ("force", "grace-period=", "now", "cascade=?background", "wait", "timeout=", "ignore-not-found")
_SESSION: Final = ("container/c=", "stdin/i", "tty/t", "quiet/q", "pod-running-timeout=")


def _verb(name: str, points: int | None, takes: Operands, *flags: str, runs: bool = False) -> Verb:
    return Verb(name, points, takes, {**GLOBAL, **declared(*flags)}, runs)


_LOOKS: Final = (
    _verb(
        "get", None, Operands.RESOURCES, *_FILES, *_PRINT, *_SELECT, _EVERYWHERE, *_LIST, "watch-only", "show-labels",
        "show-kind", "label-columns/L=*", "server-print", "output-watch-events", "subresource=",
    ),
    _verb("describe", None, Operands.RESOURCES, *_FILES, "selector/l=", _EVERYWHERE, "show-events", "chunk-size="),
    _verb(
        "logs", None, Operands.POD, "follow/f", "previous/p", "container/c=", "all-containers", "since=", "since-time=",
        "tail=", "timestamps", "limit-bytes=", "prefix", "selector/l=", "max-log-requests=", "ignore-errors",
        "all-pods", "pod-running-timeout=",
    ),
    _verb("top", None, Operands.RESOURCES, *_SELECT, _EVERYWHERE, "containers", "sum", "no-headers", "sort-by="),
    _verb("events", None, Operands.NOTHING, _EVERYWHERE, "for=", "types=", "watch/w", "output/o=", "no-headers"),
    _verb("explain", None, Operands.ANYTHING, "recursive", "api-version=", "output/o="),
    _verb("wait", None, Operands.RESOURCES, *_FILES, *_SELECT, _EVERYWHERE, "all", "for=", "timeout=", "output/o="),
    _verb("diff", None, Operands.FILES, *_FILES, "selector/l=", "server-side", "force-conflicts", _AUTHOR),
    _verb("version", None, Operands.NOTHING, "client", "output/o="),
    _verb("cluster-info", None, Operands.NOTHING),
    _verb(
        "api-resources", None, Operands.NOTHING, "api-group=", "namespaced", "no-headers", "output/o=", "verbs=*",
        "sort-by=", "categories=*",
    ),
    _verb("api-versions", None, Operands.NOTHING),
    _verb("auth can-i", None, Operands.ANYTHING, _EVERYWHERE, "list", "quiet/q", "no-headers", "subresource="),
    _verb("auth whoami", None, Operands.NOTHING, "output/o="),
    _verb("config view", None, Operands.NOTHING, "minify", "output/o="),
    _verb("config current-context", None, Operands.NOTHING),
    _verb("config get-contexts", None, Operands.ANYTHING, "output/o=", "no-headers"),
    _verb("rollout status", None, Operands.RESOURCES, *_FILES, "selector/l=", "watch/w", "timeout=", "revision="),
    _verb("rollout history", None, Operands.RESOURCES, *_FILES, "selector/l=", "revision=", "output/o="),
)  # fmt: skip

_CHANGES: Final = (
    _verb("annotate", 10, Operands.CHANGES, *_BATCH, _EVERYWHERE, "overwrite", "list", "resource-version=", "local"),
    _verb("label", 15, Operands.CHANGES, *_BATCH, _EVERYWHERE, "overwrite", "list", "resource-version=", "local"),
    _verb("rollout restart", 15, Operands.RESOURCES, *_FILES, "selector/l=", "output/o=", _AUTHOR),
    _verb("rollout pause", 15, Operands.RESOURCES, *_FILES, "selector/l=", "output/o=", _AUTHOR),
    _verb("rollout resume", 15, Operands.RESOURCES, *_FILES, "selector/l=", "output/o=", _AUTHOR),
    _verb("uncordon", 15, Operands.NODES, "selector/l=", _REHEARSE),
    _verb("scale", 20, Operands.RESOURCES, *_BATCH, "replicas=", "current-replicas=", "resource-version=", "timeout="),
    _verb("autoscale", 20, Operands.RESOURCES, *_BATCH, "min=", "max=", "cpu-percent=", "name=", "save-config"),
    _verb("port-forward", 20, Operands.PORTS, "pod-running-timeout="),
    _verb("set resources", 20, Operands.RESOURCES, *_SET, "containers/c=", "limits=", "requests="),
    _verb("rollout undo", 25, Operands.RESOURCES, *_FILES, "selector/l=", "output/o=", "to-revision=", _REHEARSE),
    _verb("cordon", 25, Operands.NODES, "selector/l=", _REHEARSE),
    _verb("set image", 25, Operands.CHANGES, *_SET),
    _verb("set env", 25, Operands.CHANGES, *_SET, "containers/c=", "env/e=*", "overwrite", "from=", "keys=*"),
    _verb("delete", 25, Operands.RESOURCES, *_FILES, *_SELECT, *_REMOVE, "all", _EVERYWHERE, "output/o=", _REHEARSE),
    _verb(
        "create", 25, Operands.CREATED, *_FILES, *_PRINT, _REHEARSE, _AUTHOR, "save-config",
        "validate=?strict", "image=*", "replicas=", "port=", "from=", "schedule=", "restart=", "from-literal=*",
        "type=", "tcp=*", "clusterrole=", "role=", "verb=*", "resource=*", "resource-name=*", "user=*", "group=*",
        "serviceaccount=*", "hard=", "min-available=", "max-unavailable=", "rule=*", "class=", runs=True,
    ),
    _verb(
        "expose", 25, Operands.RESOURCES, *_FILES, *_PRINT, "selector/l=", _REHEARSE, _AUTHOR, "port=", "target-port=",
        "protocol=", "name=", "type=", "cluster-ip=", "session-affinity=", "labels=", "save-config",
    ),
    _verb("exec", 30, Operands.POD, *_SESSION, runs=True),
    _verb("certificate deny", 30, Operands.REQUESTS, *_FILES, "force", "output/o="),
    _verb("apply", 35, Operands.FILES, *_BATCH, *_SERVER_SIDE, *_REMOVE, "prune", "prune-allowlist=*"),
    _verb("attach", 35, Operands.POD, *_SESSION),
    _verb(
        "run", 40, Operands.NAME, *_PRINT, *_SESSION, _REHEARSE, "image=", "restart=", "rm", "command", "env=*",
        "port=", "labels/l=", "annotations=*", "privileged", "expose", "image-pull-policy=", runs=True,
    ),
    _verb("set subject", 40, Operands.RESOURCES, *_SET, "user=*", "group=*", "serviceaccount=*"),
    _verb("taint", 45, Operands.CHANGES, "selector/l=", "all", "overwrite", "output/o=", _REHEARSE, _AUTHOR),
    _verb("cp", 45, Operands.PATHS, "container/c=", "no-preserve", "retries="),
    _verb("set serviceaccount", 45, Operands.CHANGES, *_SET),
    _verb("patch", 45, Operands.RESOURCES, *_FILES, *_PRINT, "patch/p=", "type=", "subresource=", _REHEARSE, _AUTHOR),
    _verb("replace", 45, Operands.FILES, *_FILES, *_PRINT, *_REMOVE, _REHEARSE, _AUTHOR, "save-config"),
    _verb("set selector", 50, Operands.CHANGES, *_SET),
    _verb("drain", 60, Operands.NODES, "selector/l=", "pod-selector=", "force", "grace-period=", "timeout=",
          "ignore-daemonsets", "delete-emptydir-data", "disable-eviction", "skip-wait-for-delete-timeout=",
          "chunk-size=", _REHEARSE),
    _verb("debug", 60, Operands.POD, *_SESSION, "image=", "target=", "copy-to=", "replace", "same-node",
          "share-processes", "profile=", "env=*", "attach", "image-pull-policy=", runs=True),
    _verb("auth reconcile", 60, Operands.FILES, *_FILES, *_PRINT, _REHEARSE, "remove-extra-permissions",
          "remove-extra-subjects"),
    _verb("certificate approve", 80, Operands.REQUESTS, *_FILES, "force", "output/o="),
)  # fmt: skip

VERBS: Final = {verb.name: verb for verb in (*_LOOKS, *_CHANGES)}
"""Every known verb by its name: those that look, then those that change something, the lightest first."""

GROUPS: Final = frozenset(name.partition(" ")[0] for name in VERBS if " " in name)
"""Words that are half a verb."""
