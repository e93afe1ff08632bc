"""What PostgreSQL does on a tick, and the two ways a dead letter takes effect."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from functions.backfill_reconcile.core import Fate, fate_at_the_door, to_send_again
from functions.backfill_reconcile.model import FUNCTION, RECONCILE_COMPLETED, SOURCE, Reconciled, Sent, Settled, Swept
from shared.adapters import outbox, quarantine
from shared.adapters.postgres import Connection, Database
from shared.adapters.relay import Relay
from shared.adapters.slots import Slots
from shared.domain.dead_letters import BROKER_STREAM, DeadLetter
from shared.domain.errors import Unprocessable
from shared.domain.events import Event, derived_id
from shared.domain.ports import KnowledgeStore
from shared.domain.slots import Done, Mine, Slot
from shared.domain.writes import write_of

_SWEEP_LINKS: Final = """
UPDATE knowledge_entries AS k SET approval_id = l.approval_id
FROM incident_links AS l
WHERE k.path_type = 'incident_resolve' AND k.incident_key = l.incident_id
  AND l.approval_id IS NOT NULL AND k.approval_id IS DISTINCT FROM l.approval_id
RETURNING k.id
"""
_SETTLE_EFFECTS: Final = """
WITH settled AS (
    UPDATE effects SET state = 'unknown', updated_at = now()
    WHERE state = 'sending' AND lease_until < now()
    RETURNING key
)
SELECT (SELECT count(*) FROM settled), (SELECT count(*) FROM effects WHERE state IN ('planned', 'sending', 'unknown'))
"""
_FORGET: Final = """
WITH old AS (DELETE FROM inbox WHERE received_at < now() - :days * interval '1 day' AND lease_until IS NULL),
told AS (
    DELETE FROM effects WHERE kind = 'notify' AND state = 'sent' AND updated_at < now() - :days * interval '1 day'
)
DELETE FROM cron_slots WHERE slot_start < now() - :days * interval '1 day'
"""


class PostgresUpkeep:
    """See :class:`functions.backfill_reconcile.handler.Upkeep`.

    Args:
        database: where.
        relay: sends the outbox.
        slots: of this job.
        retention_days: how long the inbox remembers events; longer than anything may come again.
        announce: whether ``reconcile.completed`` goes to the outbox.
    """

    def __init__(
        self,
        database: Database,
        relay: Relay,
        slots: Slots,
        *,
        retention_days: int,
        announce: bool,
    ) -> None:
        self._database = database
        self._relay = relay
        self._slots = slots
        self._retention_days = retention_days
        self._announce = announce

    async def claim_slot(self) -> Slot:
        """Take this slot, or say who has it."""
        return await self._slots.claim()

    async def finish_slot(self, slot: Mine, report: Reconciled) -> Event:
        """Record the report, forget what is old, announce.

        Raises:
            Busy: another owner took the slot over meanwhile; nothing was changed.
        """
        completed = _completed(slot.slot_start, report.model_dump(mode="json"))

        def work(connection: Connection) -> None:
            self._slots.finish(connection, slot, completed.data)
            if self._announce:
                outbox.add(connection, [completed])
            connection.rows(_FORGET, days=self._retention_days)

        await self._database.transact(work)
        self._relay.nudge()
        return completed

    async def release_slot(self, slot: Mine) -> None:
        """Let the next tick try again."""
        await self._slots.release(slot)

    def completed(self, slot: Done) -> Event:
        """``reconcile.completed`` of a slot that is done."""
        return _completed(slot.slot_start, slot.result)

    async def sweep_links(self) -> Swept:
        """Give path A the approval of its incident where it is missing."""
        rows = await self._database.run(lambda connection: connection.rows(_SWEEP_LINKS))
        return Swept(swept=len(rows))

    async def settle_effects(self) -> Settled:
        """Mark effects whose sender died as unknown."""
        rows = await self._database.run(lambda connection: connection.rows(_SETTLE_EFFECTS))
        return Settled(settled=rows[0][0], pending=rows[0][1])

    async def relay(self) -> Sent:
        """Send what waits in the outbox."""
        relayed = await self._relay.sweep()
        return Sent(sent=relayed.sent, remaining=relayed.remaining)

    async def send_again(self, event: Event) -> None:
        """Put an event into the outbox."""
        await self._database.transact(lambda connection: outbox.add(connection, [event]))
        self._relay.nudge()


class PostgresQuarantine:
    """See :class:`functions.backfill_reconcile.drain.Quarantine`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, stream: str, letters: Sequence[DeadLetter]) -> None:
        """Commit the letters."""
        await self._database.transact(lambda connection: quarantine.add(connection, stream, letters))


class KnowledgeReplay:
    """Replays km-write's letters through the same write path as the first time."""

    def __init__(self, knowledge: KnowledgeStore, *, deadline_s: float) -> None:
        self._knowledge = knowledge
        self._deadline_s = deadline_s

    async def __call__(self, letters: Sequence[DeadLetter]) -> Sequence[str]:
        """Write them all, or none."""
        writes = [write_of(letter.event) for letter in letters]
        receipts = await self._knowledge.write(writes, deadline_s=self._deadline_s)
        return [receipt.written.outcome for receipt in receipts]


class Redelivery:
    """Sends the broker's letters again, to everyone who subscribed: whoever has seen the event knows it by its id."""

    def __init__(self, database: Database, *, can_send: bool) -> None:
        self._database = database
        self._can_send = can_send

    async def __call__(self, letters: Sequence[DeadLetter]) -> Sequence[str]:
        """Put them all into the outbox, or none.

        Raises:
            Unprocessable: one of them must not be sent again.
        """
        if any(fate_at_the_door(letter, can_send=self._can_send) is Fate.QUARANTINE for letter in letters):
            raise Unprocessable(f"a letter of {BROKER_STREAM} is for a person to look at")
        events = [to_send_again(letter) for letter in letters]
        await self._database.transact(lambda connection: outbox.add(connection, events))
        return ["sent_again"] * len(letters)


def _completed(slot_start: datetime, report: Any) -> Event:
    return Event(
        id=derived_id(SOURCE, FUNCTION, slot_start.isoformat()),
        source=SOURCE,
        type=RECONCILE_COMPLETED,
        time=slot_start,
        subject=FUNCTION,
        data=report,
    )
