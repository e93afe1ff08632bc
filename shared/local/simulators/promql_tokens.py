"""The words of PromQL: tokens, strings and durations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_DURATION: Final = re.compile(r"([0-9]+)(ms|[smhdwy])")
_TOKEN: Final = re.compile(
    r"""[ \t\r\n]+ | \#[^\n]* |
    (?P<duration>(?:[0-9]+(?:ms|[smhdwy]))+(?![a-zA-Z0-9_])) |
    (?P<number>[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)? | (?:Inf|NaN)\b) |
    (?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*) |
    (?P<string>"(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' | `[^`]*`) |
    (?P<mark>=~|!~|==|!=|>=|<=|[-+*/=<>(){}\[\],])""",
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL)
_LETTERS: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class BadQuery(ValueError):
    """Prometheus would answer ``bad_data``; the text is what it would say."""


@dataclass(frozen=True, slots=True)
class Token:
    """One word and where it begins."""

    kind: str
    text: str
    place: int


def tokens(query: str) -> Iterator[Token]:
    """The words of a query.

    Raises:
        BadQuery: some of it is no word.
    """
    place = 0
    while place < len(query):
        found = _TOKEN.match(query, place)
        if found is None:
            character = query[place]
            what = "unterminated quoted string" if character in "\"'`" else f"unexpected character: {character!r}"
            raise BadQuery(f"1:{place + 1}: parse error: {what}")
        if found.lastgroup is not None:
            yield Token(found.lastgroup, found[0], place)
        place = found.end()


def string(token: Token) -> str:
    """What a string literal stands for.

    Raises:
        BadQuery: it has an escape that there is not.
    """
    inner = token.text[1:-1]
    if token.text[0] == "`":
        return inner
    return _ESCAPE.sub(lambda found: _unescaped(found, token), inner)


def _unescaped(found: re.Match[str], token: Token) -> str:
    two, four, eight, octal, letter = found.groups()
    if letter is None:
        return chr(int(octal, 8) if octal else int(two or four or eight, 16))
    if letter in "\\\"'":
        return letter
    if letter not in _LETTERS:
        raise BadQuery(f"1:{token.place + 1}: parse error: unknown escape sequence U+{ord(letter):04X}")
    return _LETTERS[letter]


def seconds(duration: str) -> float:
    """``1h30m`` in seconds."""
    return sum(int(count) * _SECONDS[unit] for count, unit in _DURATION.findall(duration))
