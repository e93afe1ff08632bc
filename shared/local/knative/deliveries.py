"""The broker's memory: events, and what of them is still owed to whom, in one SQLite file.

The table is the queue. Nothing that is owed lives in memory only, so a broker that was killed needs no recovery: the
rows are there, and being due they are sent. An event enters in one transaction with the deliveries it causes, and a
delivery ends in one transaction with the reply it brought. PostgreSQL and Redis play no part: they get killed.
"""

from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from shared.domain.errors import ConfigurationError
from shared.local.knative.envelopes import Envelope, document
from shared.local.knative.group_commit import GroupCommit, connect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, received_at REAL NOT NULL, type TEXT NOT NULL, subject TEXT,
    attributes TEXT NOT NULL, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, event INTEGER NOT NULL REFERENCES events, trigger TEXT NOT NULL,
    service TEXT NOT NULL, due_at REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, errors TEXT);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (service, due_at, id);
CREATE INDEX IF NOT EXISTS deliveries_event ON deliveries (event);
CREATE TABLE IF NOT EXISTS tallies (
    trigger TEXT NOT NULL, measure TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (trigger, measure)) WITHOUT ROWID;
"""
_MEASURES: Final = ("delivered", "pending", "retried", "dead_lettered", "dropped")
_KEPT_EVENTS: Final = 10_000  # to look at; what is still owed is kept in any case
_PRUNED_EVERY: Final = 1_000


@dataclass(frozen=True, slots=True)
class Route:
    """One delivery an event causes: for which trigger, at which service."""

    trigger: str
    service: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An event that enters the broker, and whom it concerns."""

    envelope: Envelope
    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One delivery that is owed.

    Attributes:
        trigger: the trigger it is for.
        attempts: tries that failed, with this recipient.
        is_dead_letter: the recipient is the dead letter sink, and the event already says why.
    """

    id: int
    trigger: str
    attempts: int
    is_dead_letter: bool
    envelope: Envelope


class Deliveries:
    """The store. Reading is immediate; every change returns when it is on disk.

    Raises:
        ConfigurationError: the file cannot be made, or is none of ours.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._reader = connect(path)
            self._reader.executescript(_SCHEMA)
            self._writer = GroupCommit(path)
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(
                f"{path} cannot be the broker's file ({error}); name another, or move it"
            ) from error

    async def close(self) -> None:
        """Finish what was begun, then close the file."""
        await self._writer.close()
        self._reader.close()

    async def accept(self, entry: Entry) -> None:
        """Take an event in. When this returns, its deliveries will be made."""
        await self._writer.commit(lambda db: _enter(db, entry))

    async def finish(self, parcel: Parcel, reply: Entry | None = None) -> None:
        """The recipient is done with it; the reply it gave enters at the same moment."""

        def work(db: sqlite3.Connection) -> None:
            _end(db, parcel, "dead_lettered" if parcel.is_dead_letter else "delivered")
            if reply is not None:
                _enter(db, reply)

        await self._writer.commit(work)

    async def postpone(self, parcel: Parcel, pause_s: float) -> None:
        """It failed and is tried again after the pause."""

        def work(db: sqlite3.Connection) -> None:
            _count(db, parcel.trigger, "retried")
            db.execute(
                "UPDATE deliveries SET attempts = attempts + 1, due_at = ? WHERE id = ?",
                (time.time() + pause_s, parcel.id),
            )

        await self._writer.commit(work)

    async def hand_over(self, parcel: Parcel, sink: str, errors: Mapping[str, str]) -> None:
        """It failed for good and is now owed to the dead letter sink, with what went wrong."""
        changes = (sink, time.time(), json.dumps(errors), parcel.id)
        statement = "UPDATE deliveries SET service = ?, due_at = ?, attempts = 0, errors = ? WHERE id = ?"
        await self._writer.commit(lambda db: db.execute(statement, changes))

    async def drop(self, parcel: Parcel) -> None:
        """It failed for good and nobody wants it."""
        await self._writer.commit(lambda db: _end(db, parcel, "dropped"))

    async def adopt(self, sinks: Mapping[str, tuple[str, str | None]]) -> int:
        """Fit what an earlier run left behind to the manifests of this one.

        Args:
            sinks: by trigger, the service it delivers to and the one that takes its dead letters.

        Returns:
            How many deliveries are still owed. Those of triggers or sinks that are gone were dropped.
        """
        return await self._writer.commit(lambda db: _adopt(db, sinks))

    def due(self, service: str, at: float, limit: int) -> list[int]:
        """Ids of the deliveries to make at a moment (seconds since the epoch), the longest due first."""
        query = "SELECT id FROM deliveries WHERE service = ? AND due_at <= ? ORDER BY due_at, id LIMIT ?"
        return [row[0] for row in self._reader.execute(query, (service, at, limit))]

    def next_after(self, service: str, at: float) -> float | None:
        """The moment the first delivery falls due that is not due yet; None when there is none."""
        query = "SELECT min(due_at) FROM deliveries WHERE service = ? AND due_at > ?"
        [(moment,)] = self._reader.execute(query, (service, at))
        return None if moment is None else float(moment)

    def load(self, delivery: int) -> Parcel:
        """A delivery that is owed, with its event."""
        query = """SELECT d.trigger, d.attempts, d.errors, e.attributes, e.data
                   FROM deliveries d JOIN events e ON e.seq = d.event WHERE d.id = ?"""
        [(trigger, attempts, errors, attributes, data)] = self._reader.execute(query, (delivery,))
        envelope = Envelope(json.loads(attributes), data)
        return Parcel(
            id=delivery,
            trigger=trigger,
            attempts=attempts,
            is_dead_letter=errors is not None,
            envelope=envelope if errors is None else envelope.extended(json.loads(errors)),
        )

    def stats(self, triggers: Iterable[str]) -> dict[str, Any]:
        """Counts since the file was made: in all, and for each of the triggers."""
        # One statement, so that nothing is counted twice, or not at all, while it moves from one table to the other.
        query = """SELECT trigger, measure, count FROM tallies
                   UNION ALL SELECT trigger, 'pending', count(*) FROM deliveries GROUP BY trigger"""
        counts = {(trigger, measure): int(count) for trigger, measure, count in self._reader.execute(query)}
        every = sorted({trigger for trigger, _ in counts if trigger}.union(triggers))
        by_trigger = {each: {measure: counts.get((each, measure), 0) for measure in _MEASURES} for each in every}
        totals = {measure: sum(row[measure] for row in by_trigger.values()) for measure in _MEASURES}
        return {"received": counts.get(("", "received"), 0), **totals, "by_trigger": by_trigger}

    def events(self, *, type: str | None, subject: str | None, after: int, limit: int) -> list[dict[str, Any]]:  # noqa: A002
        """The last events, oldest first, each with its place in the broker's order."""
        query = """SELECT seq, received_at, attributes, data FROM events
                   WHERE seq > ?1 AND (?2 IS NULL OR type = ?2) AND (?3 IS NULL OR subject = ?3)
                   ORDER BY seq DESC LIMIT ?4"""
        rows = self._reader.execute(query, (after, type, subject, limit)).fetchall()
        return [
            {"seq": seq, "received_at": received_at, "event": document(Envelope(json.loads(attributes), data))}
            for seq, received_at, attributes, data in reversed(rows)
        ]


