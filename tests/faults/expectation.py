"""What the tables must say: the pure fold of the events that took effect, in any order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from shared.domain.events import Event
from shared.domain.incidents import Held, Incident, entry_id, record
from shared.domain.knowledge import PathType
from shared.domain.writes import write_of
from tests.faults.evidence import Row

_NOW: Final = datetime(2025, 1, 1, tzinfo=UTC)  # later than every event, so it decides nothing


class Expectation:
    """Rows by their keys, as :class:`tests.faults.evidence.Tables` has them."""

    def __init__(self, events: Iterable[Event]) -> None:
        incidents: dict[str, Incident] = {}
        for event in events:
            write = write_of(event)
            before = incidents.get(write.key) or Incident(key=write.key)
            incidents[write.key], _ = record(before, write, now=_NOW)
        self.entries: Final[dict[tuple[str, str], Row]] = {
            (key, path): _entry(key, path, held)
            for key, incident in incidents.items()
            for path, held in incident.entries.items()
        }
        self.links: Final[dict[str, Row]] = {
            key: _link(incident) for key, incident in incidents.items() if not key.startswith("evt:")
        }


def _entry(key: str, path: PathType, held: Held) -> dict[str, Any]:
    assert held.newest is not None
    return {
        "incident_key": key,
        "path_type": path,
        "id": entry_id(key, path),
        "incident_id": held.newest.incident_id,
        **held.newest.entry.model_dump(mode="json"),
        "metadata": held.newest.metadata,
        "approval_id": held.approval_id,
        "source": held.order.source,
        "event_id": held.order.event_id,
        "event_time": held.order.time,
        "content_sha256": held.content_sha256,
        "revision": held.revision,
        "created_at": held.created_at,
        "updated_at": held.order.time,
        "archived_at": held.archived_at,
    }


def _link(incident: Incident) -> dict[str, Any]:
    order = None if incident.approval is None else incident.approval.order
    return {
        "incident_id": incident.key,
        "approval_id": None if incident.approval is None else incident.approval.approval_id,
        "approved_time": None if order is None else order.time,
        "approved_event_id": None if order is None else order.event_id,
        "approved_source": None if order is None else order.source,
        "revoked": {event_id: at.isoformat() for event_id, at in incident.revoked.items()},
    }
