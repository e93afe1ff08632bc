"""What drift-check finds is kept once and announced once: one suite for PostgreSQL and for memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from functions.drift_check.core.alarms import Alarm, alarm
from functions.drift_check.core.reporting import detected, failure
from functions.drift_check.ledger import PostgresChecks
from functions.drift_check.model import FUNCTION, REQUEST_TYPE, SOURCE
from shared.adapters.relay import Relay
from shared.adapters.slots import Slots
from shared.domain.drift import DRIFT_CHECKED, DRIFT_DETECTED, DriftChecked, DriftStatus, FieldReport, FieldStatus
from shared.domain.errors import Unprocessable
from shared.domain.events import Event, derived_id
from shared.domain.slots import Done, Mine, Slot, Taken
from shared.testing.clocks import NOON, FakeClock
from tests.tables import opened, reading

INTERVAL_S = 900.0
REMIND_S = 3600.0


class MemoryChecks:
    """See :class:`functions.drift_check.handler.Checks`; ``announced`` is what went out."""

    def __init__(self, clock: FakeClock | None = None) -> None:
        self._clock = clock or FakeClock()
        self._replies: dict[tuple[str, str], tuple[str, Event]] = {}
        self._done: dict[datetime, list[DriftChecked]] = {}
        self._alarms: dict[int, Alarm] = {}
        self._held: set[datetime] = set()
        self.announced: dict[str, Event] = {}
        self.failures: list[Exception] = []
        self.failures_at_the_end: list[Exception] = []

    async def keep(self, event: Event, checked: DriftChecked) -> Event:
        if self.failures:
            raise self.failures.pop()
        known = self._replies.get((event.source, event.id))
        if known is not None:
            if known[0] != event.digest():
                raise Unprocessable("used before")
            return known[1]
        result = self._announce(derived_id(event.source, event.id, "checked"), DRIFT_CHECKED, checked)
        drift = detected(checked)
        if drift is not None:
            self._announce(derived_id(event.source, event.id, "detected"), DRIFT_DETECTED, drift)
        self._replies[event.source, event.id] = (event.digest(), result)
        return result

    async def claim_slot(self) -> Slot:
        if self.failures:
            raise self.failures.pop()
        now = self._clock.now()
        start = datetime.fromtimestamp(now.timestamp() // INTERVAL_S * INTERVAL_S, tz=now.tzinfo)
        if start in self._done:
            return Done(start, None)
        if start in self._held:
            return Taken()
        self._held.add(start)
        return Mine(start, 1)

    async def release_slot(self, slot: Mine) -> None:
        self._held.discard(slot.slot_start)

    async def finish_slot(self, slot: Mine, found: Sequence[DriftChecked]) -> Sequence[Event]:
        if self.failures_at_the_end:
            raise self.failures_at_the_end.pop()
        for number, checked in enumerate(found):
            kept, due = alarm(checked, self._alarms.get(number), now=slot.slot_start, remind_s=REMIND_S)
            self._alarms = {**self._alarms, number: kept} if kept else {}
            drift = detected(checked)
            if due and drift is not None:
                id_ = derived_id(SOURCE, slot.slot_start.isoformat(), str(number), "detected")
                self._announce(id_, DRIFT_DETECTED, drift)
        self._done[slot.slot_start] = list(found)
        return self.completed(Done(slot.slot_start, None))

    def completed(self, slot: Done) -> Sequence[Event]:
        at = slot.slot_start.isoformat()
        found = enumerate(self._done[slot.slot_start])
        return [self._announce(derived_id(SOURCE, at, str(n), "checked"), DRIFT_CHECKED, each) for n, each in found]

    def _announce(self, id_: str, event_type: str, found: DriftChecked) -> Event:
        data = found.model_dump(mode="json", exclude_none=True)
        subject = f"configmap/{found.subject.partition(' against ')[0]}"
        self.announced[id_] = Event(id=id_, source=SOURCE, type=event_type, time=NOON, subject=subject, data=data)
        return self.announced[id_]


def postgres_checks(database, *, announce=True, owner="me", lease_s=60.0):
    slots = Slots(database, FUNCTION, owner=owner, interval_s=INTERVAL_S, lease_s=lease_s)
    return PostgresChecks(database, Relay(database, None), slots, remind_s=REMIND_S, announce=announce)


@pytest.fixture(params=["memory", "postgres"])
def place(request):
    """The checks, and a function that gives what was announced, by type."""
    if request.param == "memory":
        checks = MemoryChecks()
        yield checks, lambda: [each.type for each in checks.announced.values()]
        return
    url = request.getfixturevalue("database_url")
    with opened(url) as database, reading(url) as rows:
        yield postgres_checks(database), lambda: [row[0] for row in rows("SELECT event_type FROM outbox ORDER BY id")]


def found(status=DriftStatus.DRIFT, value="2"):
    fields = [FieldReport(name="b", status=FieldStatus.DRIFT, configured=value, default="1")]
    if status is DriftStatus.OK:
        fields = []
    return DriftChecked(subject="prod/api against Settings", status=status, fields=fields, counts={})


REQUEST = Event(id="r-1", source="/http", type=REQUEST_TYPE, data={"a": 1})


class TestRequests:
    async def test_drift_is_announced_beside_the_result(self, place):
        checks, announced = place
        result = await checks.keep(REQUEST, found())

        assert (result.type, result.subject, result.data["status"]) == (DRIFT_CHECKED, "configmap/prod/api", "drift")
        assert announced() == [DRIFT_CHECKED, DRIFT_DETECTED]

    async def test_what_agrees_is_not_announced_as_drift(self, place):
        checks, announced = place
        await checks.keep(REQUEST, found(DriftStatus.OK))
        assert announced() == [DRIFT_CHECKED]

    async def test_a_repeat_has_the_first_answer_and_no_effect(self, place):
        checks, announced = place
        first = await checks.keep(REQUEST, found())
        again = await checks.keep(REQUEST, found(DriftStatus.OK))

        assert (again.id, again.data) == (first.id, first.data)
        assert announced() == [DRIFT_CHECKED, DRIFT_DETECTED]

    async def test_an_id_with_other_content_is_refused(self, place):
        checks, announced = place
        await checks.keep(REQUEST, found())
        with pytest.raises(Unprocessable):
            await checks.keep(Event(id="r-1", source="/http", type=REQUEST_TYPE, data={"a": 2}), found())
        assert announced() == [DRIFT_CHECKED, DRIFT_DETECTED]


class TestSlots:
    async def test_one_run_per_slot_and_the_same_events_for_all(self, place):
        checks, announced = place
        slot = await checks.claim_slot()
        assert isinstance(slot, Mine)
        assert isinstance(await checks.claim_slot(), Taken)
        events = await checks.finish_slot(slot, [found(), failure("other/b", "no class")])
        assert [event.data["status"] for event in events] == ["drift", "error"]

        done = await checks.claim_slot()
        assert isinstance(done, Done)
        again = checks.completed(done)
        assert [(each.id, each.data) for each in again] == [(each.id, each.data) for each in events]
        assert sorted(announced()) == [DRIFT_CHECKED, DRIFT_CHECKED, DRIFT_DETECTED]

    async def test_a_slot_that_was_given_back_is_free_at_once(self, place):
        checks, _ = place
        await checks.release_slot(await checks.claim_slot())

        assert isinstance(await checks.claim_slot(), Mine)


class TestPostgres:
    @pytest.fixture
    def here(self, database_url):
        url = database_url
        with opened(url) as database, reading(url) as rows:
            yield database, rows

    async def run(self, database, rows, *reports, hours_later=0):
        """One slot; the one before it is moved into the past. How much drift it announced."""
        rows("DELETE FROM cron_slots WHERE slot_start < (SELECT max(slot_start) FROM cron_slots)")
        rows("DELETE FROM outbox")
        rows("UPDATE cron_slots SET slot_start = slot_start - interval '1 day'")
        checks = postgres_checks(database)
        slot = await checks.claim_slot()
        moved = Mine(slot.slot_start + timedelta(hours=hours_later), slot.fence)
        rows("UPDATE cron_slots SET slot_start = :start WHERE done_at IS NULL", start=moved.slot_start)
        await checks.finish_slot(moved, reports)
        return rows("SELECT count(*) FROM outbox WHERE event_type = :t", t=DRIFT_DETECTED)[0][0]

    async def test_unchanged_drift_is_announced_once_until_it_is_time_to_remind(self, here):
        database, rows = here
        assert await self.run(database, rows, found()) == 1
        assert await self.run(database, rows, found()) == 0
        assert await self.run(database, rows, failure("prod/api", "no cluster")) == 0
        assert await self.run(database, rows, found()) == 0
        assert await self.run(database, rows, found(value="3")) == 1
        assert await self.run(database, rows, found(value="3"), hours_later=2) == 1
        assert await self.run(database, rows, found(DriftStatus.OK), hours_later=2) == 0
        assert await self.run(database, rows, found(value="3"), hours_later=2) == 1

    async def test_an_owner_that_fell_silent_is_replaced_and_its_late_result_changes_nothing(self, here):
        database, rows = here
        slow, quick = postgres_checks(database, owner="slow", lease_s=0.001), postgres_checks(database, owner="quick")
        stale = await slow.claim_slot()
        slot = await quick.claim_slot()
        assert slot.fence == stale.fence + 1
        await quick.finish_slot(slot, [found(DriftStatus.OK)])

        with pytest.raises(Exception, match="took this slot over"):
            await slow.finish_slot(stale, [found()])
        assert rows("SELECT count(*) FROM outbox WHERE event_type = :t", t=DRIFT_DETECTED) == [[0]]

    async def test_without_a_sink_nothing_waits_to_be_sent(self, here):
        database, rows = here
        await postgres_checks(database, announce=False).keep(REQUEST, found())
        assert rows("SELECT count(*) FROM outbox") == [[0]]
