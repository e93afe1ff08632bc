"""What a command would do, to what, and how far it reaches: the meaning behind every spelling of it."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from functions.gitops_issue.core.kinds import KINDS, Kind, kind_of
from functions.gitops_issue.core.reading import Command
from functions.gitops_issue.core.verbs import Operands
from functions.gitops_issue.core.words import NotUnderstood

_NAMESPACE: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9.:-]{0,251}[a-z0-9])?")
_CHANGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]*(?:-|=.*|:[A-Za-z]+-?)", re.DOTALL)
_ASKED: Final = re.compile(r"[A-Za-z0-9*./:_-]+")
_SELECTOR: Final = re.compile(r"[A-Za-z0-9_./!=,:() -]+")
# A selector narrows by what things are; by what they are not, or merely have, it takes nearly everything.
_NARROWS: Final = re.compile(r"[^!=]==?[^=]|\bin\s*\(")
_PORT: Final = re.compile(r"(?:\d{1,5}|:)?:?[a-z0-9-]{1,15}")
_IN_A_POD: Final = re.compile(r"(?:([a-z0-9-]+)/)?([a-z0-9][a-z0-9.-]*):([A-Za-z0-9_./+-]+)")
_PATH: Final = re.compile(r"[A-Za-z0-9_+=,./@-]+")
_OUTSIDE: Final = re.compile(r"/+(?:dev|proc|sys)/|.*\.\.(?:/|$)|-")
# More objects than a person can review.
_MOST_OBJECTS: Final = 100

_POD: Final = KINDS["pod"]
_NODE: Final = KINDS["node"]
_REQUEST: Final = KINDS["certificatesigningrequest"]
# What follows the kind in `create secret generic x`.
_VARIETIES: Final[dict[str, set[str]]] = {
    "secret": {"generic", "docker-registry", "tls"},
    "service": {"clusterip", "externalname", "loadbalancer", "nodeport"},
}


@dataclass(frozen=True, slots=True)
class Operation:
    """What a command would do.

    Attributes:
        command: as it was read.
        kinds: the kinds of what it is about.
        names: the objects that are named; empty when a selector or nothing narrows the kinds.
        changes: ``key=value`` and ``key-`` of the verbs that take them.
        namespace: the one that is named; None without one, and when it is about all of them.
        selector: what narrows the kinds, as flags.
        unseen: whether files say what it is about, which nobody here has read.
    """

    command: Command
    kinds: tuple[Kind, ...] = ()
    names: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    namespace: str | None = None
    selector: str | None = None
    unseen: bool = False

    @property
    def everywhere(self) -> bool:
        """Whether it is about all namespaces."""
        return "all-namespaces" in self.command.given

    @property
    def namespaced(self) -> bool:
        """Whether all it is about lives in a namespace."""
        return not self.unseen and all(kind.namespaced for kind in self.kinds)

    @property
    def sweeps(self) -> bool:
        """Whether it takes everything of a kind: it says so, names nothing, or selects by what things are not."""
        if "all" in self.command.given:
            return True
        if self.unseen or self.names:
            return False
        return self.selector is None or not _NARROWS.search(self.selector)

    @property
    def target(self) -> str | None:
        """What it is about, in one spelling: ``deployment/api``, ``pod -l app=api``, ``pod --all``."""
        if self.unseen:
            return ",".join(self.command.given.values("filename") or self.command.given.values("kustomize"))
        if self.names:
            return ",".join(self.names)
        kinds = ",".join(kind.name for kind in self.kinds)
        if not kinds:
            return None
        if self.selector:
            return f"{kinds} {self.selector}"
        return kinds if self.command.verb.looks else f"{kinds} --all"


_Reader = Callable[[Operation, list[str]], Operation]


def understand(command: Command) -> Operation:
    """What a command would do.

    Raises:
        NotUnderstood: its words make no sense for its verb, or name a kind or a place that is not known.
    """
    base = Operation(
        command=command, namespace=_namespace(command), selector=_selector(command), unseen=_unseen(command)
    )
    found = _READERS[command.verb.takes](base, list(command.words))
    if not found.unseen and not found.kinds and command.verb.takes not in _WITHOUT_OBJECTS:
        raise NotUnderstood("operand:missing")
    if found.names and (found.selector is not None or "all" in command.given):
        raise NotUnderstood("operand:names-and-selector")
    strange = [kind for kind in found.kinds if not kind.known]
    if strange and not command.verb.looks:
        raise NotUnderstood("kind:not-known")
    return replace(found, namespace=None) if found.everywhere else found


def _namespace(command: Command) -> str | None:
    named = command.given.value("namespace")
    if named is not None and not _NAMESPACE.fullmatch(named):
        raise NotUnderstood("flag:--namespace")
    return named


def _selector(command: Command) -> str | None:
    parts = []
    for flag, written in (("selector", "-l"), ("field-selector", "--field-selector")):
        value = command.given.value(flag)
        if value is None:
            continue
        if not _SELECTOR.fullmatch(value):
            raise NotUnderstood(f"flag:--{flag}")
        parts.append(f"{written} {shlex.quote(value)}")
    return " ".join(parts) or None


def _unseen(command: Command) -> bool:
    files = command.given.values("filename")
    folder = command.given.value("kustomize")
    for path in [*files, *([] if folder is None else [folder])]:
        if not _PATH.fullmatch(path) or _OUTSIDE.match(posixpath.normpath(path)):
            raise NotUnderstood("manifest:not-a-file")
    if folder is not None and _is_remote(folder):
        raise NotUnderstood("manifest:not-a-file")
    return bool(files) or folder is not None


def _is_remote(folder: str) -> bool:
    """Whether kustomize would fetch it: its first part is a host's name, or there is a user in it."""
    first, slash, _ = folder.partition("/")
    return "@" in folder or (bool(slash) and "." in first.lstrip("."))


