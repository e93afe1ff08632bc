"""What goes wrong on purpose, in the order it was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(slots=True, kw_only=True)
class Fault:
    """Something that happens instead of the next answers.

    Attributes:
        status: answered in the service's own words; None never answers.
        path: only for paths that begin so.
        times: how often; None until it is cleared.
        headers: besides those of the answer.
    """

    status: int | None = None
    path: str = "/"
    times: int | None = 1
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Self:
        """From the control endpoint."""
        return cls(**given)


class Faults:
    """The faults that are still to happen."""

    def __init__(self) -> None:
        self._coming: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let it happen, after those that were added before."""
        self._coming.append(fault)

    def clear(self) -> None:
        """Let everything be well again."""
        self._coming.clear()

    def take(self, path: str) -> Fault | None:
        """What happens to this request, if anything does."""
        fault = next((each for each in self._coming if path.startswith(each.path)), None)
        if fault is not None and fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self._coming.remove(fault)
        return fault
