"""What may change the values of a class's fields on their way in."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from functions.drift_check.core.names import Names

ALL_FIELDS: Final = "*"
_OF_FIELDS: Final = frozenset({"field_validator", "validator"})
_OF_MODELS: Final = frozenset({"model_validator", "root_validator"})


@dataclass(frozen=True, slots=True)
class Validators:
    """Validators of a class.

    Attributes:
        before: fields whose text is changed before it is parsed.
        after: fields whose value may be changed after.
        notes: what else may make the comparison wrong, as sentences.
    """

    before: frozenset[str]
    after: frozenset[str]
    notes: Sequence[str]

    def changes_text(self, name: str) -> bool:
        """Whether a field's text is not what is parsed."""
        return bool(self.before) and (name in self.before or ALL_FIELDS in self.before)

    def changes_value(self, name: str) -> bool:
        """Whether two values of a field may become one."""
        return bool(self.after) and (name in self.after or ALL_FIELDS in self.after)


def validators(members: Sequence[ast.ClassDef], names: Names) -> Validators:
    """Read the decorators of a class's methods, inherited ones included."""
    before, after, notes = set[str](), set[str](), list[str]()
    for member in members:
        for statement in member.body:
            if not isinstance(statement, ast.FunctionDef):
                continue
            if statement.name == "settings_customise_sources":
                notes.append("The class chooses its sources itself; that it reads the environment is assumed.")
            for decorator in statement.decorator_list:
                name = names.meaning(decorator.func if isinstance(decorator, ast.Call) else decorator)
                if name in _OF_FIELDS and isinstance(decorator, ast.Call):
                    (after if _is_after(decorator, name) else before).update(_fields(decorator))
                elif name in _OF_MODELS:
                    notes.append(f"{statement.name} sees all fields; that it changes none of them is assumed.")
    return Validators(frozenset(before), frozenset(after), notes)


def _is_after(decorator: ast.Call, name: str | None) -> bool:
    given = {each.arg: each.value for each in decorator.keywords}
    if name == "validator":
        return "pre" not in given
    mode = given.get("mode")
    return mode is None or (isinstance(mode, ast.Constant) and mode.value == "after")


def _fields(decorator: ast.Call) -> set[str]:
    """The fields that it is for; all of them when their names are computed."""
    named = [each.value if isinstance(each, ast.Constant) else ALL_FIELDS for each in decorator.args]
    return {str(each) for each in named} or {ALL_FIELDS}
