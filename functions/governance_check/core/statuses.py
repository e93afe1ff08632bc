"""Several statuses as one: error > violated > no_data > at_risk > ok.

An error outranks everything, because it hides what else is wrong; nothing at all is no data, and never ok.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from shared.domain.governance import Status

_FROM_THE_BEST: Final = tuple(Status)


def rank(status: Status) -> int:
    """How bad it is; a greater number is worse."""
    return _FROM_THE_BEST.index(status)


def worst(statuses: Iterable[Status]) -> Status:
    """The one that stands for all of them."""
    return max(statuses, key=rank, default=Status.NO_DATA)
