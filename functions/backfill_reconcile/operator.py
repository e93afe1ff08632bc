"""What a person may do with dead letters.

A redrive puts the letter back first and marks it afterwards: a crash in between leaves it in both places, which is
harmless, because the event takes effect once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from shared.adapters import outbox, quarantine
from shared.adapters.dead_letter_streams import RedisDeadLetters
from shared.adapters.postgres import Connection, Database
from shared.adapters.quarantine import Quarantined
from shared.domain.dead_letters import KNOWLEDGE_STREAM, STREAMS, Claimed, DeadLetter
from shared.domain.events import Event, from_structured
from shared.domain.failures import Failure, FailureClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A letter as it is shown: waiting in a stream, or in quarantine."""

    id: str
    where: str
    state: str
    event: Event | None
    reason: dict[str, Any]
    attempts: int
    since: datetime | None

    def cells(self) -> list[str]:
        """One row of the table."""
        event = self.event
        why = " ".join(
            str(value) for name, value in self.reason.items() if name in ("class", "sqlstate", "code", "why")
        )
        since = "" if self.since is None else self.since.astimezone(UTC).isoformat(timespec="seconds")
        id_, type_ = ("", "unreadable") if event is None else (event.id, event.type)
        return [self.id, self.where, self.state, id_, type_, why, str(self.attempts), since]

    def document(self, *, with_event: bool) -> dict[str, Any]:
        """For JSON output."""
        event = self.event
        said: dict[str, Any] = {
            "id": self.id,
            "where": self.where,
            "state": self.state,
            "event_id": None if event is None else event.id,
            "event_source": None if event is None else event.source,
            "event_type": None if event is None else event.type,
            "reason": self.reason,
            "attempts": self.attempts,
            "since": None if self.since is None else self.since.isoformat(),
        }
        if with_event and event is not None:
            said |= {"data": event.data, "extensions": event.extensions}
        return said


class DeadLetterDesk:
    """List, find, redrive and discard."""

    def __init__(self, database: Database, letters: RedisDeadLetters) -> None:
        self._database = database
        self._letters = letters

    async def listed(self, *, most: int) -> list[Listed]:
        """What waits in the streams, then what waits for a person; oldest first."""
        waiting = [
            _waiting(stream, entry) for stream in STREAMS for entry in await self._letters.peek(stream, most=most)
        ]
        kept = await self._database.run(lambda connection: quarantine.listed(connection, most=most))
        return [*waiting, *map(_quarantined, kept)]

    async def find(self, letter_id: str) -> Listed | None:
        """One letter by its id, wherever it is."""
        return next((letter for letter in await self.listed(most=100_000) if letter.id == letter_id), None)

    async def chosen(self, letter_ids: Sequence[str], *, every: bool) -> list[Quarantined]:
        """The quarantined letters that are meant."""
        kept = await self._database.run(lambda connection: quarantine.listed(connection, most=100_000))
        return [letter for letter in kept if every or str(letter.id) in letter_ids]

    async def redrive(self, chosen: Sequence[Quarantined], *, actor: str, reason: str) -> None:
        """Send letters again: km-write's through its stream, all others to the sink."""
        for kept in chosen:
            if kept.stream == KNOWLEDGE_STREAM:
                await self._letters.put(KNOWLEDGE_STREAM, _fresh(kept))
            await self._database.transact(partial(_redriven, kept=kept, actor=actor, reason=reason))

    async def discard(self, letter_id: str, *, actor: str, reason: str) -> bool:
        """Give a letter up; False when none of that id waits for a person."""
        (kept, *_) = await self.chosen([letter_id], every=False) or (None,)
        if kept is None:
            return False

        def work(connection: Connection) -> bool:
            return quarantine.resolve(connection, letter_id, state="discarded", actor=actor, note=reason)

        return await self._database.transact(work)


def _redriven(connection: Connection, *, kept: Quarantined, actor: str, reason: str) -> None:
    if kept.stream != KNOWLEDGE_STREAM:
        outbox.add(connection, [_fresh(kept).event])
    quarantine.resolve(connection, str(kept.id), state="redriven", actor=actor, note=reason)


def _fresh(kept: Quarantined) -> DeadLetter:
    """The letter with its attempts forgotten and its history kept."""
    event = from_structured(kept.event)
    extensions = {name: value for name, value in event.extensions.items() if name != "redrivecount"}
    return DeadLetter(
        event=replace(event, extensions=extensions),
        fn=str(kept.reason.get("fn", "operator")),
        failure=Failure(FailureClass.UNKNOWN),
        attempts=0,
        first_failed_at=datetime.now(UTC),
    )


def _waiting(stream: str, entry: Claimed) -> Listed:
    letter = entry.letter
    return Listed(
        id=entry.entry_id,
        where=stream,
        state="waiting",
        event=None if letter is None else letter.event,
        reason={} if letter is None else letter.reason(),
        attempts=0 if letter is None else letter.attempts,
        since=None if letter is None else letter.first_failed_at,
    )


def _quarantined(kept: Quarantined) -> Listed:
    return Listed(
        id=str(kept.id),
        where=kept.stream,
        state=kept.state,
        event=from_structured(kept.event),
        reason=kept.reason,
        attempts=kept.attempts,
        since=kept.first_failed_at,
    )
