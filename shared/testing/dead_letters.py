"""The dead letter streams in memory: claims, deliveries and silence, as a Redis consumer group counts them."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.domain.dead_letters import Claimed, DeadLetter, Depth
from shared.domain.errors import AftercareError, QueueUnavailable
from shared.domain.ports import Clock


@dataclass(slots=True, kw_only=True)
class _Entry:
    """One entry; ``claimed_at`` is monotonic seconds, None while nobody has claimed it."""

    letter: DeadLetter | None
    raw: str
    put_at: float
    claimed_at: float | None = None
    deliveries: int = 0


class MemoryDeadLetters:
    """See :class:`shared.domain.ports.DeadLetterQueue` and the ``Letters`` of a drain.

    Attributes:
        failures: raised by the next calls, one each.
    """

    def __init__(self, clock: Clock, *, most: int = 100_000) -> None:
        self._clock = clock
        self._most = most
        self._streams: dict[str, dict[str, _Entry]] = {}
        self._count = 0
        self.failures: deque[QueueUnavailable] = deque()

    async def put(self, stream: str, letter: DeadLetter) -> None:
        """Keep a letter; one for the same event with the same content is kept once."""
        entries = self._entries(stream)
        digest = letter.event.digest()
        if any(e.letter.event.digest() == digest for e in entries.values() if e.letter):
            return
        if len(entries) >= self._most:
            raise QueueUnavailable(f"{stream} is full")
        self._append(stream, letter, json.dumps(letter.document()))

    def put_unreadable(self, stream: str, raw: str) -> None:
        """What a stranger wrote into the stream."""
        self._append(stream, None, raw)

    async def claim_new(self, stream: str, *, most: int) -> list[Claimed]:
        """Take letters that nobody has claimed yet, oldest first."""
        entries = self._entries(stream)
        new = [entry_id for entry_id, entry in entries.items() if entry.claimed_at is None]
        return [self._claim(entries, entry_id) for entry_id in new[:most]]

    async def abandoned(self, stream: str, *, idle_s: float, most: int) -> dict[str, int]:
        """Entries whose holder fell silent: entry id to the number of times they were claimed."""
        silent = {id_: e.deliveries for id_, e in self._entries(stream).items() if self._is_silent(e, idle_s)}
        return dict(list(silent.items())[:most])

    async def take_over(self, stream: str, abandoned: Mapping[str, int], *, idle_s: float) -> list[Claimed]:
        """Claim abandoned entries; those that another process took first are left out."""
        entries = self._entries(stream)
        still = [id_ for id_ in abandoned if id_ in entries and self._is_silent(entries[id_], idle_s)]
        return [self._claim(entries, entry_id) for entry_id in still]

    async def give_back(self, stream: str, claimed: Sequence[Claimed]) -> None:
        """Leave entries for later as if this claim had not been made."""
        entries = self._entries(stream)
        for held in claimed:
            if entry := entries.get(held.entry_id):
                entry.claimed_at = float("-inf")
                entry.deliveries = held.deliveries - 1

    async def settle(self, stream: str, claimed: Sequence[Claimed]) -> None:
        """Forget entries."""
        entries = self._entries(stream)
        for entry in claimed:
            entries.pop(entry.entry_id, None)

    async def depth(self, stream: str) -> Depth:
        """How much waits, claimed or not."""
        put_at = [entry.put_at for entry in self._entries(stream).values()]
        return Depth(len(put_at), self._clock.monotonic() - min(put_at) if put_at else None)

    async def peek(self, stream: str, *, most: int) -> list[Claimed]:
        """Look at the oldest entries without claiming them."""
        entries = list(self._entries(stream).items())[:most]
        return [Claimed(entry_id=id_, letter=e.letter, deliveries=0, raw=e.raw) for id_, e in entries]

    def _entries(self, stream: str) -> dict[str, _Entry]:
        if self.failures:
            raise self.failures.popleft()
        return self._streams.setdefault(stream, {})

    def _append(self, stream: str, letter: DeadLetter | None, raw: str) -> None:
        self._count += 1
        entry = _Entry(letter=letter, raw=raw, put_at=self._clock.monotonic())
        self._streams.setdefault(stream, {})[f"{self._count}-0"] = entry

    def _claim(self, entries: dict[str, _Entry], entry_id: str) -> Claimed:
        entry = entries[entry_id]
        entry.claimed_at = self._clock.monotonic()
        entry.deliveries += 1
        return Claimed(entry_id=entry_id, letter=entry.letter, deliveries=entry.deliveries, raw=entry.raw)

    def _is_silent(self, entry: _Entry, idle_s: float) -> bool:
        return entry.claimed_at is not None and self._clock.monotonic() - entry.claimed_at >= idle_s


class MemoryQuarantine:
    """Letters kept whole until a person decides, once for each event and stream.

    Attributes:
        failures: raised by the next calls, one each.
    """

    def __init__(self) -> None:
        self._letters: dict[tuple[str, str, str], DeadLetter] = {}
        self.failures: deque[AftercareError] = deque()

    async def add(self, stream: str, letters: Sequence[DeadLetter]) -> None:
        """Commit them."""
        if self.failures:
            raise self.failures.popleft()
        for letter in letters:
            self._letters[stream, letter.event.source, letter.event.id] = letter

    def kept(self, stream: str) -> list[DeadLetter]:
        """What waits for a person, oldest first."""
        return [letter for (where, _, _), letter in self._letters.items() if where == stream]
