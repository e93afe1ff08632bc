"""Label and field selectors, in the API server's spelling."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

Labels = Mapping[str, str]

_KEY: Final = r"(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_VALUE: Final = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"
_EQUAL: Final = re.compile(rf"\s*({_KEY})\s*(==|=|!=)\s*({_VALUE})\s*")
_SET: Final = re.compile(rf"\s*({_KEY})\s+(in|notin)\s*\(\s*({_VALUE}(?:\s*,\s*{_VALUE})*)\s*\)\s*")
_EXISTS: Final = re.compile(rf"\s*(!?)\s*({_KEY})\s*")
_COMMA: Final = re.compile(r",(?![^(]*\))")


class BadSelector(ValueError):
    """The API server would answer 400; the text is what it would say."""


def label_selector(text: str) -> Callable[[Labels], bool]:
    """What a ``labelSelector`` finds.

    Raises:
        BadSelector: it cannot be parsed.
    """
    tests = [_requirement(part) for part in _COMMA.split(text)] if text else []
    return lambda labels: all(test(labels) for test in tests)


def name_selector(text: str) -> Callable[[str], bool]:
    """What a ``fieldSelector`` on ``metadata.name`` finds; the only field that every kind has.

    Raises:
        BadSelector: it asks for another field, or cannot be parsed.
    """
    if not text:
        return lambda _: True
    field, operator, value = re.fullmatch(r"([^=!]*)(==|=|!=|)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    if not operator:
        raise BadSelector(f"invalid selector: '{text}'; can't understand '{text}'")
    if field != "metadata.name":
        raise BadSelector(f"field label not supported: {field}")
    return lambda name: (name == value) is (operator != "!=")


def _requirement(text: str) -> Callable[[Labels], bool]:
    if found := _EQUAL.fullmatch(text):
        key, operator, value = found.groups()
        return lambda labels: (labels.get(key) == value) is (operator != "!=")
    if found := _SET.fullmatch(text):
        key, operator, listed = found.groups()
        values = {value.strip() for value in listed.split(",")}
        return lambda labels: (labels.get(key) in values) is (operator == "in")
    if found := _EXISTS.fullmatch(text):
        absent, key = found.groups()
        return lambda labels: (key in labels) is not bool(absent)
    raise BadSelector(f'unable to parse requirement: "{text}"')
