"""What a settings class declares: its fields, the variables each reads, its type and its default."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, NamedTuple

from functions.drift_check.core.classes import Family, family
from functions.drift_check.core.conventions import Conventions, conventions
from functions.drift_check.core.kinds import Kinds
from functions.drift_check.core.literals import EMPTY_FACTORIES, Literals
from functions.drift_check.core.names import Names, bound, statements
from functions.drift_check.core.types import Annotation, Types
from functions.drift_check.core.unknowns import CannotTell, Unknown
from functions.drift_check.core.validators import Validators, validators

LONGEST_SOURCE: Final = 1024 * 1024
"""Characters of a settings file that are read."""

_COMPUTED: Final = "its alias is made when the code runs"
_UNPACKED: Final = "its Field unpacks another value, perhaps an alias"


class Required(Enum):
    """The default of a field that has none."""

    REQUIRED = "required"


class Declared(NamedTuple):
    """One field.

    Attributes:
        name: of the field.
        keys: the variables it reads, the first one that is set counts; () when they are not known.
        default: its value, :class:`Required`, or :class:`Unknown` with the reason.
        annotation: its type.
        line: where it is, from 1.
        indirect: why a key that is set does not tell the value: a path into it, a name that is computed.
    """

    name: str
    keys: Sequence[str]
    default: Any
    annotation: Annotation
    line: int
    indirect: str = ""

    @property
    def may_read_any_key(self) -> bool:
        """Whether its alias is not known."""
        return self.indirect in (_COMPUTED, _UNPACKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A settings class.

    Attributes:
        path: its name, ``Outer.Settings`` for one inside of another.
        line: where it begins.
        fields: all of them, inherited ones included.
        conventions: how its variables are named.
        elsewhere: bases in other files: they may read any key.
        kinds: parses values.
        validators: what may change values.
    """

    path: str
    line: int
    fields: Sequence[Declared]
    conventions: Conventions
    elsewhere: Sequence[str]
    kinds: Kinds
    validators: Validators


def declaration(source: str, *, wanted: str | None = None, env_prefix: str | None = None) -> Declaration:
    """Read a settings class.

    Args:
        source: the text of its file.
        wanted: its name; None takes the only one there is.
        env_prefix: stands in for the class's own.

    Raises:
        CannotTell: this is no Python, has no such class or more than one, or hides how variables are named.
    """
    module = _parsed(source)
    names = Names.of(module)
    reader = _Reader(names)
    try:
        chosen = family(module, names, wanted)
        rules = conventions(chosen.members, reader.literals, env_prefix)
        fields = reader.fields(chosen, rules)
    except RecursionError:
        raise CannotTell("The settings are nested too deeply to be read.") from None
    return Declaration(
        path=chosen.path,
        line=chosen.line,
        fields=fields,
        conventions=rules,
        elsewhere=chosen.elsewhere,
        kinds=Kinds(rules.parsing),
        validators=validators(chosen.members, names),
    )


def _parsed(source: str) -> ast.Module:
    if len(source) > LONGEST_SOURCE:
        raise CannotTell(f"The settings are longer than {LONGEST_SOURCE} characters.")
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise CannotTell(f"The settings are not Python (line {error.lineno}).") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise CannotTell(f"The settings cannot be read as Python ({type(error).__name__}).") from None


