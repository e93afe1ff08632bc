"""The type of a field, read from its annotation: built from a list of known ones, and never looked up by name."""

from __future__ import annotations

import ast
import ipaddress
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath
from typing import Any, Final, Literal, Optional, Union
from uuid import UUID

import pydantic
from pydantic import SecretBytes, SecretStr

from functions.drift_check.core.enums import enum_of
from functions.drift_check.core.literals import Literals
from functions.drift_check.core.names import Names
from functions.drift_check.core.unknowns import Unknown

_PLAIN: Final[Mapping[str, Any]] = {
    **{kind.__name__: kind for kind in (bool, bytes, float, int, str, date, datetime, time, timedelta, Decimal, UUID)},
    **{name: getattr(ipaddress, name) for name in ("IPv4Address", "IPv6Address", "IPv4Network", "IPv6Network")},
    **dict.fromkeys(("Path", "PosixPath", "PurePath", "PurePosixPath", "FilePath", "DirectoryPath"), PurePosixPath),
    **dict.fromkeys(("PositiveInt", "NegativeInt", "NonNegativeInt", "NonPositiveInt", "conint"), int),
    **dict.fromkeys(("PositiveFloat", "NegativeFloat", "NonNegativeFloat", "NonPositiveFloat", "confloat"), float),
    "Any": Any,
    "EmailStr": str,
    "NewPath": PurePosixPath,
    "SecretBytes": SecretBytes,
    "SecretStr": SecretStr,
    "condecimal": Decimal,
    "object": Any,
}
_GENERIC: Final[Mapping[str, Any]] = {
    **{kind.__name__: kind for kind in (dict, frozenset, list, set, tuple, deque)},
    "Dict": dict,
    "FrozenSet": frozenset,
    "List": list,
    "Mapping": Mapping,
    "MutableMapping": dict,
    "Sequence": Sequence,
    "Set": set,
    "Tuple": tuple,
}
# pydantic loads these on demand, and so do we.
_NETWORK: Final = frozenset(
    {"AmqpDsn", "AnyHttpUrl", "AnyUrl", "AnyWebsocketUrl", "ByteSize", "ClickHouseDsn", "CockroachDsn", "FileUrl"}
    | {"FtpUrl", "HttpUrl", "IPvAnyAddress", "IPvAnyInterface", "IPvAnyNetwork", "KafkaDsn", "MariaDBDsn", "MongoDsn"}
    | {"MySQLDsn", "NatsDsn", "PostgresDsn", "RedisDsn", "WebsocketUrl"}
)
_DEPTH: Final = 20
# What may stand beside the type in Annotated and leaves the value as it is.
_HARMLESS: Final = frozenset(
    {"Doc", "Field", "Ge", "Gt", "Interval", "Le", "Len", "Lt", "MaxLen", "MinLen", "MultipleOf", "ForceDecode"}
)


@dataclass(frozen=True, slots=True)
class Annotation:
    """A field's type; ``type`` is None when it is not known, for the reason ``why``.

    Attributes:
        fields: calls of ``Field`` beside the type.
        before: something changes the text before it is parsed.
        after: something may change the value after it is parsed.
        decode: whether JSON is read as such.
    """

    type: Any
    why: str = ""
    fields: tuple[ast.Call, ...] = ()
    before: bool = False
    after: bool = False
    decode: bool = True


