"""What can happen to one incident, and what must be known of it afterwards, whatever the order.

:func:`expected` says it without folding: the newest of, the oldest of, the number of. The fold and the tables are held
against it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from shared.domain.events import Event
from shared.domain.incidents import Incident
from shared.domain.knowledge import PathType, Write
from shared.domain.writes import write_of
from shared.testing.clocks import NOON
from shared.testing.events import alert_resolved, execution_verified, remediation_approved, write_requested


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def histories(incident: str = "INC-0") -> dict[str, list[Event]]:
    """Up to six events of one incident each; ids are unique across incidents."""

    def named(name: str) -> str:
        return f"{incident}-{name}"

    def resolved(name: str, when: float) -> Event:
        return alert_resolved(id=named(name), at=at(when), incident=incident, summary=name)

    def verified(verdict: str, name: str, when: float, **more: Any) -> Event:
        return execution_verified(verdict, id=named(name), at=at(when), incident=incident, **more)

    def approved(name: str, when: float, approval: str) -> Event:
        return remediation_approved(id=named(name), at=at(when), incident=incident, approval=approval)

    def requested(path: str, name: str, when: float, approval: str | None = None) -> Event:
        return write_requested(path, id=named(name), at=at(when), incident=incident, approval=approval, text=name)

    return {
        "one of each": [
            resolved("alert", 4),
            approved("approval", 1, "apr-1"),
            verified("success", "fixed", 3),
            verified("failed", "relapse", 9, revises=named("fixed")),
            requested("incident_resolve", "note", 2),
            requested("approval_manual", "older approval", 0, "apr-0"),
        ],
        "older and newer of the same key": [
            resolved("alert", 4),
            requested("incident_resolve", "older", 1),
            requested("incident_resolve", "newer", 7),
            verified("failed", "first try", 2),
            verified("failed", "second try", 3),
            verified("success", "third try", 5, approval="apr-3"),
        ],
        "taken back, and taken back again": [
            verified("success", "fixed", 1),
            verified("success", "fixed once more", 2),
            verified("failed", "relapse", 3, revises=named("fixed")),
            verified("failed", "second relapse", 4, revises=named("fixed once more")),
            verified("degraded", "not a relapse after all", 5, revises=named("relapse")),
            verified("timeout", "silence", 6, revises=named("second relapse")),
        ],
        "all in the same instant": [
            resolved("a", 1),
            requested("incident_resolve", "b", 1, "apr-b"),
            approved("c", 1, "apr-c"),
            requested("approval_manual", "d", 1, "apr-d"),
            verified("success", "e", 1, revises=named("b")),
            verified("success", "f", 1),
        ],
        "many approvals": [
            resolved("alert", 9),
            approved("first", 1, "apr-1"),
            approved("second", 3, "apr-3"),
            requested("approval_manual", "none", 5),
            verified("success", "fixed", 4, approval="apr-4"),
            requested("incident_resolve", "with its own", 2, "apr-2"),
        ],
    }


NAMES = tuple(histories())


class Row(NamedTuple):
    """What is stored of one entry."""

    incident_key: str
    path_type: str
    entry: dict[str, Any]
    metadata: dict[str, Any]
    approval_id: str | None
    source: str
    event_id: str
    event_time: datetime
    content_sha256: str
    revision: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


class Link(NamedTuple):
    """What is stored of one incident."""

    incident_id: str
    approval_id: str | None
    approved_time: datetime | None
    approved_event_id: str | None
    approved_source: str | None
    revoked: dict[str, datetime]


def expected(writes: list[Write]) -> tuple[list[Row], Link]:
    """The rows that writes of one incident make, of whichever order they were."""
    newest_first = sorted(writes, key=_order, reverse=True)
    approving = next((write for write in newest_first if write.approval_id is not None), None)
    approval = None if approving is None else approving.approval_id
    revoked = {write.revokes: write.event.time for write in newest_first if write.revokes is not None}
    rows = []
    for path in sorted({write.path for write in writes}):
        of_path = [write for write in newest_first if write.path is path]
        newest = of_path[0]
        own = newest.approval_id if approval is None or path is not PathType.INCIDENT_RESOLVE else approval
        rows.append(
            Row(
                incident_key=newest.key,
                path_type=path,
                entry=newest.entry.model_dump(mode="json"),
                metadata=newest.metadata,
                approval_id=own,
                source=newest.event.source,
                event_id=newest.event.id,
                event_time=newest.event.time,
                content_sha256=newest.content_sha256(),
                revision=len(of_path),
                created_at=of_path[-1].event.time,
                updated_at=newest.event.time,
                archived_at=revoked.get(newest.event.id),
            )
        )
    order = (None, None, None) if approving is None else _order(approving)
    return rows, Link(writes[0].key, approval, *order, revoked)


def told(incident: Incident) -> tuple[list[Row], Link]:
    """The same of a folded incident."""
    rows = []
    for path, held in sorted(incident.entries.items()):
        assert held.newest is not None
        order = held.order
        text = held.newest.entry.model_dump(mode="json"), held.newest.metadata, held.approval_id
        cause = order.source, order.event_id, order.time, held.content_sha256
        rows.append(
            Row(incident.key, path, *text, *cause, held.revision, held.created_at, order.time, held.archived_at)
        )
    approval = incident.approval
    if approval is None:
        return rows, Link(incident.key, None, None, None, None, dict(incident.revoked))
    order = approval.order
    approved = approval.approval_id, order.time, order.event_id, order.source
    return rows, Link(incident.key, *approved, dict(incident.revoked))


def writes_of(events: list[Event]) -> list[Write]:
    return [write_of(event) for event in events]


def _order(write: Write) -> tuple[datetime, str, str]:
    assert write.event.time is not None
    return write.event.time, write.event.id, write.event.source
