"""What backfill-reconcile accepts and emits: its part of the wire contract."""

from __future__ import annotations

from typing import Final

from pydantic import ConfigDict

from shared.domain.contract import Contract
from shared.domain.events import PING
from shared.domain.knowledge import KNOWLEDGE_QUARANTINED, KNOWLEDGE_WRITTEN, KnowledgeQuarantined, KnowledgeWritten

RECONCILE_COMPLETED: Final = "dev.aftercare.reconcile.completed.v1"
FUNCTION: Final = "backfill-reconcile"
SOURCE: Final = "/aftercare/backfill-reconcile"


class Drained(Contract):
    """What became of one stream: letters at the start, and what is left; the age is of the oldest, in seconds."""

    before: int = 0
    replayed: int = 0
    superseded: int = 0
    quarantined: int = 0
    remaining: int = 0
    oldest_age_s: float | None = None


class Swept(Contract):
    """Path A entries that lacked their incident's approval and have it now."""

    swept: int


class Sent(Contract):
    """Announcements sent, and those that still wait."""

    sent: int
    remaining: int


class Settled(Contract):
    """External effects whose sender died, to be looked up now, and those that are not finished."""

    settled: int
    pending: int


class Reconciled(Contract):
    """Data of ``reconcile.completed``."""

    streams: dict[str, Drained]
    links: Swept
    outbox: Sent
    effects: Settled


class Tick(Contract):
    """Data of a ping: what it says does not matter, the slot does."""

    model_config = ConfigDict(extra="ignore")


ACCEPTS: Final[dict[str, type[Contract]]] = {PING: Tick}
EMITS: Final[dict[str, type[Contract]]] = {
    RECONCILE_COMPLETED: Reconciled,
    KNOWLEDGE_WRITTEN: KnowledgeWritten,
    KNOWLEDGE_QUARANTINED: KnowledgeQuarantined,
}
