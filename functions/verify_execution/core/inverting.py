"""The inverse of an action: what would undo it, and whether that is possible. A proposal; nothing here is executed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from functions.verify_execution.core.readings import Snapshot, Workload
from shared.domain.executions import Action, ActionKind, Target

_REVISIONS_NEEDED: Final = 2
# What Kubernetes lets things be called. Any other name could be an option, a second command or a line of its own to
# whoever pastes the command.
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_ROLLED_BACK: Final = frozenset(
    {
        ActionKind.ROLLOUT_RESTART,
        ActionKind.ROLLOUT_UNDO,
        ActionKind.SET_IMAGE,
        ActionKind.PATCH,
        ActionKind.APPLY,
    }
)
_OF_NODES: Final = frozenset({ActionKind.CORDON, ActionKind.UNCORDON})
_HAS_HISTORY: Final = frozenset({"Deployment", "StatefulSet", "DaemonSet"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Inverse:
    """What would undo an action.

    Attributes:
        kind: the typed operation; None when nothing undoes it.
        command: the same as one command, for people.
        possible: whether its preconditions hold.
        why: why it is possible, or why not.
        revisions: known revisions of the target.
    """

    kind: ActionKind | None
    command: str | None
    possible: bool
    why: str
    revisions: int = 0


def inverse(action: Action, before: Snapshot | None, after: Snapshot) -> Inverse:
    """The inverse of an action, with its preflight."""
    target = action.target
    match action.kind:
        case ActionKind.SCALE:
            found = _scale_back(target, before)
        case ActionKind.CORDON | ActionKind.DRAIN:
            found = _node(ActionKind.UNCORDON, target)
        case ActionKind.UNCORDON:
            found = _node(ActionKind.CORDON, target)
        case kind if kind in _ROLLED_BACK:
            found = _undo(target, after)
        case kind:
            return _impossible(f"nothing undoes {kind}")
    # A node is in no namespace, and its command names none.
    named = (target.name,) if found.kind in _OF_NODES else (target.namespace, target.kind.lower(), target.name)
    if all(_NAME.fullmatch(part) for part in named):
        return found
    return _impossible("the target's name is none that Kubernetes allows")


def _undo(target: Target, after: Snapshot) -> Inverse:
    seen = after.first(Workload)
    revisions = 0 if seen is None else seen.revisions
    command = f"kubectl rollout undo {_resource(target)} -n {target.namespace}"
    if target.kind not in _HAS_HISTORY:
        return _impossible(f"a {target.kind} keeps no revisions")
    possible = revisions >= _REVISIONS_NEEDED
    why = f"{revisions} revisions are known, {_REVISIONS_NEEDED} are needed"
    return Inverse(kind=ActionKind.ROLLOUT_UNDO, command=command, possible=possible, why=why, revisions=revisions)


def _scale_back(target: Target, before: Snapshot | None) -> Inverse:
    seen = None if before is None else before.first(Workload)
    if seen is None:
        return Inverse(kind=ActionKind.SCALE, command=None, possible=False, why="no baseline says how many there were")
    command = f"kubectl scale {_resource(target)} -n {target.namespace} --replicas={seen.desired}"
    return Inverse(kind=ActionKind.SCALE, command=command, possible=True, why=f"there were {seen.desired} replicas")


def _node(kind: ActionKind, target: Target) -> Inverse:
    command = f"kubectl {kind} {target.name}"
    return Inverse(kind=kind, command=command, possible=True, why="a node can be cordoned and uncordoned at any time")


def _impossible(why: str) -> Inverse:
    return Inverse(kind=None, command=None, possible=False, why=why)


def _resource(target: Target) -> str:
    return f"{target.kind.lower()}/{target.name}"
