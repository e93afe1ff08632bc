"""Good documents, spoiled: data that breaks its model, and JSON that is none.

A model decides what breaks it: a change that it lets pass is thrown away and another one made. What is done to the
text needs no judge, because no reader of RFC 8259 takes it; a byte that is only altered is judged by the standard
library's decoder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from random import Random
from typing import Any, Final

from pydantic import ValidationError

from tests.fuzz.requests import CANARY, CONTRACT, LARGE, MALFORMED

Text = Callable[[Random, Any], bytes]

_POKE: Final = "@@poke@@"
_ATTEMPTS: Final = 200
_FITS: Final = 900_000  # bytes; more would be refused for its size
_SCALARS: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 7, 1.5, -0.1, 10**18, 1e300),
    *("", " ", CANARY, f" {CANARY}", f"{CANARY}\n", f"{CANARY}\r\nx: y", f"\u202e{CANARY}", "\u00e9", "\U0001f4a3"),
    *("now", "2026-01-31", "2026-01-31T12:00:00", "2026-13-45T99:99:99Z", "0001-01-01T00:00:00+14:00", "1769860800"),
    *("true", "0.5", "NaN", "null", "../../etc/passwd", "$(id)", "' OR 1=1 --", "{{7*7}}", "%00", "<b>"),
)
_LENGTHS: Final = (33, 65, 129, 201, 513, 16_385, 65_537)


def broken(chance: Random, good: Any, model: Any) -> Any:
    """The good data with one to three changes that ``model`` does not let pass."""
    for _ in range(_ATTEMPTS):
        data = deepcopy(good)
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            data = _changed(chance, data)
        try:
            model.model_validate(data)
        except ValidationError:
            if len(json.dumps(data)) < _FITS:
                return data
    raise LookupError(f"{model.__name__} lets everything pass")


def _changed(chance: Random, data: Any) -> Any:
    places = list(_places(data))
    if not places or chance.random() < 0.02:
        return chance.choice([None, True, 7, CANARY, [CANARY], [], {}, {CANARY: CANARY}])
    container, key = chance.choice(places)
    value = container[key]
    match chance.randrange(7):
        case 0:
            del container[key]
        case 1:
            container[key] = chance.choice(_SCALARS)
        case 2:
            many = [value if isinstance(value, str) else CANARY] * 66
            container[key] = chance.choice([[value], {CANARY: value}, [], {}, [CANARY], {CANARY: CANARY}, many])
        case 3:
            container[key] = (CANARY * 3_500)[: chance.choice(_LENGTHS)]
        case 4 if isinstance(value, dict):
            value[chance.choice([CANARY, "", "__proto__", "__class__", "model_config", "\u00e9"])] = CANARY
        case 5 if isinstance(container, dict):
            container[chance.choice([key.upper(), f"{key} ", f"_{key}", CANARY])] = container.pop(key)
        case _:
            other, name = chance.choice(places)
            container[key] = deepcopy(other[name])
    return data


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Everything inside of a value, as its container and its key there."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield value, key
        yield from _places(inner)


def _poked(*raw: bytes) -> Text:
    """Some value somewhere is replaced by text that is no JSON."""

    def make(chance: Random, document: Any) -> bytes:
        container, key = chance.choice(list(_places(document)))
        container[key] = _POKE
        return json.dumps(document).encode().replace(f'"{_POKE}"'.encode(), chance.choice(raw))

    return make


def _repeated_key(chance: Random, document: Any) -> bytes:
    """Some object somewhere has one of its keys twice."""
    container, key = chance.choice([place for place in _places(document) if isinstance(place[0], dict)])
    container[_POKE] = CANARY
    return json.dumps(document).encode().replace(f'"{_POKE}"'.encode(), json.dumps(key).encode())


def _altered(chance: Random, document: Any) -> bytes:
    """A byte is lost, added or another one."""
    good = json.dumps(document).encode()
    while True:
        place = chance.randrange(len(good))
        middle = chance.choice([b"", good[place : place + 1] + chance.randbytes(1), chance.randbytes(1)])
        text = good[:place] + middle + good[place + 1 :]
        try:
            json.loads(text.decode())
        except ValueError:
            return text


def _nested(opening: bytes, closing: bytes) -> Text:
    def make(chance: Random, document: Any) -> bytes:
        depth = chance.randrange(40, 400)
        return _poked(opening * depth + b"1" + closing * depth)(chance, document)

    return make


def _good(document: Any) -> bytes:
    return json.dumps(document).encode()


def _digits(chance: Random, document: Any) -> bytes:
    return _poked(str(10 ** chance.randrange(19, 390) * chance.choice((1, -1))).encode())(chance, document)


TEXTS: Final[dict[str, tuple[Text, tuple[int, ...]]]] = {
    "truncated": (lambda c, d: _good(d)[: c.randrange(1, len(_good(d)))], (MALFORMED,)),
    "trailing": (lambda c, d: _good(d) + c.choice([CANARY.encode(), b"{}", b"]", b"\0"]), (MALFORMED,)),
    "random bytes": (lambda c, _: c.randbytes(c.randrange(1, 400)) + CANARY.encode(), (MALFORMED,)),
    "an altered byte": (_altered, (MALFORMED,)),
    "byte order mark": (lambda _, d: b"\xef\xbb\xbf" + _good(d), (MALFORMED,)),
    "UTF-16": (lambda _, d: json.dumps(d).encode("utf-16"), (MALFORMED,)),
    "not UTF-8": (
        _poked(b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"\xf5\x80\x80\x80"', b'"\xe2\x82"'),
        (MALFORMED,),
    ),
    "repeated key": (_repeated_key, (MALFORMED,)),
    "NaN": (_poked(b"NaN", b"-NaN"), (MALFORMED,)),
    "infinity": (_poked(b"Infinity", b"-Infinity"), (MALFORMED,)),
    "overflowing number": (_poked(b"1e999", b"-1e400", b"1" * 400 + b".0", b"0." + b"1" * 100_000), (MALFORMED,)),
    "long integer": (_digits, (MALFORMED,)),
    "very long integer": (_poked(b"9" * 5_000, b"-" + b"9" * 100_000), (MALFORMED,)),
    "number of another kind": (_poked(b"0x10", b"01", b"+1", b".5", b"1.", b"1_000", b"1e"), (MALFORMED,)),
    "NUL": (_poked(b'"%s\\u0000"' % CANARY.encode(), b'{"a\\u0000": 1}'), (MALFORMED,)),
    "raw control character": (_poked(b'"a\0b"', b'"a\nb"', b'"a\x1b[31mb"'), (MALFORMED,)),
    "half of a surrogate": (_poked(b'"\\ud800"', b'"\\udc00\\ud800"', b'"a\\uDFFF"', b'{"\\ud83d": 1}'), (MALFORMED,)),
    "bad escape": (_poked(b'"\\x41"', b'"\\u12"', b'"\\"', b'"\\u{41}"'), (MALFORMED,)),
    "another language": (
        _poked(b"'a'", b"undefined", b"/* */ 1", b"[1,]", b'{"a":1,}', b"{a: 1}", b"True"),
        (MALFORMED,),
    ),
    "deep arrays": (_nested(b"[", b"]"), (CONTRACT,)),
    "deep objects": (_nested(b'{"a":', b"}"), (CONTRACT,)),
    "very deep": (lambda c, _: c.choice([b"[", b'{"a":', b"[[]"]) * 100_000, (MALFORMED, CONTRACT)),
    "many values": (_poked(b"[" + b"0," * 20_000 + b"0]", b"[" + b"[]," * 10_000 + b"0]"), (CONTRACT,)),
    "not an object": (
        lambda c, _: c.choice([b"[]", b"1", b'"%s"' % CANARY.encode(), b"null", b"true"]),
        (MALFORMED, CONTRACT),
    ),
    "white space": (lambda c, _: c.choice([b" ", b"\n\n", b"\t"]), (MALFORMED,)),
    "oversize": (lambda _, __: b'"' + CANARY.encode() * 60_000 + b'"', (LARGE,)),
}
"""Ways to make JSON that is refused, whatever it was going to say, and the statuses that are right for them."""
