"""What the names of a module mean, as far as reading tells.

A name is known when the module binds it once, or imports it in every branch under the same name (``try: from
pydantic_settings import BaseSettings``, ``except ImportError: from pydantic import BaseSettings``). A builtin is known
as long as the module does not bind its name. Everything else may be anything.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from functions.drift_check.core.unknowns import Unknown

# Of these, only the last part of a dotted name counts: pydantic.Field and pydantic.fields.Field are one thing.
_FAMILIAR: Final = frozenset(
    {
        "annotated_types",
        "builtins",
        "collections",
        "datetime",
        "decimal",
        "enum",
        "ipaddress",
        "pathlib",
        "pydantic",
        "pydantic_settings",
        "types",
        "typing",
        "typing_extensions",
        "uuid",
    }
)
_BUILTINS: Final = frozenset(dir(builtins))
_SHAPES: Final = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_LEAVES: Final = (ast.Assign, ast.AnnAssign, ast.Expr, *_SHAPES)


@dataclass(slots=True)
class Names:
    """The names of one module.

    Attributes:
        imports: what a name was imported as, once for each import.
        values: expressions that are assigned to a name.
        classes: classes of the module's top level, branches included.
        others: names bound in a way that is not followed: loops, ``with``, functions, ``del``, ``global``.
        stars: modules of which everything is imported.
    """

    imports: dict[str, list[str]] = field(default_factory=dict)
    values: dict[str, list[ast.expr]] = field(default_factory=dict)
    classes: dict[str, list[ast.ClassDef]] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)
    stars: list[str] = field(default_factory=list)
    _meanings: dict[str, str | None] = field(default_factory=dict)

    @classmethod
    def of(cls, module: ast.Module) -> Names:
        """Read a module's top level."""
        names = cls()
        for statement in statements(module.body):
            names._bind(statement)
        return names

    def meaning(self, node: ast.expr) -> str | None:
        """What an expression names: ``Field``, ``list``, ``timedelta``, ``somewhere.thing``; None if nothing known."""
        if isinstance(node, ast.Name):
            if node.id not in self._meanings:
                self._meanings[node.id] = self._meaning_of_name(node.id)
            return self._meanings[node.id]
        if isinstance(node, ast.Attribute):
            owner = self._dotted(node.value)
            return None if owner is None else _canonical(f"{owner}.{node.attr}")
        return None

    def value(self, name: str) -> ast.expr:
        """The expression that a constant of the module stands for.

        Raises:
            Unknown: it is not bound exactly once.
        """
        found = self.values.get(name, [])
        if len(found) != 1 or name in self.others or name in self.imports or name in self.classes:
            raise Unknown(f"{name} is not a constant of this file")
        return found[0]

    def own_class(self, node: ast.expr) -> ast.ClassDef | None:
        """The class of this module's top level that an expression names."""
        if not isinstance(node, ast.Name):
            return None
        found = self.classes.get(node.id, [])
        bound_otherwise = node.id in self.imports or node.id in self.values or node.id in self.others
        return found[0] if len(found) == 1 and not bound_otherwise else None

    def _meaning_of_name(self, name: str) -> str | None:
        if name in self.values or name in self.classes or name in self.others:
            return None
        if name in self.imports:
            meanings = {_canonical(dotted) for dotted in self.imports[name]}
            return meanings.pop() if len(meanings) == 1 else None
        if name in _BUILTINS:
            return name if all(_is_familiar(star) for star in self.stars) else None
        return name if self.stars and all(_is_familiar(star) for star in self.stars) else None

    def _dotted(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Attribute):
            owner = self._dotted(node.value)
            return None if owner is None else f"{owner}.{node.attr}"
        if isinstance(node, ast.Name) and node.id not in self.values and node.id not in self.others:
            return next(iter(self.imports.get(node.id, [])), None)
        return None

    def _bind(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Import():
                for each in statement.names:
                    top = each.name.partition(".")[0]
                    self.imports.setdefault(each.asname or top, []).append(each.name if each.asname else top)
            case ast.ImportFrom():
                self._bind_from(statement)
            case ast.ClassDef():
                self.classes.setdefault(statement.name, []).append(statement)
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                self.values.setdefault(name, []).append(value)
            case _:
                self.others |= bound(statement)

    def _bind_from(self, statement: ast.ImportFrom) -> None:
        source = "." * statement.level + (statement.module or "")
        for each in statement.names:
            if each.name == "*":
                self.stars.append(source)
            else:
                self.imports.setdefault(each.asname or each.name, []).append(f"{source}.{each.name}")


def statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a body and of its branches, not those of functions and classes."""
    for statement in body:
        yield statement
        if isinstance(statement, _LEAVES):
            continue
        for _, inner in ast.iter_fields(statement):
            if isinstance(inner, list):
                yield from statements(each for each in inner if isinstance(each, ast.stmt))
                for part in inner:
                    if isinstance(part, ast.ExceptHandler | ast.match_case):
                        yield from statements(part.body)


def bound(statement: ast.stmt) -> set[str]:
    """The names that a statement binds by itself, without those of its branches."""
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return {statement.target.id}
    if isinstance(statement, _SHAPES):
        return {statement.name}
    found = set(statement.names) if isinstance(statement, ast.Global) else set[str]()
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {each.asname or each.name.partition(".")[0] for each in statement.names}
    for _, part in ast.iter_fields(statement):
        for node in part if isinstance(part, list) else [part]:
            if isinstance(node, ast.expr | ast.withitem):
                found |= {
                    each.id for each in ast.walk(node) if isinstance(each, ast.Name) and type(each.ctx) is not ast.Load
                }
    return found


def _canonical(dotted: str) -> str:
    return dotted.rpartition(".")[2] if _is_familiar(dotted) else dotted


def _is_familiar(dotted: str) -> bool:
    return dotted.partition(".")[0] in _FAMILIAR
