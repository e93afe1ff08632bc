"""Knowledge in PostgreSQL: a group of writes is three statements in one transaction, and two round trips.

1. lock the incidents, in sorted order;
2. look what is known of the events and of their incidents (a statement of its own, so that its snapshot is taken
   after the locks; it travels with the first);
3. save what the pure fold of :mod:`shared.domain.incidents` made of it, with the inbox and the announcements (they
   travel with the COMMIT).

Locking the incident's row in ``incident_links`` is what makes an approval and a resolution that arrive at the same
moment see each other, whichever is first. It also keeps two deliveries of one event apart. An id that is used for two
incidents at the same moment meets itself at the inbox's primary key: the second one is a conflict, and looks again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from shared.adapters import inbox, outbox
from shared.adapters.group_commit import GroupCommit
from shared.adapters.postgres import Connection, Database, json_rows
from shared.domain.errors import Unprocessable
from shared.domain.incidents import Approval, Held, Incident, Order, entry_id, record
from shared.domain.knowledge import WRITER, KnowledgeWritten, PathType, Receipt, Write

# Locked, and not written: an incident that is known already gets no new row version for it.
_LOCK: Final = """
INSERT INTO incident_links (incident_id)
SELECT incident_id FROM jsonb_array_elements_text((:incidents)::jsonb) AS i(incident_id) ORDER BY incident_id
ON CONFLICT (incident_id) DO UPDATE SET updated_at = now() WHERE false
"""
# OFFSET 0 makes each look-up one of its own, by index. Joined freely, a plan made while a table was small reads all
# of it, and is kept long after the table has grown.
_LOOK: Final = """
SELECT now(), a.source, a.id, i.digest, i.reply, i.received_at, a.key,
       l.approval_id, l.approved_time, l.approved_event_id, l.approved_source, l.revoked,
       e.path_type, e.event_time, e.event_id, e.source, e.content_sha256, e.revision, e.created_at, e.approval_id,
       e.archived_at
FROM jsonb_to_recordset((:arrivals)::jsonb) AS a(source text, id text, key text)
LEFT JOIN LATERAL (SELECT * FROM inbox WHERE fn = :fn AND source = a.source AND id = a.id OFFSET 0) AS i ON true
LEFT JOIN LATERAL (SELECT * FROM incident_links WHERE incident_id = a.key OFFSET 0) AS l ON true
LEFT JOIN LATERAL (SELECT * FROM knowledge_entries WHERE incident_key = a.key OFFSET 0) AS e ON true
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
    INSERT INTO incident_links (
        incident_id, approval_id, approved_time, approved_event_id, approved_source, revoked)
    SELECT incident_id, approval_id, approved_time, approved_event_id, approved_source, revoked
    FROM jsonb_to_recordset((:links)::jsonb) AS n(
        incident_id text, approval_id text, approved_time timestamptz, approved_event_id text, approved_source text,
        revoked jsonb)
    ON CONFLICT (incident_id) DO UPDATE SET
        approval_id = excluded.approval_id, approved_time = excluded.approved_time,
        approved_event_id = excluded.approved_event_id, approved_source = excluded.approved_source,
        revoked = excluded.revoked, updated_at = now()
)
INSERT INTO inbox (fn, source, id, digest, reply)
SELECT :fn, source, id, digest, reply
FROM jsonb_to_recordset((:taken)::jsonb) AS t(source text, id text, digest text, reply jsonb)
ORDER BY source, id
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
        known = _look(connection, writes)
        fresh = {
            arrival.identity: (arrival, write)
            for arrival, write in zip(arrivals, writes, strict=True)
            if arrival.identity not in known.earlier
        }
        receipts = self._record_fresh(connection, fresh.values(), known) if fresh else {}
        return [_result(known, arrival, receipts) for arrival in arrivals]

    def _record_fresh(
        self, connection: Connection, fresh: Collection[tuple[inbox.Arrival, Write]], known: _Known
    ) -> dict[inbox.Identity, tuple[inbox.Arrival, Receipt]]:
        incidents = dict(known.incidents)
        receipts = {}
        for arrival, write in fresh:
            incidents[write.key], written = record(incidents[write.key], write, now=known.now)
            receipts[arrival.identity] = arrival, Receipt(written=written, at=known.now)
        _save(connection, known.incidents, incidents, receipts.values())
        if self._announce:
            outbox.add(connection, [receipts[arrival.identity][1].announce(write.event) for arrival, write in fresh])
        return receipts


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known before a group is written; ``now`` is the database's time."""

    now: datetime
    earlier: Mapping[inbox.Identity, inbox.Earlier]
    incidents: Mapping[str, Incident]


def _receipt(result: Result) -> Receipt:
    if isinstance(result, Unprocessable):
        raise result
    return result


def _result(
    known: _Known, arrival: inbox.Arrival, receipts: Mapping[inbox.Identity, tuple[inbox.Arrival, Receipt]]
) -> Result:
    """What to tell one caller; a forged id is that caller's error, not its group's."""
    if arrival.identity in receipts:
        taken, receipt = receipts[arrival.identity]
        if taken.digest != arrival.digest:
            return Unprocessable(f"id {arrival.id} was sent twice at once with different content; send a new id")
        return receipt
    earlier = known.earlier[arrival.identity]
    if earlier.digest != arrival.digest:
        return Unprocessable(f"id {arrival.id} was used before with other content; send a new id")
    return Receipt(written=KnowledgeWritten.model_validate(earlier.reply), at=earlier.at, duplicate=True)


def _look(connection: Connection, writes: Sequence[Write]) -> _Known:
    locked = sorted({write.incident_id for write in writes if write.incident_id is not None})
    if locked:
        connection.send(_LOCK, incidents=json_rows(locked))
    asked = [{"source": write.event.source, "id": write.event.id, "key": write.key} for write in writes]
    rows = connection.rows(_LOOK, fn=WRITER, arrivals=json_rows(asked))
    earlier: dict[inbox.Identity, inbox.Earlier] = {}
    incidents: dict[str, Incident] = {}
    for _, source, id_, digest, reply, received_at, key, *rest in rows:
        if digest is not None:
            earlier[source, id_] = inbox.Earlier(digest, reply, received_at)
        incidents[key] = _with_entry(incidents.get(key) or _incident(key, *rest[:5]), *rest[5:])
    return _Known(rows[0][0], earlier, incidents)


def _incident(
    key: str,
    approval_id: str | None,
    time: datetime,
    event_id: str,
    source: str,
    revoked: Mapping[str, str] | None,
) -> Incident:
    return Incident(
        key=key,
        approval=None if approval_id is None else Approval(Order(time, event_id, source), approval_id),
        revoked={id_: datetime.fromisoformat(at) for id_, at in (revoked or {}).items()},
    )


def _with_entry(incident: Incident, path: str | None, *entry: Any) -> Incident:
    if path is None:
        return incident
    return replace(incident, entries={**incident.entries, PathType(path): _held(*entry)})


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
    taken: Collection[tuple[inbox.Arrival, Receipt]],
) -> None:
    """Write what changed, and that the events were taken."""
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
    inbox_rows = [
        {"source": a.source, "id": a.id, "digest": a.digest, "reply": receipt.written.model_dump(mode="json")}
        for a, receipt in taken
    ]
    connection.send(_SAVE, fn=WRITER, entries=json_rows(entries), links=json_rows(links), taken=json_rows(inbox_rows))


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
