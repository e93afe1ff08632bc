"""Which class of a file is meant, and which classes it inherits from within the file.

A class that is not named must be the only one that can be meant: the last class of a family of settings. Where two
could be, the answer is a question, never the one that happens to come last.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from functions.drift_check.core.names import Names, statements
from functions.drift_check.core.unknowns import CannotTell

_ROOTS: Final = frozenset({"BaseSettings", "BaseModel", "object", "ABC", "Generic"})


@dataclass(frozen=True, slots=True)
class Found:
    """A class of the file: ``path`` is ``Outer.Settings`` for one inside of another."""

    path: str
    node: ast.ClassDef


@dataclass(frozen=True, slots=True)
class Family:
    """A class and what it inherits.

    Attributes:
        path: its name.
        line: where it begins, from 1.
        members: it and its bases of this file, in the order in which Python looks for an attribute.
        elsewhere: bases that are somewhere else, as they are written; what they read is not known.
    """

    path: str
    line: int
    members: Sequence[ast.ClassDef]
    elsewhere: Sequence[str]


def family(module: ast.Module, names: Names, wanted: str | None) -> Family:
    """The class to compare.

    Args:
        module: the file.
        names: what its names mean.
        wanted: ``Settings`` or ``Outer.Settings``; None takes the only one there is.

    Raises:
        CannotTell: there is no such class, or more than one.
    """
    found = list(_classes(module.body, ""))
    chosen = _chosen(found, names) if wanted is None else _named(found, wanted)
    members = _order(chosen.node, names)
    elsewhere = [
        ast.unparse(base)
        for member in members
        for base in member.bases
        if names.own_class(_bare(base)) is None and names.meaning(_bare(base)) not in _ROOTS
    ]
    return Family(chosen.path, chosen.node.lineno, members, elsewhere)


def _classes(body: Sequence[ast.stmt], within: str) -> Iterator[Found]:
    for statement in statements(body):
        if isinstance(statement, ast.ClassDef):
            path = f"{within}{statement.name}"
            yield Found(path, statement)
            yield from _classes(statement.body, f"{path}.")


def _named(found: Sequence[Found], wanted: str) -> Found:
    matching = [each for each in found if each.path == wanted]
    matching = matching or [each for each in found if each.node.name == wanted]
    if not matching:
        raise CannotTell(f"There is no class {wanted} in the settings; it has {_listed(found)}.")
    if len(matching) > 1:
        raise CannotTell(f"There is more than one class {wanted} ({_listed(matching)}); name one of them.")
    return matching[0]


def _chosen(found: Sequence[Found], names: Names) -> Found:
    settings = [each for each in found if _is_settings(each.node, names)]
    # One inside of another class is meant only when there is no other; so is one that others inherit from.
    settings = [each for each in settings if "." not in each.path] or settings
    inherited = {id(own) for each in settings for own in _order(each.node, names)[1:]}
    settings = [each for each in settings if id(each.node) not in inherited]
    if not settings:
        raise CannotTell(f"No class of the file is one of settings; name the class, of {_listed(found)}.")
    if len(settings) > 1:
        raise CannotTell(f"There is more than one class of settings: {_listed(settings)}; name one of them.")
    return settings[0]


def _is_settings(node: ast.ClassDef, names: Names) -> bool:
    roots = [_bare(base) for member in _order(node, names) for base in member.bases]
    meanings = [names.meaning(root) or ast.unparse(root) for root in roots if names.own_class(root) is None]
    # With a base in another file, the names are all there is to go by.
    return any(meaning.endswith("Settings") for meaning in meanings) or (
        node.name.endswith("Settings") and bool(set(meanings) - (_ROOTS - {"BaseModel"}))
    )


def _order(node: ast.ClassDef, names: Names) -> list[ast.ClassDef]:
    """The method resolution order, by Python itself: classes without anything in them are made for it."""
    made: dict[int, type] = {}
    nodes: dict[type, ast.ClassDef] = {}

    def make(each: ast.ClassDef, above: frozenset[int]) -> type:
        if id(each) in above:
            raise CannotTell(f"The class {each.name} inherits from itself.")
        if id(each) not in made:
            owns = [own for base in each.bases if (own := names.own_class(_bare(base))) is not None]
            bases = tuple(make(own, above | {id(each)}) for own in owns)
            made[id(each)] = type(each.name, bases, {})
            nodes[made[id(each)]] = each
        return made[id(each)]

    try:
        return [nodes[each] for each in make(node, frozenset()).__mro__ if each in nodes]
    except (TypeError, RecursionError):
        raise CannotTell(f"The bases of the class {node.name} contradict each other.") from None


def _bare(base: ast.expr) -> ast.expr:
    """``Base`` of ``Base[T]``."""
    return base.value if isinstance(base, ast.Subscript) else base


def _listed(found: Sequence[Found]) -> str:
    return ", ".join(f"{each.path} (line {each.node.lineno})" for each in found[:10]) or "none"
