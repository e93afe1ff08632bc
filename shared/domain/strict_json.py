"""JSON from strangers, read fast and without surprises.

What a lenient parser accepts becomes a fault further in: PostgreSQL refuses NUL and lone surrogates, a duplicate key
means two things to two readers, NaN is not JSON, and ``int()`` of a thousand digits or an array 100,000 levels deep
is an attack. All of it is refused here, once, with a sentence that repeats nothing of the body.

The good path is one pass of the standard library's decoder. The number of opening brackets bounds the depth and the
length bounds the number of values, and most bodies stay under the limits by those alone. Only when they do not is the
text reduced to its brackets and commas, which gives both figures exactly, before anything is parsed: the decoder never
recurses deeper than the limit. Bad code points can only come from escapes (raw ones are refused by the UTF-8 codec and
the decoder), so strings are looked at only when such an escape is there.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any, Final

from shared.domain.errors import Malformed, Unprocessable

_MAX_DIGITS: Final = 19  # a PostgreSQL bigint has no more
_MAX_NUMBER: Final = 400  # characters; a double prints in 25, and a million of them would be converted slowly

# The closing quote is optional so that a string that never ends is consumed once, not once per quote in it.
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_WHITESPACE: Final = b" \t\r\n"
_PARENTHESES: Final = bytes.maketrans(b"[{]}", b"(())")
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[{]}"))
# NUL or a surrogate, perhaps one half of a proper pair: the strings themselves tell.
_BAD_ESCAPE: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_BAD_CHARACTER: Final = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class JsonLimits:
    """How large a document may be.

    Attributes:
        depth: containers inside each other; ``[]`` is one deep.
        nodes: values of any kind, containers included; keys are not counted.
    """

    depth: int = 32
    nodes: int = 10_000


DEFAULT: Final = JsonLimits()
"""For a whole document."""

EVENT_DATA: Final = JsonLimits(depth=DEFAULT.depth - 1, nodes=DEFAULT.nodes - 100)
"""For data that comes without its event: it must still fit into one document with the attributes."""


def loads(body: bytes, limits: JsonLimits = DEFAULT) -> Any:
    """The JSON value in ``body``.

    Raises:
        Malformed: it is not UTF-8, not JSON, or JSON that two readers would understand differently.
        Unprocessable: it is deeper or has more values than ``limits`` allow.
    """
    # A value takes at least one character, and another one keeps it from the next.
    if body.count(b"[") + body.count(b"{") > limits.depth or len(body) >= 2 * limits.nodes:
        _check_size(body, limits)
    try:
        text = body.decode("utf-8")
        problem, value = None, _DECODER.decode(text)
    except UnicodeDecodeError as error:
        problem = f"the body is not UTF-8: byte {error.start + 1} is wrong"
    except json.JSONDecodeError as error:
        problem = f"the body is not valid JSON: see line {error.lineno}, column {error.colno}"
    if problem is not None:
        raise Malformed(problem)  # outside the handlers: those errors carry the whole body with them
    if _BAD_ESCAPE.search(body):
        _check_strings(value)
    return value


def count_nodes(value: Any) -> int:
    """How many values there are in a parsed document, counted as ``JsonLimits.nodes`` counts them."""
    if isinstance(value, dict):
        return 1 + sum(map(count_nodes, value.values()))
    if isinstance(value, list):
        return 1 + sum(map(count_nodes, value))
    return 1


def _check_size(body: bytes, limits: JsonLimits) -> None:
    """Refuse a body that is too deep or too large, without parsing it."""
    skeleton = _STRING.sub(b"0", body).translate(None, _WHITESPACE)
    # Every value but the outermost follows a comma or opens a container that is not empty.
    openings = skeleton.count(b"[") + skeleton.count(b"{")
    empty = skeleton.count(b"[]") + skeleton.count(b"{}")
    if 1 + skeleton.count(b",") + openings - empty > limits.nodes:
        raise Unprocessable(f"the JSON has more than {limits.nodes} values; send less at once")
    brackets = skeleton.translate(_PARENTHESES, _NOT_BRACKETS)
    is_balanced = len(brackets) == 2 * openings
    for _ in range(limits.depth if is_balanced else 0):  # each round takes the innermost level away
        brackets = brackets.replace(b"()", b"")
    if is_balanced and b"()" in brackets:
        raise Unprocessable(f"the JSON is nested more than {limits.depth} levels deep")
    if brackets:
        raise Malformed("the body is not valid JSON: its brackets do not match")


def _check_strings(value: Any) -> None:
    if isinstance(value, str):
        if _BAD_CHARACTER.search(value):
            raise Malformed("a string in the JSON holds NUL or half of a surrogate pair")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_strings(key)
            _check_strings(item)
    elif isinstance(value, list):
        for item in value:
            _check_strings(item)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise Malformed("an object in the JSON has the same key twice")
    return unique


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS + (digits[0] == "-"):
        raise Malformed(f"an integer in the JSON has more than {_MAX_DIGITS} digits")
    return int(digits)


def _float(text: str) -> float:
    number = float(text) if len(text) <= _MAX_NUMBER else math.inf
    if not math.isfinite(number):
        raise Malformed("a number in the JSON is too large or too long")
    return number


def _constant(_: str) -> Any:
    raise Malformed("the JSON holds NaN or Infinity, which are not JSON")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
)
