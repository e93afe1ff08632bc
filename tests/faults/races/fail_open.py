"""governance-check whose lease fails open: a slot that another replica has is run all the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from functions.governance_check import main
from functions.governance_check.handler import create_handler
from functions.governance_check.model import ACCEPTS, FUNCTION, REQUEST_TYPE
from shared.adapters.dsn import Dsn
from shared.adapters.postgres import Connection, Database
from shared.domain.slots import Mine, Slot, Taken
from shared.runtime.requests import EventReader
from shared.runtime.serving import Route, serve

_TAKE: Final = """
UPDATE cron_slots SET owner = 'whoever', fence = fence + 1
WHERE job = :job AND done_at IS NULL AND slot_start = (SELECT max(slot_start) FROM cron_slots WHERE job = :job)
RETURNING slot_start, fence
"""

database = Database(Dsn.parse(main.settings.database_url.get_secret_value()), application=FUNCTION)


class OpenLease:
    """One that everybody holds."""

    async def take(self) -> bool:
        """Always."""
        return True

    async def give_back(self) -> None:
        """Nothing."""


class OpenLedger:
    """A ledger that takes a lease it did not get for one that it could not ask for."""

    def __init__(self, sound: Any) -> None:
        self._sound = sound

    def __getattr__(self, name: str) -> Any:
        """Everything else as it ships."""
        return getattr(self._sound, name)

    async def claim_slot(self) -> Slot:
        """Take the slot, whoever has it."""

        def take(connection: Connection) -> Slot:
            rows = connection.rows(_TAKE, job=FUNCTION)
            return Mine(*rows[0]) if rows else Taken()

        slot = await self._sound.claim_slot()
        return await database.run(take) if isinstance(slot, Taken) else slot


ports = replace(main.ports, ledger=OpenLedger(main.ports.ledger), lease=OpenLease())
read = EventReader(ACCEPTS, request_type=REQUEST_TYPE, ticks=True)
handle = serve(FUNCTION, main.settings, {"/": Route(read=read, use_case=create_handler(ports))})
