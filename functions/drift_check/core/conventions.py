"""``model_config``: which variables a class reads, and how.

Only what changes the comparison is read. A setting of it that is not a literal is no default: it is unknown.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ConfigDict

from functions.drift_check.core.literals import Literals
from functions.drift_check.core.unknowns import CannotTell, Unknown

_READ: Final = {
    "case_sensitive": False,
    "enable_decoding": True,
    "env_ignore_empty": False,
    "env_nested_delimiter": None,
    "env_parse_none_str": None,
    "env_prefix": "",
    "env_prefix_target": "variable",
    "populate_by_name": False,
    "validate_by_alias": True,
    "validate_by_name": False,
    **dict.fromkeys(("str_strip_whitespace", "str_to_lower", "str_to_upper", "coerce_numbers_to_str"), False),
}
_PARSING: Final = ("str_strip_whitespace", "str_to_lower", "str_to_upper", "coerce_numbers_to_str")
_CONFIGS: Final = frozenset({"SettingsConfigDict", "ConfigDict", "dict"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Conventions:
    """How a class reads its variables; the names are those of pydantic-settings."""

    env_prefix: str
    alias_prefix: str
    case_sensitive: bool
    by_alias: bool
    by_name: bool
    ignore_empty: bool
    none_text: str | None
    nested_delimiter: str | None
    decode: bool
    parsing: ConfigDict

    def spelled(self, key: str) -> str:
        """A variable's name as it is looked up."""
        return key if self.case_sensitive else key.lower()


def conventions(members: Sequence[ast.ClassDef], literals: Literals, env_prefix: str | None) -> Conventions:
    """Read the configuration of a class and its bases.

    Args:
        members: the class first.
        literals: reads values.
        env_prefix: stands in for the class's own.

    Raises:
        CannotTell: a part that matters is made when the code runs.
    """
    given = {name: value for member in reversed(members) for name, value in _settings(member, literals)}
    if env_prefix is not None:
        given["env_prefix"] = ast.Constant(env_prefix)
    generator = given.pop("alias_generator", None)
    if generator is not None and not (isinstance(generator, ast.Constant) and generator.value is None):
        raise CannotTell("The class makes its aliases by a function; without running it, its variables are unknown.")
    known = {name: _value(name, given.get(name), default, literals) for name, default in _READ.items()}
    target = known["env_prefix_target"]
    return Conventions(
        env_prefix=known["env_prefix"] if target in ("variable", "all") else "",
        alias_prefix=known["env_prefix"] if target in ("alias", "all") else "",
        case_sensitive=bool(known["case_sensitive"]),
        by_alias=bool(known["validate_by_alias"]),
        by_name=bool(known["populate_by_name"] or known["validate_by_name"]),
        ignore_empty=bool(known["env_ignore_empty"]),
        none_text=known["env_parse_none_str"],
        nested_delimiter=known["env_nested_delimiter"] or None,
        decode=bool(known["enable_decoding"]),
        parsing=ConfigDict(**{name: True for name in _PARSING if known[name]}),  # type: ignore[typeddict-item]
    )


def _settings(member: ast.ClassDef, literals: Literals) -> Iterator[tuple[str, ast.expr]]:
    """What a class says in its head, in ``model_config`` and in an inner ``Config``."""
    for statement in member.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id="model_config")], value=value)
                | ast.AnnAssign(target=ast.Name(id="model_config"), value=ast.expr() as value)
            ):
                yield from _entries(value, literals)
            case ast.ClassDef(name="Config", body=body):
                for each in body:
                    if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
                        yield each.targets[0].id, each.value
            case _:
                continue
    for keyword in member.keywords:
        if keyword.arg is not None:
            yield keyword.arg, keyword.value


def _entries(value: ast.expr, literals: Literals) -> Iterator[tuple[str, ast.expr]]:
    match value:
        case ast.Call(func=func, args=[], keywords=keywords) if literals.names.meaning(func) in _CONFIGS:
            pairs = [(each.arg, each.value) for each in keywords]
        case ast.Dict(keys=keys, values=values):
            pairs = [
                (str(each.value) if isinstance(each, ast.Constant) else None, item)
                for each, item in zip(keys, values, strict=True)
            ]
        case _:
            pairs = [(None, value)]
    for name, item in pairs:
        if name is None:
            raise CannotTell("The class's model_config is made when the code runs; write SettingsConfigDict(...).")
        yield name, item


def _value(name: str, node: ast.expr | None, default: Any, literals: Literals) -> Any:
    if node is None:
        return default
    try:
        value = literals.value(node)
    except Unknown:
        raise CannotTell(f"{name} of the class is made when the code runs; write it as a literal.") from None
    expected = str if default is None or isinstance(default, str) else bool
    if not isinstance(value, expected) and value is not None:
        raise CannotTell(f"{name} of the class is not a {'text' if expected is str else 'truth value'}.")
    return value
