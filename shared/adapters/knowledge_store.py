"""Knowledge in PostgreSQL: a group of writes is three statements in one transaction.

1. claim the events in the inbox and lock their incidents, both in sorted order;
2. load what is held of those incidents (a new statement, so its snapshot is taken after the locks);
3. save what the pure fold of :mod:`shared.domain.incidents` made of it, with replies and announcements.

Locking the incident's row in ``incident_links`` is what makes an approval and a resolution that arrive at the same
moment see each other, whichever is first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from shared.adapters import inbox, outbox
from shared.adapters.group_commit import GroupCommit
from shared.adapters.postgres import Connection, Database, json_rows
from shared.domain.errors import Unprocessable
from shared.domain.incidents import Approval, Held, Incident, Order, entry_id, record
from shared.domain.knowledge import WRITER, KnowledgeWritten, PathType, Receipt, Write

_LOCK: Final = """
INSERT INTO incident_links (incident_id)
SELECT incident_id FROM jsonb_array_elements_text((:incidents)::jsonb) AS i(incident_id) ORDER BY incident_id
ON CONFLICT (incident_id) DO UPDATE SET updated_at = now()
"""
_LOAD: Final = """
SELECT k.key, l.approval_id, l.approved_time, l.approved_event_id, l.approved_source, l.revoked,
       e.path_type, e.event_time, e.event_id, e.source, e.content_sha256, e.revision, e.created_at, e.approval_id,
       e.archived_at
