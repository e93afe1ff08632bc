"""The quarantine: dead letters whose fault is their own, whole, until a person decides.

A letter is added in the transaction that takes it from wherever it was; adding it twice leaves one row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from shared.adapters.postgres import Connection, json_rows
from shared.domain.dead_letters import DeadLetter
from shared.domain.events import derived_id, to_structured

_COLUMNS: Final = "id, stream, event, state, reason, attempts, first_failed_at, quarantined_at, actor, note"
_ADD: Final = """
INSERT INTO dead_letters (id, stream, source, event_id, event_type, event, reason, attempts, first_failed_at)
SELECT id, :queue, source, event_id, event_type, event, reason, attempts, first_failed_at
FROM jsonb_to_recordset((:letters)::jsonb) AS l(
    id uuid, source text, event_id text, event_type text, event jsonb, reason jsonb, attempts int,
    first_failed_at timestamptz)
ON CONFLICT (id) DO UPDATE SET
    state = 'quarantined', reason = excluded.reason, attempts = excluded.attempts, quarantined_at = now(),
    resolved_at = NULL
WHERE dead_letters.state <> 'discarded'
"""
_LIST: Final = f"""
SELECT {_COLUMNS} FROM dead_letters
WHERE state = 'quarantined' OR :all ORDER BY quarantined_at LIMIT :most
"""  # noqa: S608 - constant text
_GET: Final = f"SELECT {_COLUMNS} FROM dead_letters WHERE id = (:id)::uuid FOR UPDATE"  # noqa: S608 - constant text
_RESOLVE: Final = """
UPDATE dead_letters SET state = :state, resolved_at = now(), actor = :actor, note = :note
WHERE id = (:id)::uuid AND state = 'quarantined'
RETURNING id
"""
_AUDIT: Final = """
INSERT INTO audit_log (actor, action, subject, detail)
VALUES (:actor, :action, :subject, jsonb_build_object('note', (:note)::text))
"""
_COUNT: Final = "SELECT count(*) FROM dead_letters WHERE state = 'quarantined'"


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A row of the quarantine; ``event`` is a structured CloudEvent."""

    id: UUID
    stream: str
    event: dict[str, Any]
    state: str
    reason: dict[str, Any]
    attempts: int
    first_failed_at: datetime
    quarantined_at: datetime
    actor: str | None
    note: str | None


def add(connection: Connection, stream: str, letters: Sequence[DeadLetter]) -> None:
    """Quarantine letters in the running transaction; one that a person discarded stays discarded."""
    rows = {row["id"]: row for row in (_row(stream, letter) for letter in letters)}
    if rows:
        connection.rows(_ADD, queue=stream, letters=json_rows(list(rows.values())))


def _row(stream: str, letter: DeadLetter) -> dict[str, Any]:
    event = letter.event
    return {
        # With the digest: two events with one id and different contents are two letters.
        "id": derived_id("dead-letter", stream, event.source, event.id, event.digest()),
        "source": event.source,
        "event_id": event.id,
        "event_type": event.type,
        "event": to_structured(event),
        "reason": letter.reason(),
        "attempts": letter.attempts,
        "first_failed_at": letter.first_failed_at.isoformat(),
    }


def listed(connection: Connection, *, most: int, settled_too: bool = False) -> list[Quarantined]:
    """What waits for a person, oldest first."""
    return [Quarantined(*row) for row in connection.rows(_LIST, most=most, all=settled_too)]


def find(connection: Connection, letter_id: str) -> Quarantined | None:
    """One letter, locked until the transaction ends; None when there is no such letter."""
    rows = connection.rows(_GET, id=letter_id)
    return Quarantined(*rows[0]) if rows else None


def resolve(connection: Connection, letter_id: str, *, state: str, actor: str, note: str) -> bool:
    """Mark a letter ``redriven`` or ``discarded`` and write the audit log; False when it was settled already."""
    settled = connection.rows(_RESOLVE, id=letter_id, state=state, actor=actor, note=note)
    if settled:
        connection.rows(_AUDIT, actor=actor, action=f"dead_letter.{state}", subject=letter_id, note=note)
    return bool(settled)


def count(connection: Connection) -> int:
    """Letters that wait for a person."""
    return int(connection.rows(_COUNT)[0][0])
