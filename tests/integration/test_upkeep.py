"""What a tick of backfill-reconcile commits, against a real PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

import pytest

from functions.backfill_reconcile.model import FUNCTION, Reconciled, Sent, Settled, Swept
from functions.backfill_reconcile.upkeep import PostgresQuarantine, PostgresUpkeep
from shared.adapters.relay import Relay
from shared.adapters.slots import Slots
from shared.domain.dead_letters import DeadLetter
from shared.domain.errors import Busy
from shared.domain.failures import of_sqlstate
from shared.domain.slots import Done, Mine
from shared.testing.clocks import NOON
from shared.testing.events import write_requested

REPORT = Reconciled(
    streams={}, links=Swept(swept=2), effects=Settled(settled=0, pending=0), outbox=Sent(sent=0, remaining=0)
)


@pytest.fixture
def replica(database):
    def made(owner):
        slots = Slots(database, FUNCTION, owner=owner, interval_s=86_400, lease_s=60)
        return PostgresUpkeep(database, Relay(database, None), slots, retention_days=7, announce=True)

    return made


async def test_a_tick_is_recorded_and_announced_in_one_piece(replica, rows):
    upkeep = replica("a")
    completed = await upkeep.finish_slot(await upkeep.claim_slot(), REPORT)

    done = await replica("b").claim_slot()
    assert isinstance(done, Done)
    assert upkeep.completed(done) == completed
    assert rows("SELECT event ->> 'id' FROM outbox") == [[completed.id]]


async def test_an_owner_that_was_overtaken_is_told_and_changes_nothing(replica, rows):
    """A 2xx here would end the tick while the slot is not done: nobody would come for it if its new owner died."""
    asleep = await replica("asleep").claim_slot()
    rows("UPDATE cron_slots SET lease_until = now() - interval '1 second'")
    assert isinstance(await replica("awake").claim_slot(), Mine)
    rows(
        "INSERT INTO cron_slots (job, slot_start, owner, lease_until)"
        " VALUES ('old', now() - interval '1 year', 'x', now())"
    )

    with pytest.raises(Busy, match="send it again"):
        await replica("asleep").finish_slot(asleep, REPORT)

    assert rows("SELECT count(*) FROM outbox") == [[0]]
    assert rows("SELECT done_at FROM cron_slots WHERE job <> 'old'") == [[None]]
    assert rows("SELECT count(*) FROM cron_slots WHERE job = 'old'") == [[1]]


def letter(**data):
    event = replace(write_requested(), data=data)
    return DeadLetter(
        event=event, fn="km-write", failure=of_sqlstate("22P05"), attempts=1, first_failed_at=NOON, detail={}
    )


async def test_two_letters_with_one_id_are_both_quarantined_whole(database, rows):
    quarantine = PostgresQuarantine(database)
    await quarantine.add("km:dlq", [letter(text="one"), letter(text="the other"), letter(text="one")])
    await quarantine.add("km:dlq", [letter(text="one")])

    found = rows("SELECT event -> 'data' ->> 'text' FROM dead_letters ORDER BY 1")
    assert found == [["one"], ["the other"]]
