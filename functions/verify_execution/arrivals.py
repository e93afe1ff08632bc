"""What an event's inbox row says about the event, when several come at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from functions.verify_execution.model import FUNCTION
from shared.adapters import inbox
from shared.adapters.postgres import Connection
from shared.domain.errors import Unprocessable
from shared.domain.events import Event


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Events of one group, claimed in the running transaction."""

    claims: inbox.Claims
    taken: Mapping[inbox.Identity, inbox.Arrival]

    def is_fresh(self, event: Event) -> bool:
        """Whether this is the one that came first."""
        return (event.source, event.id) in self.claims.fresh

    def earlier(self, event: Event) -> inbox.Earlier | Unprocessable | None:
        """What was answered before; None for a new event, and a refusal for an id with other content than before."""
        arrival = _arrival(event)
        if self.taken[arrival.identity].digest != arrival.digest:
            return Unprocessable(f"id {event.id} was sent twice at once with different content; send a new id")
        try:
            return self.claims.answer(arrival)
        except Unprocessable as error:
            return error


def claim(connection: Connection, events: Sequence[Event]) -> Arrivals:
    """Take events in the running transaction."""
    arrivals = [_arrival(event) for event in events]
    claims = inbox.claim(connection, FUNCTION, arrivals)
    return Arrivals(claims, {arrival.identity: arrival for arrival in arrivals})


def _arrival(event: Event) -> inbox.Arrival:
    return inbox.Arrival(event.source, event.id, event.digest())
