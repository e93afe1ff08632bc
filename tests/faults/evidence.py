"""What came out: tables and streams, read and emptied behind the functions' backs.

By asyncpg and plain SQL, so that nothing is shared with the adapters that wrote them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import asyncpg
from redis.asyncio import Redis

from tests.faults.stage import Stage
from tests.faults.traffic import BRIDGE, WRITER

if TYPE_CHECKING:
    from types import TracebackType

_STREAMS: Final = ("km:dlq", "km:backfill:dlq")
_EMPTY: Final = "TRUNCATE knowledge_entries, incident_links, inbox, outbox, dead_letters, cron_slots"
_INBOX: Final = "SELECT id FROM inbox WHERE fn = $1"
_ENTRIES: Final = """
SELECT incident_key, path_type, id::text, incident_id, title, content, entry_type, category, tags, severity, confidence,
       metadata, approval_id, source, event_id, event_time, content_sha256, revision, created_at, updated_at,
       archived_at
FROM knowledge_entries
"""
_LINKS: Final = """
SELECT incident_id, approval_id, approved_time, approved_event_id, approved_source, revoked FROM incident_links
"""
_UNLINKED: Final = """
SELECT k.incident_key FROM knowledge_entries AS k JOIN incident_links AS l ON l.incident_id = k.incident_key
WHERE k.path_type = 'incident_resolve' AND k.approval_id IS DISTINCT FROM l.approval_id
"""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tables:
    """What PostgreSQL holds in the end.

    Attributes:
        written: ids of events in km-write's inbox.
        bridged: ids of events in alert-bridge's inbox.
        entries: by incident (or event) and path.
        links: by incident.
        quarantined: ids of events that wait for a person.
    """

    written: frozenset[str]
    bridged: frozenset[str]
    entries: Mapping[tuple[str, str], Row]
    links: Mapping[str, Row]
    quarantined: frozenset[str]


class Streams:
    """A connection of our own to Redis, which is there also while PostgreSQL is not."""

    def __init__(self, stage: Stage) -> None:
        self._redis: Any = Redis.from_url(stage.redis.url, decode_responses=True, protocol=2)

    async def __aenter__(self) -> Self:
        """Connect with the first question."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up."""
        await self._redis.aclose()

    async def letters(self) -> Counter[str]:
        """By event id, how many letters wait in the streams."""
        found = [entry for stream in _STREAMS for entry in await self._redis.xrange(stream)]
        return Counter(json.loads(fields["letter"])["event"]["id"] for _, fields in found)

    async def depths(self) -> tuple[int, ...]:
        """Letters in each stream, km-write's first."""
        return tuple([await self._redis.xlen(stream) for stream in _STREAMS])

    async def depth(self) -> int:
        """Letters in the streams."""
        return sum(await self.depths())


class Evidence(Streams):
    """Connections of our own to both stores, for as long as both are up."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._stage = stage

    async def __aenter__(self) -> Self:
        """Connect."""
        self._postgres: Any = await asyncpg.connect(self._stage.postgres.uri())
        await self._postgres.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up."""
        await self._postgres.close()
        await super().__aexit__(kind, error, trace)

    async def empty(self) -> None:
        """Forget everything, so that a round starts with nothing."""
        await self._postgres.execute(_EMPTY)
        await self._redis.flushall()

    async def unlinked(self) -> frozenset[str]:
        """Incidents whose path A lacks their approval."""
        return frozenset(await self._column(_UNLINKED))

    async def waiting(self) -> int:
        """Letters in the streams, and announcements that are not sent yet."""
        return await self.depth() + int(await self._postgres.fetchval("SELECT count(*) FROM outbox"))

    async def skip_pauses(self) -> None:
        """Make every announcement due: the pauses between tries are minutes."""
        await self._postgres.execute("UPDATE outbox SET next_at = now() WHERE next_at > now()")

    async def hold_inbox(self) -> Any:
        """Make every write wait; returns the transaction to roll back."""
        transaction = self._postgres.transaction()
        await transaction.start()
        await self._postgres.execute("LOCK TABLE inbox IN SHARE MODE")
        return transaction

    async def tables(self) -> Tables:
        """Everything that PostgreSQL holds."""
        entries = await self._postgres.fetch(_ENTRIES)
        links = await self._postgres.fetch(_LINKS)
        return Tables(
            written=frozenset(await self._column(_INBOX, WRITER)),
            bridged=frozenset(await self._column(_INBOX, BRIDGE)),
            entries={(row["incident_key"], row["path_type"]): dict(row) for row in entries},
            links={row["incident_id"]: dict(row) for row in links},
            quarantined=frozenset(await self._column("SELECT event_id FROM dead_letters")),
        )

    async def _column(self, sql: str, *arguments: str) -> Sequence[str]:
        return [row[0] for row in await self._postgres.fetch(sql, *arguments)]