def _enter(db: sqlite3.Connection, entry: Entry) -> None:
    now, attributes = time.time(), entry.envelope.attributes
    seq = db.execute(
        "INSERT INTO events (received_at, type, subject, attributes, data) VALUES (?, ?, ?, ?, ?)",
        (now, attributes["type"], attributes.get("subject"), json.dumps(attributes), entry.envelope.data),
    ).lastrowid
    db.executemany(
        "INSERT INTO deliveries (event, trigger, service, due_at) VALUES (?, ?, ?, ?)",
        [(seq, route.trigger, route.service, now) for route in entry.routes],
    )
    _count(db, "", "received")
    if seq is not None and seq % _PRUNED_EVERY == 0:
        db.execute(
            "DELETE FROM events WHERE seq <= ? AND NOT EXISTS (SELECT 1 FROM deliveries WHERE event = seq)",
            (seq - _KEPT_EVENTS,),
        )


def _end(db: sqlite3.Connection, parcel: Parcel, measure: str) -> None:
    db.execute("DELETE FROM deliveries WHERE id = ?", (parcel.id,))
    _count(db, parcel.trigger, measure)


def _count(db: sqlite3.Connection, trigger: str, measure: str, by: int = 1) -> None:
    db.execute(
        "INSERT INTO tallies VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET count = count + ?3", (trigger, measure, by)
    )


def _adopt(db: sqlite3.Connection, sinks: Mapping[str, tuple[str, str | None]]) -> int:
    owed = db.execute("SELECT DISTINCT trigger, errors IS NOT NULL FROM deliveries").fetchall()
    for trigger, is_dead_letter in owed:
        service = sinks.get(trigger, (None, None))[is_dead_letter]
        chosen = "trigger = ? AND (errors IS NOT NULL) = ?"
        if service is None:
            gone = db.execute(f"DELETE FROM deliveries WHERE {chosen}", (trigger, is_dead_letter)).rowcount  # noqa: S608
            _count(db, trigger, "dropped", gone)
        else:
            db.execute(f"UPDATE deliveries SET service = ? WHERE {chosen}", (service, trigger, is_dead_letter))  # noqa: S608
    [(pending,)] = db.execute("SELECT count(*) FROM deliveries")
    return int(pending)