@dataclass(slots=True)
class _Reader:
    """Reads the fields of one module."""

    names: Names
    literals: Literals = field(init=False)
    types: Types = field(init=False)

    def __post_init__(self) -> None:
        self.literals = Literals(self.names, self._member)
        self.types = Types(self.names, self.literals)

    def fields(self, chosen: Family, rules: Conventions) -> list[Declared]:
        """The fields of a class; one that is declared again stands where it was first."""
        found: dict[str, Declared] = {}
        for member in reversed(chosen.members):
            self.literals.local = _bound_in(member)
            for statement, branched in _annotated(member):
                declared = self._field(statement, rules)
                if declared is not None:
                    found[declared.name] = _if_it_is_reached(declared) if branched else declared
        return list(found.values())

    def _field(self, statement: ast.AnnAssign, rules: Conventions) -> Declared | None:
        target = statement.target
        if not isinstance(target, ast.Name) or target.id[0] == "_" or target.id == "model_config":
            return None
        if self._is_class_variable(statement.annotation):
            return None
        annotation = self.types.annotation(statement.annotation)
        calls = list(annotation.fields)
        value = statement.value
        if type(value) is ast.Call and self.names.meaning(value.func) == "Field":
            calls.append(value)
            value = None
        if not calls:
            keys: Sequence[str] = (rules.env_prefix + target.id,)
            return Declared(target.id, keys, self._default(value), annotation, statement.lineno)
        given = {name: item for call in calls for name, item in _arguments(call)}
        default = self._default(value) if value is not None else self._default_of(given)
        if "strict" in given or "*" in given or "discriminator" in given:
            annotation = Annotation(None, "its Field changes how it is parsed")
        keys, indirect = self._keys(target.id, given, rules)
        return Declared(target.id, keys, default, annotation, statement.lineno, indirect)

    def _default(self, value: ast.expr | None) -> Any:
        if value is None or (type(value) is ast.Constant and value.value is ...):
            return Required.REQUIRED
        if type(value) is ast.Constant:
            return value.value
        try:
            return self.literals.value(value)
        except Unknown as unknown:
            return unknown

    def _default_of(self, given: dict[str, ast.expr]) -> Any:
        """The default that ``Field(...)`` gives."""
        if "*" in given:
            return Unknown("its Field unpacks another value")
        factory = given.get("default_factory")
        if factory is None:
            return self._default(given.get("default"))
        if isinstance(factory, ast.Lambda) and not _takes_arguments(factory):
            return self._default(factory.body)
        if self.names.meaning(factory) in EMPTY_FACTORIES:
            return self._default(ast.Call(factory, [], []))
        return Unknown("its default is made by a function")

    def _keys(self, name: str, given: dict[str, ast.expr], rules: Conventions) -> tuple[Sequence[str], str]:
        """The variables of a field, and why their text is not its value."""
        by_name = rules.env_prefix + name
        alias = given.get("validation_alias", given.get("alias"))
        if "*" in given:
            return (by_name,), _UNPACKED
        if alias is None or (isinstance(alias, ast.Constant) and alias.value is None) or not rules.by_alias:
            return (by_name,), ""
        keys, indirect = list[str](), ""
        choices = alias.args if isinstance(alias, ast.Call) and self._calls(alias, "AliasChoices") else [alias]
        for choice in choices:
            path = choice.args if isinstance(choice, ast.Call) and self._calls(choice, "AliasPath") else [choice]
            try:
                keys.append(rules.alias_prefix + str(self.literals.value(path[0])))
            except (Unknown, IndexError):
                indirect = _COMPUTED
            if len(path) > 1:
                indirect = indirect or "its alias is a path into the value"
        return ([*keys, by_name] if rules.by_name else keys), indirect

    def _calls(self, node: ast.Call, name: str) -> bool:
        return self.names.meaning(node.func) == name

    def _is_class_variable(self, annotation: ast.expr) -> bool:
        text = annotation.value if isinstance(annotation, ast.Constant) else None
        if isinstance(text, str):
            return text.rpartition("ClassVar")[0].rpartition(".")[2] == "" and "ClassVar" in text
        bare = annotation.value if isinstance(annotation, ast.Subscript) else annotation
        return self.names.meaning(bare) == "ClassVar"

    def _member(self, node: ast.expr) -> Any:
        """``Mode.FAST`` or ``Mode.FAST.value``."""
        if isinstance(node, ast.Attribute):
            if node.attr in ("value", "name") and isinstance(node.value, ast.Attribute):
                return getattr(self._member(node.value), node.attr)
            enum = self.types.enum(node.value)
            if enum is not None and node.attr in enum.__members__:
                return enum[node.attr]
        raise Unknown("it is an attribute of something")


def _bound_in(member: ast.ClassDef) -> set[str]:
    return {name for statement in statements(member.body) for name in bound(statement)}


def _annotated(member: ast.ClassDef) -> Iterator[tuple[ast.AnnAssign, bool]]:
    """Fields, and whether a branch decides that they are there."""
    top = {id(statement) for statement in member.body}
    for statement in statements(member.body):
        if isinstance(statement, ast.AnnAssign):
            yield statement, id(statement) not in top


def _if_it_is_reached(declared: Declared) -> Declared:
    return declared._replace(default=Unknown("a branch decides whether it is declared so"))


def _arguments(call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    """What a call of ``Field`` is given, by name; ``*`` for what cannot be seen."""
    for position, value in enumerate(call.args):
        yield ("default" if position == 0 and not isinstance(value, ast.Starred) else "*"), value
    for each in call.keywords:
        yield each.arg or "*", each.value


def _takes_arguments(function: ast.Lambda) -> bool:
    given = function.args
    return bool(given.args or given.posonlyargs or given.kwonlyargs or given.vararg or given.kwarg)
