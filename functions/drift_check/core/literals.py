"""The value of an expression, where reading tells it: literals, bounded arithmetic, constants, a few constructors.

Nothing is run but what is listed here, and each step is bounded: ``60 * 5`` is 300, ``9 ** 9 ** 9`` stays unknown.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sized
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any, Final
from uuid import UUID

from pydantic import SecretBytes, SecretStr

from functions.drift_check.core.names import Names
from functions.drift_check.core.unknowns import Unknown

_DEPTH: Final = 60
_BITS: Final = 256
_LENGTH: Final = 65_536
# Of a whole file: a mebibyte of source has fewer literals, and constants made of constants could double for ever.
_STEPS: Final = 500_000

_CONSTRUCTORS: Final[Mapping[str, Callable[..., Any]]] = {
    "bool": bool,
    "bytes": bytes,
    "date": date,
    "datetime": datetime,
    "Decimal": Decimal,
    "dict": dict,
    "float": float,
    "frozenset": frozenset,
    "int": int,
    "list": list,
    "Path": PurePosixPath,
    "PosixPath": PurePosixPath,
    "PurePath": PurePosixPath,
    "SecretBytes": SecretBytes,
    "SecretStr": SecretStr,
    "set": set,
    "str": str,
    "time": time,
    "timedelta": timedelta,
    "tuple": tuple,
    "UUID": UUID,
}
EMPTY_FACTORIES: Final = frozenset(
    {"bool", "bytes", "dict", "float", "frozenset", "int", "list", "set", "str", "tuple"}
)
"""Types that ``default_factory`` may name: called without arguments they give their empty value."""

_BINARY: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor,
}
_UNARY: Final[Mapping[type[ast.unaryop], Callable[[Any], Any]]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
    ast.Not: operator.not_,
}


class Literals:
    """Reads expressions of one module.

    Args:
        names: what its names mean.
        local: names that the body around the expression binds itself; they are not followed.
        members: reads ``Mode.FAST`` of an enumeration in the same file; raises Unknown.
    """

    def __init__(self, names: Names, members: Callable[[ast.expr], Any]) -> None:
        self.names = names
        self._members = members
        self.local: frozenset[str] | set[str] = frozenset()
        self._steps = _STEPS

    def value(self, node: ast.expr, depth: int = 0) -> Any:
        """The value of an expression.

        Raises:
            Unknown: only running the code would tell.
        """
        if isinstance(node, ast.Constant) and node.value is not ...:
            return node.value
        self._spend(1)
        if depth > _DEPTH:
            raise Unknown("it is nested too deeply")
        read = _READERS.get(type(node))
        if read is None:
            raise Unknown("it is computed when the code runs")
        try:
            return read(self, node, depth + 1)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise Unknown(f"it cannot be computed here ({type(error).__name__})") from None

    def _spend(self, steps: int) -> None:
        self._steps -= steps
        if self._steps < 0:
            raise Unknown("the file has too many computed values")

    def _items(self, node: Any, depth: int) -> Any:
        self._spend(len(node.elts))
        items = [self.value(each, depth) for each in node.elts]
        return {ast.List: list, ast.Tuple: tuple, ast.Set: set}[type(node)](items)

    def _dict(self, node: ast.Dict, depth: int) -> Any:
        if None in node.keys:
            raise Unknown("it unpacks another value")
        pairs = zip(node.keys, node.values, strict=True)
        return {self.value(key, depth): self.value(value, depth) for key, value in pairs if key is not None}

    def _unary(self, node: ast.UnaryOp, depth: int) -> Any:
        return _UNARY[type(node.op)](self.value(node.operand, depth))

    def _binary(self, node: ast.BinOp, depth: int) -> Any:
        left, right = self.value(node.left, depth), self.value(node.right, depth)
        if not _is_small(node.op, left, right):
            raise Unknown("the arithmetic is too large to be done here")
        result = _BINARY[type(node.op)](left, right)
        self._spend(len(result) if isinstance(result, Sized) else 1)
        return result

    def _name(self, node: ast.Name, depth: int) -> Any:
        if node.id in self.local:
            raise Unknown(f"{node.id} is bound in the class itself")
        return self.value(self.names.value(node.id), depth)

    def _attribute(self, node: ast.Attribute, _depth: int) -> Any:
        return self._members(node)

    def _text(self, node: ast.JoinedStr, depth: int) -> Any:
        return "".join(self.value(each, depth) for each in node.values)

    def _call(self, node: ast.Call, depth: int) -> Any:
        name = None if isinstance(node.func, ast.Name) and node.func.id in self.local else self.names.meaning(node.func)
        make = _CONSTRUCTORS.get(name or "")
        if make is None:
            raise Unknown("it is what a call returns")
        if any(isinstance(each, ast.Starred) for each in node.args) or any(each.arg is None for each in node.keywords):
            raise Unknown("it unpacks another value")
        given = [self.value(each, depth) for each in node.args]
        named = {each.arg: self.value(each.value, depth) for each in node.keywords if each.arg is not None}
        if make in (int, bytes) and not all(isinstance(each, str | float | list) for each in given):
            raise Unknown("it is what a call returns")  # bytes(10**9), int(Decimal("1e999999999"))
        return make(*given, **named)


_READERS: Final[Mapping[type[ast.expr], Callable[[Literals, Any, int], Any]]] = {
    ast.List: Literals._items,  # noqa: SLF001 - the table of this class
    ast.Tuple: Literals._items,  # noqa: SLF001
    ast.Set: Literals._items,  # noqa: SLF001
    ast.Dict: Literals._dict,  # noqa: SLF001
    ast.UnaryOp: Literals._unary,  # noqa: SLF001
    ast.BinOp: Literals._binary,  # noqa: SLF001
    ast.Name: Literals._name,  # noqa: SLF001
    ast.Attribute: Literals._attribute,  # noqa: SLF001
    ast.JoinedStr: Literals._text,  # noqa: SLF001
    ast.Call: Literals._call,  # noqa: SLF001
}


def _is_small(sign: ast.operator, left: Any, right: Any) -> bool:
    """Whether the result has a bounded size; texts and lists of scalars may be joined and repeated."""
    if isinstance(left, int | float) and isinstance(right, int | float):
        return _is_small_number(sign, left, right)
    if isinstance(sign, ast.Mult):
        times, many = (left, right) if isinstance(left, int) else (right, left)
        if isinstance(times, int) and isinstance(many, str | bytes | list | tuple):
            flat = isinstance(many, str | bytes) or not any(isinstance(each, Sized) for each in many)
            return flat and len(many) * times <= _LENGTH
    if isinstance(sign, ast.Add) and isinstance(left, Sized) and isinstance(right, Sized):
        return len(left) + len(right) <= _LENGTH
    # Of a text, % is formatting, whose width is unbounded.
    return not isinstance(sign, ast.Pow) and not (isinstance(sign, ast.Mod) and isinstance(left, str | bytes))


def _is_small_number(sign: ast.operator, left: float, right: float) -> bool:
    if isinstance(sign, ast.Pow):
        return abs(right) <= _BITS and _bits(left) * max(1, abs(right)) <= _BITS
    if isinstance(sign, ast.LShift):
        return isinstance(right, int) and 0 <= right <= _BITS and _bits(left) + right <= _BITS
    return _bits(left) + _bits(right) <= _BITS


def _bits(number: float) -> int:
    return number.bit_length() if isinstance(number, int) else 64
