"""Alerts in PostgreSQL: inbox, outbox and quarantine in one transaction."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from functions.alert_bridge.core import Bridged, Refused
from shared.adapters import inbox, outbox, quarantine
from shared.adapters.postgres import Connection, Database
from shared.adapters.relay import Relay
from shared.domain.dead_letters import DeadLetter
from shared.domain.failures import Failure, FailureClass

_FN: Final = "alert-bridge"


class PostgresAnnouncements:
    """Keeps alerts in the outbox and nudges the relay."""

    def __init__(self, database: Database, relay: Relay) -> None:
        self._database = database
        self._relay = relay

    async def keep(self, bridged: Bridged) -> int:
        """See :class:`functions.alert_bridge.handler.Announcements`."""
        new = await self._database.transact(lambda connection: _keep(connection, bridged))
        self._relay.nudge()
        return new


def _keep(connection: Connection, bridged: Bridged) -> int:
    # The id is the whole identity: a repeat with other annotations is the same episode, so the id is its own digest.
    arrivals = [inbox.Arrival(event.source, event.id, event.id) for event in bridged.events]
    claims = inbox.claim(connection, _FN, arrivals)
    new = {(event.source, event.id): event for event in bridged.events if (event.source, event.id) in claims.fresh}
    outbox.add(connection, list(new.values()))
    quarantine.add(connection, _FN, [_letter(refused) for refused in bridged.refused])
    return len(new)


def _letter(refused: Refused) -> DeadLetter:
    return DeadLetter(
        event=refused.event,
        fn=_FN,
        failure=Failure(FailureClass.EVENT),
        attempts=1,
        first_failed_at=refused.event.time or datetime.now(UTC),
        detail={"why": refused.why},
    )
