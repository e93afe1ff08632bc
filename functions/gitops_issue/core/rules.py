"""Hard rules: what no review can agree to. Each looks at an operation and gives its own name, or None.

They hold whatever the flags and the namespace are, and under ``--dry-run`` as well: a rehearsal of what may never
happen has no use, and the flag is too easily lost on the way.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from functions.gitops_issue.core.kinds import PROTECTED
from functions.gitops_issue.core.operations import Operation
from functions.gitops_issue.core.patches import read_patch
from functions.gitops_issue.core.policy import NamespaceClass, Policy
from functions.gitops_issue.core.reading import program_rule

Rule = Callable[[Operation, Policy], str | None]

# Programs that only show something, whatever their arguments are.
_SHOWS: Final = frozenset({"df", "du", "free", "id", "ls", "netstat", "nslookup", "ps", "pwd", "uptime", "whoami"})
_ARGUMENT: Final = re.compile(r"[A-Za-z0-9@%+=:,./_-]*")
_COUNT: Final = re.compile(r"-1|0|[1-9]\d{0,8}")
_COUNTS: Final = ("replicas", "current-replicas", "grace-period", "min", "max", "revision", "to-revision")
_OUTPUT: Final = re.compile(
    r"name|wide|json|yaml|kyaml|(?:jsonpath|jsonpath-as-json|go-template|custom-columns)=.*", re.DOTALL
)
_CASCADES: Final = {"background", "foreground", "orphan", "true", "false"}


def hard_rule(operation: Operation, policy: Policy) -> str | None:
    """The first hard rule that an operation breaks; None when it breaks none."""
    return next((broken for rule in _RULES if (broken := rule(operation, policy))), None)


def _protected(operation: Operation, _: Policy) -> str | None:
    if operation.command.verb.name != "delete":
        return None
    if operation.unseen:
        return "delete:unseen"
    return next((f"delete:{kind.name}" for kind in operation.kinds if kind.deleted >= PROTECTED), None)


def _secrets_en_masse(operation: Operation, _: Policy) -> str | None:
    deletes = operation.command.verb.name == "delete"
    secrets = [name for name in operation.names if name.startswith("secret/")]
    many = len(secrets) > 1 or not operation.names
    return "delete:secrets-en-masse" if deletes and _about_secrets(operation) and many else None


def _system_swept(operation: Operation, policy: Policy) -> str | None:
    if operation.command.verb.name != "delete" or not operation.sweeps:
        return None
    named = operation.namespace
    system = named is None or NamespaceClass.SYSTEM in policy.classes_of(named)
    return "delete:--all-in-system" if system else None


def _replaced_by_force(operation: Operation, _: Policy) -> str | None:
    """``replace --force`` and ``apply --force`` delete first."""
    verb = operation.command.verb.name
    forced = {"force", "grace-period", "cascade"} & operation.command.given.by_name.keys()
    return f"{verb}:--force" if verb in ("replace", "apply") and forced else None


def _elsewhere(operation: Operation, _: Policy) -> str | None:
    """The plan says which cluster, and the namespaces' weights are that cluster's; only a look may go elsewhere."""
    if operation.command.verb.looks and not shows_secrets(operation):
        return None
    return next((f"flag:--{flag}" for flag in ("context", "cluster") if flag in operation.command.given), None)


def _program(operation: Operation, _: Policy) -> str | None:
    command = operation.command
    if not command.program:
        return "program:missing" if command.verb.name == "exec" else None
    if command.program[0] not in _SHOWS or not all(_ARGUMENT.fullmatch(word) for word in command.program):
        return program_rule(command.program)
    return None


def _output(operation: Operation, _: Policy) -> str | None:
    """Templates are not read from files: they would show the files."""
    output = operation.command.given.value("output")
    return None if output is None or _OUTPUT.fullmatch(output) else "flag:--output"


def _values(operation: Operation, _: Policy) -> str | None:
    """Values that kubectl reads in more ways than one."""
    given = operation.command.given
    counts = [value for name in _COUNTS if (value := given.value(name)) is not None]
    if not all(_COUNT.fullmatch(value) for value in counts):
        return "flag:not-a-count"
    if given.value("dry-run") not in (None, "client", "server", "none"):
        return "flag:--dry-run"
    return None if given.value("cascade") in (None, *_CASCADES) else "flag:--cascade"


def _incomplete(operation: Operation, _: Policy) -> str | None:
    command = operation.command
    required = {"scale": "replicas", "patch": "patch", "autoscale": "max", "run": "image"}.get(command.verb.name)
    if required is not None and required not in command.given:
        return f"flag:--{required}:missing"
    return None


def _patch(operation: Operation, _: Policy) -> str | None:
    text = operation.command.given.value("patch")
    if text is None:
        return None
    patch = read_patch(text)
    if patch is None:
        return "patch:not-understood"
    return f"patch:{patch.refused}" if patch.refused else None


def _about_secrets(operation: Operation) -> bool:
    return any(kind.name in ("secret", "secrets") for kind in operation.kinds)


def shows_secrets(operation: Operation) -> bool:
    """Whether the contents of secrets would be printed."""
    given = operation.command.given
    perhaps = _about_secrets(operation) or operation.unseen
    # A verbose client prints what it receives.
    return perhaps and (given.value("output") not in (None, "name", "wide") or "v" in given)


_RULES: Final[tuple[Rule, ...]] = (
    _protected,
    _secrets_en_masse,
    _system_swept,
    _replaced_by_force,
    _elsewhere,
    _program,
    _output,
    _values,
    _patch,
    _incomplete,
)