def _kinds(word: str) -> tuple[Kind, ...]:
    kinds = [kind_of(part) for part in word.split(",", _MOST_OBJECTS)]
    found = tuple(dict.fromkeys(kind for kind in kinds if kind is not None))
    if None in kinds:
        raise NotUnderstood("kind:not-known")
    return found


def _named(kind: Kind, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise NotUnderstood("operand:name")
    return f"{kind.name}/{name}"


def _resources(base: Operation, words: list[str]) -> Operation:
    """``type name ...``, ``type,type name``, or ``type/name ...``."""
    if base.unseen:
        # A file says it; words besides it would be a second answer, which kubectl refuses.
        if words:
            raise NotUnderstood("operand:words")
        return base
    if not words:
        return base
    if len(words) > _MOST_OBJECTS:
        raise NotUnderstood("operand:too-many")
    if any("/" in word for word in words):
        pairs = [word.partition("/") for word in words]
        kinds = tuple(kind for of, _, _ in pairs for kind in _kinds(of))
        if len(kinds) != len(pairs):
            raise NotUnderstood("operand:words")
        names = [_named(kind, name) for kind, (_, _, name) in zip(kinds, pairs, strict=True)]
    else:
        kinds = _kinds(words[0])
        names = [_named(kind, name) for kind in kinds for name in words[1:]]
    return replace(base, kinds=tuple(dict.fromkeys(kinds)), names=tuple(dict.fromkeys(names)))


def _changed(base: Operation, words: list[str]) -> Operation:
    if base.command.verb.name == "set serviceaccount":
        return _resources(base, words[:-1])
    marks = "=:" if base.command.verb.name == "taint" else "="
    objects: list[str] = []
    changes: list[str] = []
    for word in words:
        (changes if word.endswith("-") or any(mark in word for mark in marks) else objects).append(word)
    if not all(_CHANGE.fullmatch(change) for change in changes):
        raise NotUnderstood("operand:change")
    return replace(_resources(base, objects), changes=tuple(changes))


def _created(base: Operation, words: list[str]) -> Operation:
    if base.unseen or not words:
        return _resources(base, words)
    of, *names = words
    kind = _kinds(of)[0]
    if names and names[0] in _VARIETIES.get(kind.name, ()):
        del names[0]
    if len(names) != 1:
        raise NotUnderstood("operand:name")
    return _resources(base, [of, *names])


def _plain(kind: Kind) -> _Reader:
    """Reads words that are names of one kind; a selector will do instead."""

    def read(base: Operation, words: list[str]) -> Operation:
        if not words and base.selector is None:
            return base
        pairs = [word.rpartition("/") for word in words]
        if any(slash and kind_of(of) != kind for of, slash, _ in pairs):
            raise NotUnderstood("kind:not-known")
        names = tuple(dict.fromkeys(_named(kind, name) for _, _, name in pairs))
        return replace(base, kinds=(kind,), names=names)

    return read


def _pod(base: Operation, words: list[str]) -> Operation:
    if len(words) > 1 or (not words and base.selector is None):
        raise NotUnderstood("operand:words")
    if not words:
        return replace(base, kinds=(_POD,))
    return _resources(base, words if "/" in words[0] else ["pod", *words])


def _ports(base: Operation, words: list[str]) -> Operation:
    if len(words) <= 1 or not all(_PORT.fullmatch(port) for port in words[1:]):
        raise NotUnderstood("operand:port")
    return _pod(base, words[:1])


def _paths(base: Operation, words: list[str]) -> Operation:
    remote = [found for word in words if (found := _IN_A_POD.fullmatch(word))]
    local = [word for word in words if not _IN_A_POD.fullmatch(word) and _PATH.fullmatch(word)]
    if len(remote) != 1 or len(local) != 1:
        raise NotUnderstood("operand:path")
    namespace, pod, _ = remote[0].groups()
    if namespace and base.namespace not in (None, namespace):
        raise NotUnderstood("flag:--namespace:contradictory")
    if namespace and not _NAMESPACE.fullmatch(namespace):
        raise NotUnderstood("operand:path")
    return _pod(replace(base, namespace=namespace or base.namespace), [pod])


def _name(base: Operation, words: list[str]) -> Operation:
    if len(words) != 1:
        raise NotUnderstood("operand:name")
    return _resources(base, ["pod", *words])


def _anything(base: Operation, words: list[str]) -> Operation:
    if not all(_ASKED.fullmatch(word) for word in words):
        raise NotUnderstood("operand:words")
    return base


def _nothing(base: Operation, words: list[str]) -> Operation:
    if words:
        raise NotUnderstood("operand:words")
    return base


_WITHOUT_OBJECTS: Final = frozenset({Operands.ANYTHING, Operands.NOTHING})
_READERS: Final[Mapping[Operands, _Reader]] = {
    Operands.RESOURCES: _resources,
    Operands.CHANGES: _changed,
    Operands.CREATED: _created,
    Operands.NODES: _plain(_NODE),
    Operands.REQUESTS: _plain(_REQUEST),
    Operands.POD: _pod,
    Operands.PORTS: _ports,
    Operands.PATHS: _paths,
    Operands.NAME: _name,
    Operands.FILES: _nothing,
    Operands.ANYTHING: _anything,
    Operands.NOTHING: _nothing,
}
