"""What a patch would change, as far as its JSON says: every place it touches, and the value there.

YAML is not read: one value has too many spellings in it. Neither are JSON patches that copy or move, since what they
write is not in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from shared.domain.errors import AftercareError
from shared.domain.strict_json import loads

# Parts of an object that run programs, or without which the API server forgets to clean up.
_REFUSED: Final = frozenset({"command", "args", "exec", "finalizers", "ownerReferences", "$patch"})
_STEPS: Final = frozenset({"add", "remove", "replace", "test"})

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Patch:
    """The places that a patch touches, each with its value; None where one is removed."""

    places: tuple[tuple[Path, Any], ...]

    @property
    def refused(self) -> str | None:
        """A part that no patch may touch, if it touches one."""
        found = _REFUSED.intersection(part for path, _ in self.places for part in path)
        return min(found, default=None)

    @property
    def replicas(self) -> list[int]:
        """The numbers of replicas that it sets."""
        return [int(value) for path, value in self.places if path[-1:] == ("replicas",) and _is_number(value)]

    def is_within(self, *path: str) -> bool:
        """Whether it touches something, and everything of that is below one place."""
        return bool(self.places) and all(place[: len(path)] == path for place, _ in self.places)


def read_patch(text: str) -> Patch | None:
    """The patch that a text means; None when it is not one that is understood."""
    try:
        document = loads(text.encode("utf-8"))
    except AftercareError:
        return None
    if isinstance(document, dict):
        return Patch(tuple(_places(document, ())))
    if not isinstance(document, list) or not all(_is_step(step) for step in document):
        return None
    return Patch(tuple(place for step in document for place in _places(step.get("value"), _pointer(step["path"]))))


def _places(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from _places(child, (*path, key))
    elif isinstance(value, list) and value:
        for child in value:
            yield from _places(child, (*path, "-"))
    else:
        yield path, value


def _is_step(step: Any) -> bool:
    return isinstance(step, dict) and step.get("op") in _STEPS and isinstance(step.get("path"), str)


def _pointer(text: str) -> Path:
    """The parts of a JSON pointer (RFC 6901); its escapes only spell characters that no name here has."""
    return tuple(text.split("/")[1:])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
