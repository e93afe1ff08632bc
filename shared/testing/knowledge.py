"""The knowledge store in memory: the same pure fold as in PostgreSQL, behind the same port."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from shared.domain.errors import AftercareError, Unprocessable
from shared.domain.incidents import Incident, record
from shared.domain.knowledge import Receipt, Write
from shared.domain.ports import Clock


@dataclass(frozen=True, slots=True)
class _Contents:
    """What is committed: incidents by key; digest and receipt of each event by source and id."""

    incidents: dict[str, Incident] = field(default_factory=dict)
    taken: dict[tuple[str, str], tuple[str, Receipt]] = field(default_factory=dict)

    def copy(self) -> Self:
        return replace(self, incidents=dict(self.incidents), taken=dict(self.taken))


class MemoryKnowledge:
    """See :class:`shared.domain.ports.KnowledgeStore`.

    Attributes:
        failures: raised by the next writes, one each.
        deadlines: what each write was given, in seconds.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._committed = _Contents()
        self.failures: deque[AftercareError] = deque()
        self.deadlines: list[float] = []

    @property
    def incidents(self) -> dict[str, Incident]:
        """What is held, by key."""
        return self._committed.incidents

    async def write(self, writes: Sequence[Write], *, deadline_s: float) -> Sequence[Receipt]:
        """Write them all or none."""
        self.deadlines.append(deadline_s)
        if self.failures:
            raise self.failures.popleft()
        after = self._committed.copy()
        receipts = [self._take(write, after) for write in writes]
        self._committed = after
        return receipts

    def _take(self, write: Write, after: _Contents) -> Receipt:
        event = write.event
        identity = event.source, event.id
        if identity not in after.taken:
            now = self._clock.now()
            incident = after.incidents.get(write.key) or Incident(key=write.key)
            after.incidents[write.key], written = record(incident, write, now=now)
            after.taken[identity] = event.digest(), Receipt(written=written, at=now)
        digest, receipt = after.taken[identity]
        if digest != event.digest():
            raise Unprocessable(f"id {event.id} was used before with other content; send a new id")
        return replace(receipt, duplicate=identity in self._committed.taken)
