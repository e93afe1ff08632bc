"""Each event takes effect once: its row in the inbox commits with its effect, or not at all.

Two transactions that bring the same event meet at the primary key: the second waits for the first, then finds the
row. Rows are inserted in sorted order, so two groups never wait for each other in a circle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from shared.adapters.postgres import Connection, json_rows
from shared.domain.errors import Unprocessable

Identity = tuple[str, str]
"""Source and id of an event."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a function is about to handle; ``digest`` tells a redelivery from a forgery."""

    source: str
    id: str
    digest: str

    @property
    def identity(self) -> Identity:
        """What makes it the same event."""
        return self.source, self.id


@dataclass(frozen=True, slots=True)
class Earlier:
    """An event that took effect before: what was answered, and when (database time)."""

    digest: str
    reply: Any
    at: datetime


@dataclass(frozen=True, slots=True)
class Claims:
    """Which arrivals are new, what is known of the others, and the database time of this transaction."""

    now: datetime
    fresh: frozenset[Identity]
    earlier: Mapping[Identity, Earlier]

    def answer(self, arrival: Arrival) -> Earlier | None:
        """What was answered the first time; None for a new arrival.

        Raises:
            Unprocessable: the id was used before for other content.
        """
        if arrival.identity in self.fresh:
            return None
        earlier = self.earlier[arrival.identity]
        if earlier.digest != arrival.digest:
            raise Unprocessable(f"id {arrival.id} was used before with other content; send a new id")
        return earlier


_CLAIM: Final = """
WITH arrival AS (
    SELECT source, id, digest FROM jsonb_to_recordset((:arrivals)::jsonb) AS a(source text, id text, digest text)
), claimed AS (
    INSERT INTO inbox (fn, source, id, digest)
    SELECT :fn, source, id, digest FROM arrival ORDER BY source, id
    ON CONFLICT (fn, source, id) DO NOTHING
    RETURNING source, id
)
SELECT now(), source, id FROM claimed
UNION ALL SELECT now(), NULL, NULL
"""
_EARLIER: Final = """
SELECT i.source, i.id, i.digest, i.reply, i.received_at
FROM inbox AS i
JOIN jsonb_to_recordset((:arrivals)::jsonb) AS a(source text, id text) ON i.source = a.source AND i.id = a.id
WHERE i.fn = :fn
"""
_REPLY: Final = """
UPDATE inbox AS i SET reply = r.reply
FROM jsonb_to_recordset((:replies)::jsonb) AS r(source text, id text, reply jsonb)
WHERE i.fn = :fn AND i.source = r.source AND i.id = r.id
"""


def claim(connection: Connection, fn: str, arrivals: Sequence[Arrival]) -> Claims:
    """Take the arrivals for ``fn`` in the running transaction."""
    distinct = {arrival.identity: arrival for arrival in arrivals}
    rows = [{"source": a.source, "id": a.id, "digest": a.digest} for a in distinct.values()]
    taken = connection.rows(_CLAIM, fn=fn, arrivals=json_rows(rows))
    now: datetime = taken[0][0]
    fresh = frozenset((source, id_) for _, source, id_ in taken if id_ is not None)
    others = [row for row in rows if (row["source"], row["id"]) not in fresh]
    # A second statement: only its snapshot is sure to see a row that another transaction committed meanwhile.
    found = connection.rows(_EARLIER, fn=fn, arrivals=json_rows(others)) if others else []
    earlier = {(source, id_): Earlier(digest, reply, at) for source, id_, digest, reply, at in found}
    return Claims(now, fresh, earlier)


def remember(connection: Connection, fn: str, replies: Mapping[Identity, Any]) -> None:
    """Store what is answered, for the next time the same event comes."""
    rows = [{"source": source, "id": id_, "reply": reply} for (source, id_), reply in replies.items()]
    connection.rows(_REPLY, fn=fn, replies=json_rows(rows))
