"""The order law: what an incident's knowledge is, as a pure function of the *set* of its events.

Events arrive late, twice, and in any order. :func:`record` folds one write into what is held; whatever the order,
the final state is the same, because every rule is a maximum, a minimum, a sum or a union:

- an entry is the write with the greatest ``(time, id, source)``; an older one arriving late is only counted;
- the incident's approval is the one with the greatest order, and path A carries it, whichever came first;
- an entry is archived while the event that wrote it is revoked, even if the revocation came first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from shared.domain.events import derived_id
from shared.domain.knowledge import KnowledgeWritten, Outcome, PathType, Write

# A clock this far ahead of the database's is wrong; its time must not win over everything that follows.
_FUTURE_TOLERATED: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, order=True)
class Order:
    """Where an event stands among the others: by its time, then its id, then its source."""

    time: datetime
    event_id: str
    source: str


def order_of(write: Write, *, now: datetime) -> Order:
    """The order of a write; ``now`` (database time) stands in for a missing time or one from the future."""
    time = write.event.time
    if time is None or time > now + _FUTURE_TOLERATED:
        time = now
    return Order(time, write.event.id, write.event.source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is held of one entry: enough to decide, without its text.

    Attributes:
        newest: the write to store, when it is not in the table yet; None when the table's text stands.
    """

    order: Order
    content_sha256: str
    revision: int
    created_at: datetime
    approval_id: str | None
    archived_at: datetime | None = None
    newest: Write | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    """An approval of the incident, ordered by the event that brought it."""

    order: Order
    approval_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """All that is held for one key: entries by path, the approval, and what was taken back (event id to time)."""

    key: str
    entries: Mapping[PathType, Held] = field(default_factory=dict)
    approval: Approval | None = None
    revoked: Mapping[str, datetime] = field(default_factory=dict)


@lru_cache(maxsize=1024)  # asked for twice: for the answer and for the row
def entry_id(key: str, path: PathType) -> str:
    """A UUID that every replica derives alike."""
    return derived_id("entry", key, path)


def record(incident: Incident, write: Write, *, now: datetime) -> tuple[Incident, KnowledgeWritten]:
    """Fold one write, not seen before, into the incident.

    Args:
        incident: what is held for ``write.key``.
        write: the write.
        now: database time.

    Returns:
        The incident after it, and what to answer.
    """
    order = order_of(write, now=now)
    held = incident.entries.get(write.path)
    entry, outcome = _merge(held, write, order)
    after = _settle(
        Incident(
            key=incident.key,
            entries={**incident.entries, write.path: entry},
            approval=_newest_approval(incident.approval, write, order),
            revoked=_with_revocation(incident.revoked, write, order),
        )
    )
    return after, _written(after, write, outcome)


def _merge(held: Held | None, write: Write, order: Order) -> tuple[Held, Outcome]:
    sha256 = write.content_sha256()
    if held is None:
        entry = Held(
            order=order,
            content_sha256=sha256,
            revision=1,
            created_at=order.time,
            approval_id=write.approval_id,
            newest=write,
        )
        return entry, Outcome.CREATED
    counted = replace(held, revision=held.revision + 1, created_at=min(held.created_at, order.time))
    if order < held.order:
        return counted, Outcome.SUPERSEDED
    outcome = Outcome.UNCHANGED if sha256 == held.content_sha256 else Outcome.UPDATED
    newer = replace(counted, order=order, content_sha256=sha256, approval_id=write.approval_id, newest=write)
    return newer, outcome


def _newest_approval(approval: Approval | None, write: Write, order: Order) -> Approval | None:
    if write.approval_id is None or (approval is not None and order < approval.order):
        return approval
    return Approval(order, write.approval_id)


def _with_revocation(revoked: Mapping[str, datetime], write: Write, order: Order) -> Mapping[str, datetime]:
    if write.revokes is None:
        return revoked
    return {**revoked, write.revokes: min(order.time, revoked.get(write.revokes, order.time))}


def _settle(incident: Incident) -> Incident:
    """Derive what follows from the whole: path A's approval, and which entries are archived."""
    entries = dict(incident.entries)
    for path, held in incident.entries.items():
        approval_id = held.approval_id
        if path is PathType.INCIDENT_RESOLVE and incident.approval is not None:
            approval_id = incident.approval.approval_id
        archived_at = incident.revoked.get(held.order.event_id)
        if (approval_id, archived_at) != (held.approval_id, held.archived_at):
            entries[path] = replace(held, approval_id=approval_id, archived_at=archived_at)
    return replace(incident, entries=entries)


def _written(incident: Incident, write: Write, outcome: Outcome) -> KnowledgeWritten:
    entry = incident.entries[write.path]
    path_a = incident.entries.get(PathType.INCIDENT_RESOLVE)
    return KnowledgeWritten(
        entry_id=entry_id(incident.key, write.path),
        incident_id=write.incident_id,
        path_type=write.path,
        approval_id=entry.approval_id,
        outcome=outcome,
        revision=entry.revision,
        linked=path_a is not None and path_a.approval_id is not None,
    )
