"""All event types that are spoken here: their models, who emits them, who accepts them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from shared.commands.installed import InstalledFunction
from shared.domain.contract import Contract, validated
from shared.domain.events import Event


@dataclass(slots=True)
class EventType:
    """One type."""

    name: str
    model: type[Contract]
    emitted_by: list[str] = field(default_factory=list)
    accepted_by: list[str] = field(default_factory=list)

    @property
    def about(self) -> str:
        """The first paragraph of its model's documentation."""
        return " ".join((self.model.__doc__ or "").split("\n\n", maxsplit=1)[0].split()).replace("``", "")

    def document(self) -> dict[str, Any]:
        """For JSON output."""
        return {"type": self.name, "emitted_by": self.emitted_by, "accepted_by": self.accepted_by, "about": self.about}


class Catalogue:
    """The types of some functions.

    Args:
        functions: whose ``ACCEPTS`` and ``EMITS`` count.
    """

    def __init__(self, functions: Sequence[InstalledFunction]) -> None:
        found: dict[str, EventType] = {}
        for function in functions:
            model = function.part("model")
            for name, contract in getattr(model, "EMITS", {}).items():
                found.setdefault(name, EventType(name, contract)).emitted_by.append(function.name)
            for name, contract in getattr(model, "ACCEPTS", {}).items():
                found.setdefault(name, EventType(name, contract)).accepted_by.append(function.name)
        self._types = dict(sorted(found.items()))

    def __iter__(self) -> Iterator[EventType]:
        """By name."""
        return iter(self._types.values())

    def __contains__(self, name: str) -> bool:
        """Whether there is such a type."""
        return name in self._types

    def resembling(self, name: str) -> str | None:
        """The type that was probably meant; None when nothing is like it."""
        return next(iter(get_close_matches(name, self._types, n=1, cutoff=0.95)), None)

    def check(self, event: Event) -> None:
        """Hold an event's data against the model of its type; a type that nobody here speaks passes.

        Raises:
            Unprocessable: naming the fields that break the contract.
        """
        known = self._types.get(event.type)
        if known is not None:
            validated(known.model, {} if event.data is None else event.data)
