"""How far an operation reaches, in points: what its verb costs, what its flags and its objects add, where it is.

Points are added up, then multiplied. Nothing but a rehearsal takes anything away, so a command never gets a lower
score for one more flag that widens it, or for a heavier namespace.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from functions.gitops_issue.core.operations import Operation
from functions.gitops_issue.core.patches import read_patch
from functions.gitops_issue.core.policy import Policy, Weight
from functions.gitops_issue.core.rules import shows_secrets
from shared.domain.remediations import Contribution

LEAST: Final = 0
MOST: Final = 100

# What a flag adds when it is on.
_SWITCHES: Final = {
    "all": 30,
    "all-namespaces": 20,
    "force": 20,
    "now": 10,
    "prune": 30,
    "recursive": 5,
    "force-conflicts": 10,
    "overwrite": 5,
    "disable-eviction": 25,
    "delete-emptydir-data": 10,
    "privileged": 40,
    "stdin": 5,
    "tty": 5,
    "remove-extra-permissions": 15,
    "remove-extra-subjects": 15,
}
_SELECTED: Final = 15
_FURTHER_NAME: Final = 3
_FURTHER_NAMES: Final = 30
_UNSEEN: Final = 20
_SECRETS_SHOWN: Final = 50
_TO_NOTHING: Final = 35
_TO_MANY: Final = 20
_MANY_REPLICAS: Final = 50
_AT_ONCE: Final = {"0": 15, "1": 10}
_EVICTS: Final = 20
_ORPHANS: Final = 10
_REHEARSED: Final = 0.1


def contributions(operation: Operation, policy: Policy) -> list[Contribution]:
    """Everything that makes up the score, in the order of reading."""
    verb = operation.command.verb
    found = [Contribution(rule=f"verb:{verb.name}", points=verb.points or 0)]
    if verb.looks and not shows_secrets(operation):
        return found
    found += [Contribution(rule=rule, points=points) for rule, points in _added(operation) if points]
    weight = _weight(operation, policy)
    found.append(Contribution(rule=weight.rule, factor=weight.factor))
    if is_rehearsal(operation) and not shows_secrets(operation):
        found.append(Contribution(rule="flag:--dry-run", factor=_REHEARSED))
    return found


def total(parts: list[Contribution]) -> int | None:
    """The score that the parts make, 0 to 100; None when it cannot be computed."""
    factor = math.prod(part.factor for part in parts if part.factor is not None)
    exact = sum(part.points for part in parts if part.points is not None) * factor
    if not math.isfinite(exact):
        return None
    # 15 times 1.2 is 18, also where a float says 18.000000000000004.
    return max(LEAST, min(MOST, math.ceil(round(exact, 6))))


def is_rehearsal(operation: Operation) -> bool:
    """Whether nothing would be kept: ``--dry-run`` in one of its two true forms."""
    return operation.command.given.value("dry-run") in ("client", "server")


def _weight(operation: Operation, policy: Policy) -> Weight:
    if operation.everywhere:
        return policy.heaviest("namespace:all")
    if not operation.namespaced:
        # Files may hold objects without a namespace, and those that name another one.
        unplaced = operation.unseen and operation.namespace is None
        return policy.heaviest("namespace:not-named") if unplaced else policy.shared(operation.namespace)
    if operation.namespace is None:
        return policy.heaviest("namespace:not-named")
    return policy.named(operation.namespace)


def _added(operation: Operation) -> Iterator[tuple[str, int]]:
    yield from _objects(operation)
    yield from _reach(operation)
    yield from _flags(operation)
    if shows_secrets(operation):
        yield "secret:contents", _SECRETS_SHOWN


def _objects(operation: Operation) -> Iterator[tuple[str, int]]:
    """What the objects are: the heaviest kind counts, since it is what would be missed."""
    removes = operation.command.verb.name == "delete"
    if operation.kinds and not operation.command.verb.looks:
        heaviest = max(operation.kinds, key=lambda kind: kind.deleted if removes else kind.changed)
        yield f"kind:{heaviest.name}", heaviest.deleted if removes else heaviest.changed
    if operation.unseen:
        yield "manifest:unseen", _UNSEEN


def _reach(operation: Operation) -> Iterator[tuple[str, int]]:
    """How many there are."""
    if operation.sweeps and "all" not in operation.command.given:
        yield "objects:not-named", _SWITCHES["all"]
    if operation.selector is not None:
        yield "flag:--selector", _SELECTED
    further = len(operation.names) - 1
    if further > 0:
        yield "objects:several", min(further * _FURTHER_NAME, _FURTHER_NAMES)


def _flags(operation: Operation) -> Iterator[tuple[str, int]]:
    given = operation.command.given
    yield from ((f"flag:--{name}", points) for name, points in _SWITCHES.items() if name in given)
    grace = given.value("grace-period")
    if grace is not None:
        yield f"flag:--grace-period={grace}", _AT_ONCE.get(grace, 0)
    if given.value("cascade") in ("orphan", "false"):
        yield "flag:--cascade=orphan", _ORPHANS
    if any(":NoExecute" in change for change in operation.changes):
        yield "effect:NoExecute", _EVICTS
    yield from _replicas(operation)


def _replicas(operation: Operation) -> Iterator[tuple[str, int]]:
    """How many replicas would be left, by flag or by patch."""
    given = operation.command.given
    counts = [int(value) for name in ("replicas", "min", "max") if (value := given.value(name)) is not None]
    patch = read_patch(given.value("patch") or "")
    counts += [] if patch is None else patch.replicas
    if 0 in counts:
        yield "flag:--replicas=0", _TO_NOTHING
    if any(count >= _MANY_REPLICAS for count in counts):
        yield f"flag:--replicas>={_MANY_REPLICAS}", _TO_MANY
