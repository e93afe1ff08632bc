"""Declared exceptions: differences that somebody owns, for a reason, until a day.

An exception that is over accepts nothing: the difference is drift again, and its note says whose exception it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fnmatch import fnmatchcase

from pydantic import Field

from shared.domain.contract import Contract


class Acceptance(Contract):
    """An exception: who answers for a difference, why, and until when.

    `field` is the field, or the key that no field reads; `*` in it stands for any characters. `expires` is the last day
    on which it holds, in UTC. With `value` only that value is accepted, as it is configured.
    """

    field: str = Field(min_length=1, max_length=256)
    owner: str = Field(min_length=1, max_length=128)
    reason: str = Field(min_length=1, max_length=1024)
    expires: date
    value: str | None = Field(default=None, max_length=4096)


class Acceptances:
    """All exceptions of a check.

    Args:
        declared: as they stand.
        today: in UTC.
    """

    def __init__(self, declared: Sequence[Acceptance], today: date) -> None:
        self._exact = {each.field: each for each in reversed(declared)}
        self._patterns = [each for each in declared if "*" in each.field]
        self._today = today

    def of(self, name: str, configured: str | None) -> Acceptance | None:
        """The exception for a difference, over or not."""
        found = self._exact.get(name)
        candidates = [found] if found is not None else []
        candidates += [each for each in self._patterns if fnmatchcase(name, each.field)]
        fitting = [each for each in candidates if each.value is None or each.value == configured]
        return next((each for each in fitting if self.holds(each)), fitting[0] if fitting else None)

    def holds(self, acceptance: Acceptance) -> bool:
        """Whether it is still in force."""
        return self._today <= acceptance.expires
