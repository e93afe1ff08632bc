"""Enumerations of the file itself, made anew from their members."""

from __future__ import annotations

import ast
import enum
from collections.abc import Mapping
from typing import Any, Final, cast

from functions.drift_check.core.literals import Literals
from functions.drift_check.core.names import Names
from functions.drift_check.core.unknowns import Unknown

_MIXED: Final = 2
_BASES: Final[Mapping[str, type[enum.Enum]]] = {"Enum": enum.Enum, "IntEnum": enum.IntEnum, "StrEnum": enum.StrEnum}
_MIXED_IN: Final[Mapping[str, type]] = {"str": str, "int": int, "float": float}


def enum_of(node: ast.ClassDef, names: Names, literals: Literals) -> type[enum.Enum] | None:
    """The enumeration that a class is; None when it is none, or does more than list its members."""
    base, mixed_in = _base(node, names)
    if base is None or node.decorator_list or node.keywords:
        return None
    members: list[tuple[str, Any]] = []
    for statement in node.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                if name.startswith("_"):
                    return None
                try:
                    members.append((name, _member(value, names, literals)))
                except Unknown:
                    return None
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                pass
            case ast.FunctionDef(name=name) if not name.startswith("_"):
                pass
            case _:
                return None  # __new__, _missing_ and the like change what a value means
    return _made(base, mixed_in, node.name, members)


def _base(node: ast.ClassDef, names: Names) -> tuple[type[enum.Enum] | None, type | None]:
    meanings = [names.meaning(each) or "" for each in node.bases]
    if len(meanings) == 1:
        return _BASES.get(meanings[0]), None
    if len(meanings) == _MIXED and meanings[1] == "Enum" and meanings[0] in _MIXED_IN:
        return enum.Enum, _MIXED_IN[meanings[0]]
    return None, None


def _member(value: ast.expr, names: Names, literals: Literals) -> Any:
    if isinstance(value, ast.Call) and names.meaning(value.func) == "auto" and not value.args:
        return enum.auto()
    return literals.value(value)


def _made(
    base: type[enum.Enum], mixed_in: type | None, name: str, members: list[tuple[str, Any]]
) -> type[enum.Enum] | None:
    make: Any = base  # its functional form depends on the base
    try:
        return cast("type[enum.Enum]", make(name, members, type=mixed_in) if mixed_in else make(name, members))
    except (TypeError, ValueError):
        return None
