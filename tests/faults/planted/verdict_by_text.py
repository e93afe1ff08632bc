"""verify-execution that looks for bad words in what it saw, printed: no bad word, so the fix worked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from functions.verify_execution.core.judging import Judgement
from functions.verify_execution.core.tickets import Settlement, Ticket
from functions.verify_execution.core.timetable import Timing
from functions.verify_execution.handler import Pending, Settled, Verifications, create_handler
from functions.verify_execution.model import ACCEPTS, REQUEST_TYPE, ExecutionCompleted
from shared.domain.events import Event
from shared.domain.executions import Reason, Verdict
from shared.runtime.requests import EventReader
from shared.runtime.serving import Route, serve
from tests.faults import verification_main as main

_BAD_WORDS: Final = ("error", "crash", "oomkilled", "unreachable")


class ReadingVerifications:
    """Verifications that judge once more."""

    def __init__(self, sound: Verifications) -> None:
        self._sound = sound

    async def begin(self, event: Event, execution: ExecutionCompleted, timing: Timing) -> Ticket | Settled | Pending:
        """As it is."""
        return await self._sound.begin(event, execution, timing)

    async def due(self, *, most: int) -> Sequence[Ticket]:
        """As it is."""
        return await self._sound.due(most=most)

    async def settle(self, settlement: Settlement) -> bool:
        """Commit what the text says."""
        post = settlement.observed[-1]
        if any(word in str(post).lower() for word in _BAD_WORDS):
            return await self._sound.settle(settlement)
        judgement = Judgement(Verdict.SUCCESS, Reason.RECOVERED)
        data = {**settlement.verified.data, "verdict": "success", "reason": "recovered", "revises": None}
        verified = replace(settlement.verified, data=data)
        return await self._sound.settle(replace(settlement, judgement=judgement, verified=verified, rollback=None))

    async def release(self, ticket: Ticket) -> None:
        """As it is."""
        await self._sound.release(ticket)


ports = replace(main.ports, verifications=ReadingVerifications(main.ports.verifications))
read = EventReader(ACCEPTS, request_type=REQUEST_TYPE, ticks=True)
handle = serve("verify-execution", main.settings, {"/": Route(read=read, use_case=create_handler(ports))})
