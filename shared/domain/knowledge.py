"""Knowledge: what is written down about an incident, and the contract of writing it.

One incident has at most one entry per path type. Path A (``incident_resolve``) says how the incident ended, the B
paths (``approval_*``) what was approved and what came of it, path C (``playbook_extract``) needs no incident.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

from pydantic import Field, model_validator

from shared.domain.contract import Contract, Id, Unit
from shared.domain.events import Event, canonical_json

if TYPE_CHECKING:
    from datetime import datetime

KNOWLEDGE_WRITE_REQUESTED: Final = "dev.aftercare.knowledge.write-requested.v1"
KNOWLEDGE_WRITTEN: Final = "dev.aftercare.knowledge.written.v1"
KNOWLEDGE_DEFERRED: Final = "dev.aftercare.knowledge.deferred.v1"
KNOWLEDGE_QUARANTINED: Final = "dev.aftercare.knowledge.quarantined.v1"

WRITER: Final = "km-write"
SOURCE: Final = "/aftercare/km-write"


class PathType(StrEnum):
    """How an entry came to be; a closed set."""

    INCIDENT_RESOLVE = "incident_resolve"
    APPROVAL_MANUAL = "approval_manual"
    APPROVAL_AUTO_OK = "approval_auto_ok"
    APPROVAL_AUTO_FAIL = "approval_auto_fail"
    APPROVAL_AUTO_UNPROVEN = "approval_auto_unproven"
    PLAYBOOK_EXTRACT = "playbook_extract"


class EntryType(StrEnum):
    """What kind of text an entry is."""

    INCIDENT_CASE = "incident_case"
    RUNBOOK = "runbook"
    PLAYBOOK = "playbook"
    ANTI_PATTERN = "anti_pattern"
    POSTMORTEM = "postmortem"
    NOTE = "note"


class Outcome(StrEnum):
    """What a write did to the entry."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"  # newer, and says the same
    SUPERSEDED = "superseded"  # older than what is there: counted, not applied


class Entry(Contract):
    """The text itself."""

    title: Annotated[str, Field(min_length=1, max_length=200)]
    content: Annotated[str, Field(min_length=1, max_length=65_536)]
    entry_type: EntryType
    category: Annotated[str, Field(max_length=128)] | None = None
    tags: Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=64)] = []
    severity: Annotated[str, Field(max_length=32)] | None = None
    confidence: Unit | None = None


class WriteRequested(Contract):
    """Data of ``knowledge.write-requested``."""

    path_type: PathType
    incident_id: Id | None = None
    approval_id: Id | None = None
    metadata: dict[str, Any] = {}
    entry: Entry

    @model_validator(mode="after")
    def _incident_is_named(self) -> Self:
        if self.incident_id is None and self.path_type is not PathType.PLAYBOOK_EXTRACT:
            raise ValueError(f"incident_id is required for path_type {self.path_type}")
        return self


class KnowledgeWritten(Contract):
    """Data of ``knowledge.written``: what is in PostgreSQL now.

    ``revision`` counts the distinct events of the entry; ``linked`` says that path A carries the approval.
    """

    entry_id: Id
    incident_id: Id | None
    path_type: PathType
    approval_id: Id | None
    outcome: Outcome
    revision: int
    linked: bool


class Cause(Contract):
    """Why something was not written: a failure class, and the SQLSTATE if the server gave one."""

    model_config = {**Contract.model_config, "populate_by_name": True}

    kind: Annotated[str, Field(alias="class")]
    sqlstate: str | None = None


class KnowledgeDeferred(Contract):
    """Data of ``knowledge.deferred``: kept durably in the dead letter stream, written later."""

    source: str
    id: Id
    stream: str
    reason: Cause


class KnowledgeQuarantined(Contract):
    """Data of ``knowledge.quarantined``: kept with its whole payload until a person decides."""

    source: str
    id: Id
    type: str
    reason: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One thing to write, with the event that caused it.

    Attributes:
        event: the cause, whole: it is what a dead letter keeps.
        approval_id: belongs to the incident, whichever path brings it.
        revokes: id of an earlier event whose entry no longer holds.
    """

    event: Event
    path: PathType
    incident_id: str | None
    approval_id: str | None
    entry: Entry
    metadata: dict[str, Any] = field(default_factory=dict)
    revokes: str | None = None

    @property
    def key(self) -> str:
        """The incident, or the event itself when there is none: never NULL, so the unique index always bites."""
        return self.incident_id or f"evt:{self.event.source}#{self.event.id}"

    def content_sha256(self) -> str:
        """Equal for writes that say the same."""
        said = {"entry": self.entry.model_dump(mode="json"), "metadata": self.metadata, "approval": self.approval_id}
        return hashlib.sha256(canonical_json(said)).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Proof of a committed write.

    Attributes:
        written: what is there now; for a duplicate, what was answered the first time.
        at: database time of the transaction that took the event.
        duplicate: the event had taken effect before.
    """

    written: KnowledgeWritten
    at: datetime
    duplicate: bool = False

    def announce(self, cause: Event) -> Event:
        """``knowledge.written`` for ``cause``: the same event each time it is asked for."""
        data = self.written.model_dump(mode="json")
        return cause.follow("written", type=KNOWLEDGE_WRITTEN, source=SOURCE, time=self.at, data=data)
