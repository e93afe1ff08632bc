"""Sends what waits in the outbox.

Whoever commits an announcement nudges the relay of its own process; backfill-reconcile sweeps what is left, whoever
left it. Both run the same pass: claim due rows, send, delete what was taken, note why the rest was not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shared.adapters import outbox, quarantine
from shared.adapters.outbox import Outgoing
from shared.adapters.postgres import Connection, Database
from shared.domain.dead_letters import DeadLetter
from shared.domain.errors import DatabaseUnavailable, UpstreamRejected, UpstreamUnavailable
from shared.domain.events import from_structured
from shared.domain.failures import Failure, FailureClass
from shared.domain.ports import EventSink

_PASS: Final = 100
_AT_ONCE: Final = 8
_REJECTIONS_TOLERATED: Final = 5
_STREAM: Final = "outbox"


@dataclass(frozen=True, slots=True)
class Relayed:
    """What one sweep did."""

    sent: int
    remaining: int


class Relay:
    """Relays the outbox.

    Args:
        database: where the outbox is.
        sink: where events go; None keeps them until there is one.
    """

    def __init__(self, database: Database, sink: EventSink | None) -> None:
        self._database = database
        self._sink = sink
        self._running: asyncio.Task[None] | None = None
        self._nudged = False

    def nudge(self) -> None:
        """Send soon, in the background; a nudge during a pass makes it look again."""
        self._nudged = True
        if self._sink is not None and (self._running is None or self._running.done()):
            self._running = asyncio.create_task(self._until_quiet())

    async def sweep(self) -> Relayed:
        """Send everything that is due.

        Raises:
            DatabaseUnavailable: the outbox cannot be read.
        """
        sent = await self._send_due()
        return Relayed(sent, await self._database.run(outbox.count))

    async def _until_quiet(self) -> None:
        while self._nudged:
            self._nudged = False
            try:
                await self._send_due()
            except DatabaseUnavailable:
                return  # The rows are durable; the next nudge or backfill-reconcile's sweep finds them.

    async def _send_due(self) -> int:
        """Pass after pass, as long as something was sent; how much that was."""
        sent = 0
        while self._sink is not None and (tried := await self._pass(self._sink)):
            sent += tried.count(True)
            if True not in tried:
                break
        return sent

    async def _pass(self, sink: EventSink) -> list[bool]:
        """One batch; for each row whether it was sent."""
        rows = await self._database.run(lambda connection: _claim(connection, sink))
        gate = asyncio.Semaphore(_AT_ONCE)
        errors = await asyncio.gather(*(_send(sink, row, gate) for row in rows))
        outcome = list(zip(rows, errors, strict=True))
        if rows:
            await self._database.transact(lambda connection: _settle(connection, outcome))
        return [error is None for error in errors]


def _claim(connection: Connection, sink: EventSink) -> list[Outgoing]:
    if sink.routes is not None:
        outbox.direct(connection, sink.routes)
    return outbox.claim(connection, most=_PASS)


async def _send(
    sink: EventSink, row: Outgoing, gate: asyncio.Semaphore
) -> UpstreamRejected | UpstreamUnavailable | None:
    async with gate:
        try:
            await sink.send(from_structured(row.document), row.destination)
        except (UpstreamRejected, UpstreamUnavailable) as error:
            return error
    return None


def _settle(
    connection: Connection, outcome: Sequence[tuple[Outgoing, UpstreamRejected | UpstreamUnavailable | None]]
) -> None:
    """Forget what was sent; quarantine what the sink keeps refusing; note why the rest is still here."""
    refused = [row for row, error in outcome if isinstance(error, UpstreamRejected) and _is_hopeless(row)]
    quarantine.add(connection, _STREAM, [_letter(row) for row in refused])
    outbox.delete(connection, [row.id for row, error in outcome if error is None] + [row.id for row in refused])
    kept = {row.id: str(error) for row, error in outcome if error is not None and row not in refused}
    outbox.note_failures(connection, kept)


def _is_hopeless(row: Outgoing) -> bool:
    return row.attempts >= _REJECTIONS_TOLERATED


def _letter(row: Outgoing) -> DeadLetter:
    return DeadLetter(
        event=from_structured(row.document),
        fn=_STREAM,
        failure=Failure(FailureClass.EVENT),
        attempts=row.attempts,
        first_failed_at=row.created_at,
    )
