"""How to take a change back, derived from the change itself: text for people, and nothing else ever reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from functions.gitops_issue.core.operations import Operation
from functions.gitops_issue.core.patches import read_patch
from functions.gitops_issue.core.verbs import Operands

_HAS_HISTORY: Final = frozenset({"deployment", "statefulset", "daemonset"})
_STARTED_AGAIN: Final = "None needed for a pod that a controller owns: it starts a new one."


def rollback_plan(operation: Operation) -> str | None:
    """What would undo the operation; None where nothing does."""
    undo = _UNDOES.get(operation.command.verb.name)
    if undo is None or operation.unseen or operation.everywhere:
        return None
    return undo(operation)


def _by(verb: str) -> Callable[[Operation], str]:
    """Undone by another verb on the same objects."""
    return lambda operation: _command(verb, operation)


def _revision(operation: Operation) -> str | None:
    """A workload keeps what it was before."""
    kinds = {kind.name for kind in operation.kinds}
    return _command("rollout undo", operation) if kinds <= _HAS_HISTORY else None


def _scale(operation: Operation) -> str:
    before = operation.command.given.value("current-replicas") or "<replicas before the change>"
    return _command("scale", operation, f"--replicas={before}")


def _patch(operation: Operation) -> str | None:
    """Only what is in the pod template makes a revision: undoing any other patch that way would undo another change."""
    patch = read_patch(operation.command.given.value("patch") or "")
    if patch is None:
        return None
    if patch.is_within("spec", "replicas"):
        return _scale(operation)
    return _revision(operation) if patch.is_within("spec", "template") else None


def _changes(operation: Operation) -> str:
    verb = operation.command.verb.name
    return _command(verb, operation, " ".join(map(_untaint if verb == "taint" else _unset, operation.changes)))


def _autoscaler(operation: Operation) -> str | None:
    if len(operation.names) != 1 or "name" in operation.command.given:
        return None
    name = operation.names[0].partition("/")[2]
    return f"kubectl delete horizontalpodautoscaler/{name}{_place(operation)}"


def _pods(operation: Operation) -> str | None:
    return _STARTED_AGAIN if {kind.name for kind in operation.kinds} == {"pod"} else None


_UNDOES: Final[Mapping[str, Callable[[Operation], str | None]]] = {
    "annotate": _changes,
    "autoscale": _autoscaler,
    "cordon": _by("uncordon"),
    "create": _by("delete"),
    "delete": _pods,
    "drain": _by("uncordon"),
    "label": _changes,
    "patch": _patch,
    "rollout pause": _by("rollout resume"),
    "rollout restart": _revision,
    "rollout resume": _by("rollout pause"),
    "rollout undo": _revision,
    "run": _by("delete"),
    "scale": _scale,
    "set env": _revision,
    "set image": _revision,
    "set resources": _revision,
    "set serviceaccount": _revision,
    "taint": _changes,
    "uncordon": _by("cordon"),
}


def _command(verb: str, operation: Operation, rest: str = "") -> str:
    return " ".join(f"kubectl {verb} {_objects(operation)}{_place(operation)} {rest}".split())


def _objects(operation: Operation) -> str:
    """The objects, as the verb takes them."""
    of_nodes = operation.command.verb.takes is Operands.NODES
    kinds = "" if of_nodes else ",".join(kind.name for kind in operation.kinds)
    if not operation.names:
        return f"{kinds} {operation.selector or '--all'}"
    if not of_nodes and operation.command.verb.name != "taint":
        return " ".join(operation.names)
    return " ".join([kinds, *(name.partition("/")[2] for name in operation.names)])


def _place(operation: Operation) -> str:
    return f" -n {operation.namespace or '<namespace>'}" if operation.namespaced else ""


def _unset(change: str) -> str:
    """A label or annotation that was set goes; one that went comes back with the value it had."""
    key, equals, _ = change.partition("=")
    return f"{key}=<value before, or {key}- if it had none>" if equals else f"{key[:-1]}=<value before>"


def _untaint(change: str) -> str:
    """The same for a taint, which is one of its key for each effect; its value does not tell it from another."""
    taint, colon, effect = change.removesuffix("-").partition(":")
    key = taint.partition("=")[0]
    return f"{key}=<value before>{colon}{effect}" if change.endswith("-") else f"{key}{colon}{effect}-"
