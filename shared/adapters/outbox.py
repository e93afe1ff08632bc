"""Events that go out: written with the effect they announce, sent afterwards, at least once.

A row is claimed by pushing ``next_at`` into the future, longer with each attempt, and deleted when its sink took it.
Any process may relay any row: ``SKIP LOCKED`` keeps two relays apart, and the deterministic id of the event makes a
repeated delivery harmless.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from shared.adapters.postgres import Connection, json_rows
from shared.domain.events import Event, to_structured

_ADD: Final = """
INSERT INTO outbox (event, event_source, event_id, event_type)
SELECT o.event, o.event ->> 'source', o.event ->> 'id', o.event ->> 'type'
FROM jsonb_to_recordset((:rows)::jsonb) AS o(event jsonb)
ON CONFLICT (event_source, event_id, destination) DO NOTHING
"""
# In one statement: a row is either undirected or has all its copies. What nobody asked for goes, as at a broker.
_DIRECT: Final = """
WITH undirected AS (
    DELETE FROM outbox WHERE destination = '' RETURNING event, event_source, event_id, event_type, created_at
)
INSERT INTO outbox (event, event_source, event_id, event_type, destination, created_at)
SELECT u.event, u.event_source, u.event_id, u.event_type, d.url, u.created_at
FROM undirected AS u CROSS JOIN LATERAL jsonb_array_elements_text((:routes)::jsonb -> u.event_type) AS d(url)
ON CONFLICT (event_source, event_id, destination) DO NOTHING
"""
_CLAIM: Final = """
UPDATE outbox SET attempts = attempts + 1,
                  next_at = now() + least(30 * 2 ^ least(attempts, 5), 600) * interval '1 second'
WHERE id IN (SELECT id FROM outbox WHERE next_at <= now() ORDER BY next_at LIMIT :most FOR UPDATE SKIP LOCKED)
RETURNING id, event, destination, attempts, created_at
"""
_DELETE: Final = "DELETE FROM outbox WHERE id IN (SELECT jsonb_array_elements_text((:ids)::jsonb)::bigint)"
_FAILED: Final = """
UPDATE outbox SET last_error = f.error
FROM jsonb_to_recordset((:rows)::jsonb) AS f(id bigint, error text) WHERE outbox.id = f.id
"""
_COUNT: Final = "SELECT count(*) FROM outbox"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A claimed row: a structured CloudEvent on its way."""

    id: int
    document: dict[str, Any]
    destination: str
    attempts: int
    created_at: datetime


def add(connection: Connection, events: Sequence[Event]) -> None:
    """Announce events in the running transaction; an event already announced stays one row."""
    if events:
        connection.send(_ADD, rows=json_rows([{"event": to_structured(event)} for event in events]))


def direct(connection: Connection, routes: Mapping[str, Sequence[str]]) -> None:
    """Make a row for each URL that wants an event, where the row names none yet."""
    connection.send(_DIRECT, routes=json_rows(routes))


def claim(connection: Connection, *, most: int) -> list[Outgoing]:
    """Take up to ``most`` due rows, oldest first."""
    return [Outgoing(*row) for row in connection.rows(_CLAIM, most=most)]


def delete(connection: Connection, ids: Sequence[int]) -> None:
    """Forget rows that are settled."""
    if ids:
        connection.send(_DELETE, ids=json_rows(ids))


def note_failures(connection: Connection, errors: dict[int, str]) -> None:
    """Say why rows are still here."""
    if errors:
        connection.send(_FAILED, rows=json_rows([{"id": id_, "error": error} for id_, error in errors.items()]))


def count(connection: Connection) -> int:
    """Rows that wait, due or not."""
    return int(connection.rows(_COUNT)[0][0])
