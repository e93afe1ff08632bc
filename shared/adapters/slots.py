"""One run per slot: a row per job and slot, by the database's clock, says who runs it and what came of it.

A source of ticks mints a new id per firing and replicas fire together, so the slot is the identity. The owner holds a
lease; when it dies the next tick takes over with a higher fence, and the dead owner's late writes hit nothing.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final

from shared.adapters.postgres import Connection, Database, json_rows
from shared.domain.errors import Busy, DatabaseUnavailable
from shared.domain.slots import Done, Mine, Slot, Taken

# What an answer may be late for a slot's sake; and between two tries to give one back.
_PATIENCE_S: Final = 1.0

_CLAIM: Final = """
INSERT INTO cron_slots (job, slot_start, owner, lease_until)
VALUES (:job, date_bin(:interval_s * interval '1 second', now(), 'epoch'), :owner,
        now() + :lease_s * interval '1 second')
ON CONFLICT (job, slot_start) DO UPDATE
SET owner = excluded.owner, lease_until = excluded.lease_until, fence = cron_slots.fence + 1
WHERE cron_slots.done_at IS NULL AND cron_slots.lease_until < now()
RETURNING slot_start, fence
"""
_STATE: Final = """
SELECT slot_start, done_at IS NOT NULL, result FROM cron_slots
WHERE job = :job AND slot_start = date_bin(:interval_s * interval '1 second', now(), 'epoch')
"""
_FINISH: Final = """
UPDATE cron_slots SET done_at = now(), result = (:result)::jsonb
WHERE job = :job AND slot_start = :slot_start AND fence = :fence AND done_at IS NULL
RETURNING slot_start
"""
_RELEASE: Final = """
UPDATE cron_slots SET lease_until = now()
WHERE job = :job AND slot_start = :slot_start AND fence = :fence AND done_at IS NULL
"""


class Slots:
    """The slots of one job, as this process runs them.

    Args:
        database: where.
        job: whose slots.
        owner: this process, for the slot's row.
        interval_s: length of a slot in seconds.
        lease_s: how long a silent owner keeps its slot, in seconds.
    """

    def __init__(self, database: Database, job: str, *, owner: str, interval_s: float, lease_s: float) -> None:
        self._database = database
        self._job = job
        self._owner = owner
        self._interval_s = interval_s
        self._lease_s = lease_s
        self._releasing: set[asyncio.Task[None]] = set()

    async def claim(self) -> Slot:
        """Take the current slot, or say who has it; raises DatabaseUnavailable."""

        def work(connection: Connection) -> Slot:
            where = {"job": self._job, "interval_s": self._interval_s}
            if rows := connection.rows(_CLAIM, **where, lease_s=self._lease_s, owner=self._owner):
                return Mine(*rows[0])
            # A second statement: its snapshot sees the row that the first one ran into.
            rows = connection.rows(_STATE, **where)
            slot_start, done, result = rows[0] if rows else (None, False, None)
            return Done(slot_start, result) if done and slot_start is not None else Taken()

        return await self._database.run(work)

    def finish(self, connection: Connection, slot: Mine, result: Any) -> None:
        """Record the result, in the transaction that makes it so.

        Raises:
            Busy: another owner took over meanwhile; the slot is its own, and may yet have to be taken from it.
        """
        if not connection.rows(_FINISH, **self._fenced(slot), result=json_rows(result)):
            raise Busy("another replica took this slot over; send it again")

    async def release(self, slot: Mine) -> None:
        """Let the next tick take the slot, at once or as soon as PostgreSQL can be told; never raises.

        A task of its own tells it, because the caller may be cancelled and PostgreSQL may be out. It gives up with the
        lease, which has the same end.
        """
        telling = asyncio.create_task(self._tell(slot))
        self._releasing.add(telling)
        telling.add_done_callback(self._releasing.discard)
        await asyncio.wait([telling], timeout=_PATIENCE_S)

    async def _tell(self, slot: Mine) -> None:
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._lease_s
        while loop.time() < ends:
            with suppress(DatabaseUnavailable):
                await self._database.run(lambda connection: connection.rows(_RELEASE, **self._fenced(slot)))
                return
            await asyncio.sleep(_PATIENCE_S)

    def _fenced(self, slot: Mine) -> dict[str, Any]:
        return {"job": self._job, "slot_start": slot.slot_start, "fence": slot.fence}
