"""verify-execution that waits first and writes afterwards: what it has acknowledged is only in its memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from functions.verify_execution.core.tickets import Settlement, Ticket
from functions.verify_execution.core.timetable import Check, Timing
from functions.verify_execution.handler import Pending, Settled, create_handler
from functions.verify_execution.model import ACCEPTS, REQUEST_TYPE, ExecutionCompleted
from functions.verify_execution.verifications import PostgresVerifications
from shared.domain.events import Event
from shared.runtime.requests import EventReader
from shared.runtime.serving import Route, serve
from tests.faults import verification_main as main


class Hopeful:
    """Verifications whose row is written together with the verdict."""

    def __init__(self, sound: PostgresVerifications) -> None:
        self._sound = sound

    async def begin(self, event: Event, execution: ExecutionCompleted, timing: Timing) -> Ticket | Settled | Pending:
        """Take a row that is not there."""
        acted_at = execution.finished_at
        return Ticket(
            id="", check=Check.INITIAL, fence=0, cause=event, execution=execution, acted_at=acted_at, timing=timing
        )

    async def due(self, *, most: int) -> Sequence[Ticket]:
        """What was written."""
        return await self._sound.due(most=most)

    async def settle(self, settlement: Settlement) -> bool:
        """Write everything at once."""
        held = settlement.ticket
        if held.id:
            return await self._sound.settle(settlement)
        begun = await self._sound.begin(held.cause, held.execution, held.timing)
        return isinstance(begun, Ticket) and await self._sound.settle(replace(settlement, ticket=begun))

    async def release(self, ticket: Ticket) -> None:
        """Leave it to the next tick, if it is anywhere."""
        if ticket.id:
            await self._sound.release(ticket)


ports = replace(main.ports, verifications=Hopeful(main.ports.verifications))
read = EventReader(ACCEPTS, request_type=REQUEST_TYPE, ticks=True)
handle = serve("verify-execution", main.settings, {"/": Route(read=read, use_case=create_handler(ports))})
