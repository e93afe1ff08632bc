"""Which events a Trigger takes: Knative's ``filters`` and its older ``filter.attributes``, as pure functions.

An event matches a Trigger when it matches every filter; inside one ``exact``, ``prefix`` or ``suffix`` every attribute
counts. Filters see the CloudEvent's attributes and extensions, never its data. An attribute the event does not have
matches nothing. ``cesql`` is refused, because nothing on this side of a cluster could check it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from operator import eq
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Knative's webhook refuses any other spelling, `incident_id` for example.
_ATTRIBUTE: Final = re.compile(r"[a-z][a-z0-9]*")


class Filter(Protocol):
    """One condition on an event."""

    def matches(self, attributes: Mapping[str, str]) -> bool:
        """Whether an event with these attributes and extensions meets the condition."""
        ...


@dataclass(frozen=True, slots=True)
class Compared:
    """Every attribute compares like this with the text the filter gives: ``exact``, ``prefix``, ``suffix``.

    Attributes:
        compare: says whether the attribute's value, first, passes beside the filter's, which is never empty.
        texts: by attribute.
    """

    compare: Callable[[str, str], bool]
    texts: Mapping[str, str]

    def matches(self, attributes: Mapping[str, str]) -> bool:
        """Whether every attribute passes; one the event does not have passes nothing."""
        return all(self.compare(attributes.get(name, ""), text) for name, text in self.texts.items())


@dataclass(frozen=True, slots=True)
class Present:
    """The event has the attribute: what an empty value means in ``filter.attributes``."""

    name: str

    def matches(self, attributes: Mapping[str, str]) -> bool:
        """Whether the attribute is there and not empty."""
        return attributes.get(self.name, "") != ""


@dataclass(frozen=True, slots=True)
class AllOf:
    """``all``."""

    filters: tuple[Filter, ...]

    def matches(self, attributes: Mapping[str, str]) -> bool:
        """Whether every one of the filters matches; without any, every event does."""
        return all(each.matches(attributes) for each in self.filters)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """``any``."""

    filters: tuple[Filter, ...]

    def matches(self, attributes: Mapping[str, str]) -> bool:
        """Whether at least one of the filters matches."""
        return any(each.matches(attributes) for each in self.filters)


@dataclass(frozen=True, slots=True)
class Not:
    """``not``."""

    filter: Filter

    def matches(self, attributes: Mapping[str, str]) -> bool:
        """Whether the filter does not match."""
        return not self.filter.matches(attributes)


def parse(element: Any) -> Filter:
    """One element of a Trigger's ``filters``.

    Raises:
        ValueError: the element breaks Knative's rules; the text begins with the field at fault.
    """
    if not isinstance(element, dict) or len(element) != 1:
        raise ValueError(f"each filter has exactly one of {_DIALECTS}")
    [(dialect, value)] = element.items()
    if dialect not in _PARSERS:
        raise ValueError(f"{dialect}: not a dialect the local broker knows; use one of {_DIALECTS}")
    try:
        return _PARSERS[dialect](value)
    except ValueError as error:
        raise ValueError(f"{dialect}{error}") from error


def parse_attributes(wanted: Any) -> Filter:
    """A Trigger's older ``filter.attributes``, where an empty value means any value.

    Raises:
        ValueError: the attributes break Knative's rules.
    """
    named = _named_strings(wanted)
    return AllOf(tuple(Compared(eq, {name: text}) if text else Present(name) for name, text in named.items()))


def _named_strings(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not value:
        raise ValueError(": must name at least one attribute and its text")
    for name, text in value.items():
        if not isinstance(name, str) or not _ATTRIBUTE.fullmatch(name):
            raise ValueError(f".{name}: attribute names are lower-case letters and digits")
        if not isinstance(text, str):
            raise ValueError(f".{name}: must be text; put it in quotes")  # noqa: TRY004 - one class for all refusals
    return value


def _texts(value: Any) -> dict[str, str]:
    named = _named_strings(value)
    for name, text in named.items():
        if not text:
            raise ValueError(f".{name}: must not be empty")
    return named


def _several(value: Any) -> tuple[Filter, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError(": must be a list with at least one filter")
    return tuple(_nested(element, f"[{position}]") for position, element in enumerate(value))


def _nested(element: Any, where: str) -> Filter:
    try:
        return parse(element)
    except ValueError as error:
        raise ValueError(f"{where}.{error}") from error


_PARSERS: Final[dict[str, Callable[[Any], Filter]]] = {
    "all": lambda value: AllOf(_several(value)),
    "any": lambda value: AnyOf(_several(value)),
    "exact": lambda value: Compared(eq, _texts(value)),
    "not": lambda value: Not(_nested(value, "")),
    "prefix": lambda value: Compared(str.startswith, _texts(value)),
    "suffix": lambda value: Compared(str.endswith, _texts(value)),
}
_DIALECTS: Final = ", ".join(_PARSERS)
