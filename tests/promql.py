"""A small, strict reader of PromQL: tokens, the structure without the strings, and the matchers with what they say.

Strings are read as Prometheus' lexer reads them: a double quote ends one, a line feed or a broken character breaks it,
and only the escapes it knows are escapes.
"""

from __future__ import annotations

import re

_SPACE = re.compile(r"[ \t\r\n]+")
_STRING = re.compile(r'"(?:[^"\\\n\ufffd]|\\(?:[abfnrtv\\"]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}))*"')
_TOKEN = re.compile(
    r"(?P<number>[0-9]+(?:\.[0-9]+)?(?:ms|[smhdwy])?(?![a-zA-Z0-9_]))|(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)"
    r"|(?P<operator>=~|!~|!=|==|<=|>=|[-+*/%^<>=(){}\[\],])"
)
_ESCAPE = re.compile(r"\\(?:([abfnrtv\\\"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4}))")
_MEANING = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"'}
_MATCHING = ("=", "!=", "=~", "!~")


def tokens(query: str) -> list[str]:
    """The tokens; a comment runs to the end of its line and is one as well.

    Raises:
        ValueError: it is not PromQL.
    """
    found, at = [], 0
    while at < len(query):
        if space := _SPACE.match(query, at):
            at = space.end()
            continue
        if query[at] == "#":
            end = query.find("\n", at)
            found.append(query[at : end if end >= 0 else len(query)])
        else:
            token = _STRING.match(query, at) if query[at] == '"' else _TOKEN.match(query, at)
            if token is None:
                raise ValueError(f"not PromQL at {at}: {query[at : at + 20]!r}")
            found.append(token[0])
        at += len(found[-1])
    return found


def structure(query: str) -> str:
    """The query with every string left empty."""
    return " ".join('""' if token.startswith('"') else token for token in tokens(query))


def matchers(query: str) -> list[tuple[str, str, str, str]]:
    """(metric, label, operator, value) of every matcher, in order.

    Raises:
        ValueError: a selector is not one.
    """
    found, given = [], tokens(query)
    for opening in [at for at, token in enumerate(given) if token == "{"]:
        at = opening + 1
        while given[at] != "}":
            label, operator, value, after = given[at : at + 4]
            if operator not in _MATCHING or not value.startswith('"') or after not in ("}", ","):
                raise ValueError(f"not a PromQL matcher: {label} {operator} {value}")
            found.append((given[opening - 1], label, operator, _unquoted(value)))
            at += 4 if after == "," else 3
    return found


def matches(operator: str, pattern: str, value: str) -> bool:
    """Whether a matcher takes a label's value; a pattern must match all of it."""
    if "~" not in operator:
        return (pattern == value) is (operator == "=")
    return (re.fullmatch(pattern, value, re.DOTALL) is not None) is (operator == "=~")


def _unquoted(text: str) -> str:
    def meaning(found: re.Match[str]) -> str:
        simple, short, long = found.groups()
        return _MEANING[simple] if simple else chr(int(short or long, 16))

    return _ESCAPE.sub(meaning, text[1:-1])