class Types:
    """Reads annotations of one module.

    Args:
        names: what its names mean.
        literals: reads ``Literal[...]`` and the members of enumerations.
    """

    def __init__(self, names: Names, literals: Literals) -> None:
        self.names = names
        self._literals = literals
        self._enums: dict[str, type[Enum] | None] = {}
        self._spelled: dict[Any, Annotation] = {}

    def annotation(self, node: ast.expr) -> Annotation:
        """Read what stands behind the colon."""
        key = _spelling(node)
        if key is None:
            return self._annotation(node)
        if key not in self._spelled:
            self._spelled[key] = Annotation(None, "its type names itself")
            self._spelled[key] = self._annotation(node)
        return self._spelled[key]

    def enum(self, node: ast.expr) -> type[Enum] | None:
        """The enumeration of this file that an expression names."""
        own = self.names.own_class(node)
        if own is None:
            return None
        if own.name not in self._enums:
            self._enums[own.name] = None  # for members that name their own class
            self._enums[own.name] = enum_of(own, self.names, self._literals)
        return self._enums[own.name]

    def _annotation(self, node: ast.expr) -> Annotation:
        node = self._unquoted(node)
        alias = self._alias(node)
        if alias is not None:
            return self.annotation(alias)
        if isinstance(node, ast.Subscript) and self.names.meaning(node.value) == "Annotated":
            return self._annotated(node)
        try:
            return Annotation(self._type(node, 0))
        except Unknown as unknown:
            return Annotation(None, str(unknown))

    def _annotated(self, node: ast.Subscript) -> Annotation:
        if not isinstance(node.slice, ast.Tuple) or not node.slice.elts:
            return Annotation(None, "its Annotated has nothing in it")
        inner, *beside = node.slice.elts
        found = self.annotation(inner)
        fields, before, after, decode = list(found.fields), found.before, found.after, found.decode
        for each in beside:
            call = each.func if isinstance(each, ast.Call) else each
            name = (self.names.meaning(call) or "?").rpartition(".")[2]
            if name == "Field" and isinstance(each, ast.Call):
                fields.append(each)
            elif name == "NoDecode":
                decode = False
            elif name == "AfterValidator":
                after = True
            elif name not in _HARMLESS and not isinstance(each, ast.Constant):
                before = True
        return Annotation(found.type, found.why, tuple(fields), before, after, decode)

    def _alias(self, node: ast.expr) -> ast.expr | None:
        """What a name stands for that the module gives to a type: ``Seconds = Annotated[float, Field(gt=0)]``."""
        if type(node) is not ast.Name or self.names.meaning(node) is not None or self.names.own_class(node):
            return None
        try:
            value = self.names.value(node.id)
        except Unknown:
            return None
        return value if isinstance(value, ast.Subscript | ast.BinOp | ast.Name) and value is not node else None

    def _unquoted(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                return ast.parse(node.value.strip(), mode="eval").body
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return node
        return node

    def _type(self, node: ast.expr, depth: int) -> Any:
        node = self._unquoted(node)
        if depth > _DEPTH:
            raise Unknown("its type is nested too deeply")
        match node:
            case ast.Constant(value=None):
                return None
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return Union[self._type(left, depth + 1), self._type(right, depth + 1)]  # noqa: UP007 - made here
            case ast.Subscript():
                return self._subscript(node, depth + 1)
            case ast.Call():
                return self._constrained(node)
            case _:
                return self._named(node, depth)

    def _named(self, node: ast.expr, depth: int) -> Any:
        alias = self._alias(node)
        if alias is not None:
            return self._type(alias, depth + 1)
        name = self.names.meaning(node) or ""
        found = self.enum(node) or _PLAIN.get(name) or _GENERIC.get(name)
        if found is not None:
            return found
        if name in _NETWORK:
            return getattr(pydantic, name)
        raise Unknown(f"its type {ast.unparse(node)[:60]} is not known here")

    def _subscript(self, node: ast.Subscript, depth: int) -> Any:
        name = self.names.meaning(node.value) or ""
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if name == "Literal":
            return Literal[tuple(self._literals.value(each) for each in inner)]
        if name == "Annotated":
            found = self._annotated(node)
            if found.type is None or found.before or found.after or not found.decode:
                raise Unknown(found.why or "a part of its type has a validator")
            return found.type
        arguments = tuple(
            ... if isinstance(each, ast.Constant) and each.value is ... else self._type(each, depth) for each in inner
        )
        if name == "Optional" and len(arguments) == 1:
            return Optional[arguments[0]]  # noqa: UP045 - made here
        if name == "Union":
            return Union[arguments]  # noqa: UP007 - made here
        if name in _GENERIC:
            return _GENERIC[name][arguments]
        raise Unknown(f"its type {ast.unparse(node)[:60]} is not known here")

    def _constrained(self, node: ast.Call) -> Any:
        name = self.names.meaning(node.func)
        changes = {"strict", "strip_whitespace", "to_lower", "to_upper"} & {each.arg for each in node.keywords}
        if name == "constr" and not changes:
            return str
        if name in ("conint", "confloat", "condecimal") and not changes:
            return _PLAIN[name]
        raise Unknown("its type is made by a call")


def _spelling(node: ast.expr) -> Any:
    """Equal for types that are written alike, as most of a file are; None for what is not worth comparing."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Constant(value=value):
            return type(value), value
        case ast.Subscript(value=value, slice=inner):
            parts = [_spelling(value), _spelling(inner)]
        case ast.Tuple(elts=elements):
            parts = [_spelling(each) for each in elements]
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            parts = ["|", _spelling(left), _spelling(right)]
        case _:
            return None
    return None if None in parts else tuple(parts)
