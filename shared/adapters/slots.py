"""One run per slot: a row per job and slot, by the database's clock, says who runs it and what came of it.

A source of ticks mints a new id per firing and replicas fire together, so the slot is the identity. The owner holds a
lease; when it dies the next tick takes over with a higher fence, and the dead owner's late writes hit nothing.
"""

from __future__ import annotations

from typing import Any, Final

from shared.adapters.postgres import Connection, json_rows
from shared.domain.slots import Done, Mine, Slot, Taken

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


def claim(connection: Connection, job: str, *, interval_s: float, lease_s: float, owner: str) -> Slot:
    """Take the current slot of ``job``, or say why not."""
    if rows := connection.rows(_CLAIM, job=job, interval_s=interval_s, lease_s=lease_s, owner=owner):
        return Mine(*rows[0])
    # A second statement: its snapshot sees the row that the first one ran into.
    rows = connection.rows(_STATE, job=job, interval_s=interval_s)
    slot_start, done, result = rows[0] if rows else (None, False, None)
    return Done(slot_start, result) if done and slot_start is not None else Taken()


def finish(connection: Connection, job: str, slot: Mine, result: Any) -> bool:
    """Record the result; False when another owner took over meanwhile."""
    rows = connection.rows(_FINISH, job=job, slot_start=slot.slot_start, fence=slot.fence, result=json_rows(result))
    return bool(rows)


def release(connection: Connection, job: str, slot: Mine) -> None:
    """Let the next tick take the slot at once: this run could not finish."""
    connection.rows(_RELEASE, job=job, slot_start=slot.slot_start, fence=slot.fence)