FROM jsonb_array_elements_text((:keys)::jsonb) AS k(key)
LEFT JOIN incident_links AS l ON l.incident_id = k.key
LEFT JOIN knowledge_entries AS e ON e.incident_key = k.key
"""
_SAVE: Final = """
WITH entry AS (
    SELECT * FROM jsonb_to_recordset((:entries)::jsonb) AS e(
        id uuid, incident_key text, incident_id text, path_type text, title text, content text, entry_type text,
        category text, tags jsonb, severity text, confidence double precision, metadata jsonb, approval_id text,
        source text, event_id text, event_time timestamptz, content_sha256 text, revision int,
        created_at timestamptz, archived_at timestamptz)
), written AS (
    INSERT INTO knowledge_entries (
        id, incident_key, incident_id, path_type, title, content, entry_type, category, tags, severity, confidence,
        metadata, approval_id, source, event_id, event_time, content_sha256, revision, created_at, updated_at,
        archived_at)
    SELECT id, incident_key, incident_id, path_type, title, content, entry_type, category, tags, severity, confidence,
           metadata, approval_id, source, event_id, event_time, content_sha256, revision, created_at, event_time,
           archived_at
    FROM entry WHERE title IS NOT NULL ORDER BY incident_key, path_type
    ON CONFLICT (incident_key, path_type) DO UPDATE SET
        incident_id = excluded.incident_id, title = excluded.title, content = excluded.content,
        entry_type = excluded.entry_type, category = excluded.category, tags = excluded.tags,
        severity = excluded.severity, confidence = excluded.confidence, metadata = excluded.metadata,
        approval_id = excluded.approval_id, source = excluded.source, event_id = excluded.event_id,
        event_time = excluded.event_time, content_sha256 = excluded.content_sha256, revision = excluded.revision,
        created_at = excluded.created_at, updated_at = excluded.updated_at, archived_at = excluded.archived_at,
        stored_at = now()
), touched AS (
    UPDATE knowledge_entries AS k
    SET revision = e.revision, created_at = e.created_at, approval_id = e.approval_id, archived_at = e.archived_at
    FROM entry AS e
    WHERE e.title IS NULL AND k.incident_key = e.incident_key AND k.path_type = e.path_type
), linked AS (
    UPDATE incident_links AS l
    SET approval_id = n.approval_id, approved_time = n.approved_time, approved_event_id = n.approved_event_id,
        approved_source = n.approved_source, revoked = n.revoked
    FROM jsonb_to_recordset((:links)::jsonb) AS n(
        incident_id text, approval_id text, approved_time timestamptz, approved_event_id text, approved_source text,
        revoked jsonb)
    WHERE l.incident_id = n.incident_id
)
UPDATE inbox AS i SET reply = r.reply
FROM jsonb_to_recordset((:replies)::jsonb) AS r(source text, id text, reply jsonb)
WHERE i.fn = :fn AND i.source = r.source AND i.id = r.id
"""

Result = Receipt | Unprocessable


class PostgresKnowledge:
    """The knowledge store.

    Args:
        database: where.
        announce: put ``knowledge.written`` into the outbox; off when the reply carries it.
        lanes: groups that may commit at the same time.
        largest: events in one group.
    """

    def __init__(self, database: Database, *, announce: bool, lanes: int = 2, largest: int = 32) -> None:
        self._database = database
        self._announce = announce
        self._groups: GroupCommit[Write, Result] = GroupCommit(self._commit, lanes=lanes, largest=largest)

    async def write(self, writes: Sequence[Write], *, deadline_s: float) -> Sequence[Receipt]:
        """Write them all or none; see :class:`shared.domain.ports.KnowledgeStore`."""
        if len(writes) == 1:
            return [_receipt(await self._groups.submit(writes[0], deadline_s=deadline_s))]

        def work(connection: Connection) -> Sequence[Receipt]:
            return [_receipt(result) for result in self._record(connection, writes)]

        return await self._database.transact(work, deadline_s=deadline_s)

    async def _commit(self, writes: Sequence[Write]) -> Sequence[Result]:
        return await self._database.transact(lambda connection: self._record(connection, writes))

    def _record(self, connection: Connection, writes: Sequence[Write]) -> list[Result]:
        arrivals = [inbox.Arrival(write.event.source, write.event.id, write.event.digest()) for write in writes]
        claims = inbox.claim(connection, WRITER, arrivals)
        fresh = {arrival.identity: write for arrival, write in zip(arrivals, writes, strict=True)}
        fresh = {identity: write for identity, write in fresh.items() if identity in claims.fresh}
        receipts = self._record_fresh(connection, fresh, claims.now) if fresh else {}
        return [_result(claims, arrival, receipts) for arrival in arrivals]

    def _record_fresh(
        self, connection: Connection, fresh: Mapping[inbox.Identity, Write], now: datetime
    ) -> dict[inbox.Identity, tuple[Write, Receipt]]:
        locked = sorted({write.incident_id for write in fresh.values() if write.incident_id is not None})
        if locked:
            connection.rows(_LOCK, incidents=json_rows(locked))
        before = _load(connection, sorted({write.key for write in fresh.values()}))
        incidents = dict(before)
        receipts = {}
        for identity, write in fresh.items():
            incidents[write.key], written = record(incidents[write.key], write, now=now)
            receipts[identity] = write, Receipt(written=written, at=now)
        replies = {identity: receipt.written.model_dump(mode="json") for identity, (_, receipt) in receipts.items()}
        _save(connection, before, incidents, replies)
        if self._announce:
            outbox.add(connection, [receipt.announce(write.event) for write, receipt in receipts.values()])
        return receipts


def _receipt(result: Result) -> Receipt:
    if isinstance(result, Unprocessable):
        raise result
    return result


def _result(
    claims: inbox.Claims, arrival: inbox.Arrival, receipts: Mapping[inbox.Identity, tuple[Write, Receipt]]
) -> Result:
    """What to tell one caller; a forged id is that caller's error, not its group's."""
    if (fresh := receipts.get(arrival.identity)) is not None:
        write, receipt = fresh
        if write.event.digest() != arrival.digest:
            return Unprocessable(f"id {arrival.id} was sent twice at once with different content; send a new id")
        return receipt
    try:
        earlier = claims.answer(arrival)
    except Unprocessable as error:
        return error
    if earlier is None:
        raise AssertionError("a fresh arrival always has a receipt")
    return Receipt(written=KnowledgeWritten.model_validate(earlier.reply), at=earlier.at, duplicate=True)


def _load(connection: Connection, keys: Sequence[str]) -> dict[str, Incident]:
    incidents: dict[str, Incident] = {}
    for key, approval_id, time, event_id, source, revoked, path, *entry in connection.rows(_LOAD, keys=json_rows(keys)):
        incident = incidents.get(key) or Incident(
            key=key,
            approval=None if approval_id is None else Approval(Order(time, event_id, source), approval_id),
            revoked={id_: datetime.fromisoformat(at) for id_, at in (revoked or {}).items()},
        )
        held = {} if path is None else {PathType(path): _held(*entry)}
        incidents[key] = Incident(
            key=key,
            approval=incident.approval,
            revoked=incident.revoked,
            entries={**incident.entries, **held},
        )
    return incidents


def _held(
    event_time: datetime,
    event_id: str,
    source: str,
    content_sha256: str,
    revision: int,
    created_at: datetime,
    approval_id: str | None,
    archived_at: datetime | None,
) -> Held:
    return Held(
        order=Order(event_time, event_id, source),
        content_sha256=content_sha256,
        revision=revision,
        created_at=created_at,
        approval_id=approval_id,
        archived_at=archived_at,
    )


def _save(
    connection: Connection,
    before: Mapping[str, Incident],
    after: Mapping[str, Incident],
    replies: Mapping[inbox.Identity, Any],
) -> None:
    """Write what changed, and the replies."""
    entries = [
        _entry_row(key, path, held)
        for key, incident in after.items()
        for path, held in incident.entries.items()
        if held != before[key].entries.get(path)
    ]
    links = [
        _link_row(incident)
        for key, incident in after.items()
        if (incident.approval, incident.revoked) != (before[key].approval, before[key].revoked)
    ]
    answered = [{"source": source, "id": id_, "reply": reply} for (source, id_), reply in replies.items()]
    connection.rows(_SAVE, fn=WRITER, entries=json_rows(entries), links=json_rows(links), replies=json_rows(answered))


def _entry_row(key: str, path: PathType, held: Held) -> dict[str, Any]:
    """One entry; without a title when its text stands and only what is derived may have changed."""
    row = {
        "id": entry_id(key, path),
        "incident_key": key,
        "path_type": path,
        "approval_id": held.approval_id,
        "source": held.order.source,
        "event_id": held.order.event_id,
        "event_time": held.order.time.isoformat(),
        "content_sha256": held.content_sha256,
        "revision": held.revision,
        "created_at": held.created_at.isoformat(),
        "archived_at": None if held.archived_at is None else held.archived_at.isoformat(),
    }
    if held.newest is None:
        return row
    text = held.newest.entry.model_dump(mode="json")
    return {**row, **text, "incident_id": held.newest.incident_id, "metadata": held.newest.metadata}


def _link_row(incident: Incident) -> dict[str, Any]:
    approval = incident.approval
    order = None if approval is None else approval.order
    return {
        "incident_id": incident.key,
        "approval_id": None if approval is None else approval.approval_id,
        "approved_time": None if order is None else order.time.isoformat(),
        "approved_event_id": None if order is None else order.event_id,
        "approved_source": None if order is None else order.source,
        "revoked": {id_: at.isoformat() for id_, at in sorted(incident.revoked.items())},
    }
