"""Ports that more than one function asks for; an adapter and a fake stand behind each, and pass the same tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # who wants a clock does not load what the others speak of
    from shared.domain.dead_letters import DeadLetter
    from shared.domain.events import Event
    from shared.domain.knowledge import Receipt, Write


class Clock(Protocol):
    """Time and waiting, so that decisions can be tested without either."""

    def now(self) -> datetime:
        """Aware UTC."""

    def monotonic(self) -> float:
        """Seconds; only differences mean anything."""

    async def sleep(self, seconds: float) -> None:
        """Wait; cancellable."""


class KnowledgeStore(Protocol):
    """The one way to write knowledge: inbox, entry, link and announcement in one transaction."""

    async def write(self, writes: Sequence[Write], *, deadline_s: float) -> Sequence[Receipt]:
        """Write them all or none; a single one is committed together with whatever else waits.

        Raises:
            DatabaseUnavailable: not now; whether it was committed is unknown, and repeating it is safe.
            DatabaseRejected: this content cannot be stored.
            Unprocessable: an event's id was used before with other content.
        """


class DeadLetterQueue(Protocol):
    """Where an event waits when the database cannot take it."""

    async def put(self, stream: str, letter: DeadLetter) -> None:
        """Keep the letter durably; a letter for the same event is kept once.

        Raises:
            QueueUnavailable: it is not kept: Redis is down, full, or would forget it.
        """


class EventSink(Protocol):
    """Where events go: to one broker, or each to the functions that asked for its type.

    Attributes:
        routes: by event type, the URLs that want it; None when there is a broker that knows.
    """

    routes: Mapping[str, Sequence[str]] | None

    async def send(self, event: Event, destination: str = "") -> None:
        """Deliver; at least once.

        Args:
            event: what to deliver.
            destination: one of the routes' URLs; empty for the broker.

        Raises:
            UpstreamUnavailable: not now.
            UpstreamRejected: never, in this form.
        """
