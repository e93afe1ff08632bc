"""What was found, in PostgreSQL: a request with its inbox row, a tick with its slot; announcements in the outbox.

A slot's result holds the alarms of its comparisons as well, so the next slot knows which drift is new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from functions.drift_check.core.alarms import Alarm, alarm
from functions.drift_check.core.reporting import detected, resource
from functions.drift_check.model import FUNCTION, SOURCE
from shared.adapters import inbox, outbox
from shared.adapters.postgres import Connection, Database
from shared.adapters.relay import Relay
from shared.adapters.slots import Slots
from shared.domain.drift import DRIFT_CHECKED, DRIFT_DETECTED, DriftChecked
from shared.domain.events import Event, derived_id, from_structured, to_structured
from shared.domain.slots import Done, Mine, Slot

_CHECKED: Final = ("checked", DRIFT_CHECKED)
_DETECTED: Final = ("detected", DRIFT_DETECTED)
_BEFORE: Final = """
SELECT result FROM cron_slots
WHERE job = :job AND slot_start < :slot_start AND done_at IS NOT NULL
ORDER BY slot_start DESC LIMIT 1
"""


class PostgresChecks:
    """See :class:`functions.drift_check.handler.Checks`.

    Args:
        database: where.
        relay: sends what is announced.
        slots: of this function.
        remind_s: seconds after which unchanged drift is announced again.
        announce: whether events go to the outbox; off when the reply carries them.
    """

    def __init__(
        self,
        database: Database,
        relay: Relay,
        slots: Slots,
        *,
        remind_s: float,
        announce: bool,
    ) -> None:
        self._database = database
        self._relay = relay
        self._slots = slots
        self._remind_s = remind_s
        self._announce = announce

    async def keep(self, event: Event, checked: DriftChecked) -> Event:
        """Commit what a request found, once."""

        def work(connection: Connection) -> Event:
            arrival = inbox.Arrival(event.source, event.id, event.digest())
            claims = inbox.claim(connection, FUNCTION, [arrival])
            earlier = claims.answer(arrival)
            if earlier is not None:
                return from_structured(earlier.reply)
            result = _followed(event, *_CHECKED, checked, claims.now)
            drift = detected(checked)
            events = [result] if drift is None else [result, _followed(event, *_DETECTED, drift, claims.now)]
            inbox.remember(connection, FUNCTION, {arrival.identity: to_structured(result)})
            if self._announce:
                outbox.add(connection, events)
            return result

        result = await self._database.transact(work)
        self._relay.nudge()
        return result

    async def claim_slot(self) -> Slot:
        """Take this slot, or say who has it."""
        return await self._slots.claim()

    async def release_slot(self, slot: Mine) -> None:
        """Let the next tick try again."""
        await self._slots.release(slot)

    async def finish_slot(self, slot: Mine, found: Sequence[DriftChecked]) -> Sequence[Event]:
        """Record what a tick found; drift that was announced lately is not announced again."""

        def work(connection: Connection) -> Sequence[Event]:
            before = connection.rows(_BEFORE, job=FUNCTION, slot_start=slot.slot_start)
            earlier = before[0][0]["alarms"] if before else {}
            alarms, due = self._alarms(slot, found, earlier)
            events = [_event(slot.slot_start, number, *_CHECKED, each) for number, each in enumerate(found)]
            result = {"checks": [_data(each) for each in found], "alarms": alarms}
            self._slots.finish(connection, slot, result)
            if self._announce:
                outbox.add(connection, [*events, *due])
            return events

        events = await self._database.transact(work)
        self._relay.nudge()
        return events

    def completed(self, slot: Done) -> Sequence[Event]:
        """``config.drift-checked`` of each comparison of a slot that is done."""
        found = [DriftChecked.model_validate(each) for each in slot.result["checks"]]
        return [_event(slot.slot_start, number, *_CHECKED, each) for number, each in enumerate(found)]

    def _alarms(
        self, slot: Mine, found: Sequence[DriftChecked], earlier: dict[str, Any]
    ) -> tuple[dict[str, Any], list[Event]]:
        """What the next slot is to know, by comparison, and what is to be announced now."""
        alarms, due = dict[str, Any](), list[Event]()
        for number, checked in enumerate(found):
            key = str(number)
            known = Alarm.model_validate(earlier[key]) if key in earlier else None
            kept, is_due = alarm(checked, known, now=slot.slot_start, remind_s=self._remind_s)
            drift = detected(checked)
            if kept is not None:
                alarms[key] = kept.model_dump(mode="json")
            if is_due and drift is not None:
                due.append(_event(slot.slot_start, number, *_DETECTED, drift))
        return alarms, due


def _followed(event: Event, step: str, event_type: str, found: DriftChecked, now: datetime) -> Event:
    """An event that answers a request; one that does not say what it is about is about the ConfigMap."""
    made = event.follow(step, type=event_type, source=SOURCE, time=now, data=_data(found))
    return made if made.subject is not None else replace(made, subject=resource(found))


def _event(slot_start: datetime, number: int, step: str, event_type: str, found: DriftChecked) -> Event:
    return Event(
        id=derived_id(SOURCE, slot_start.isoformat(), str(number), step),
        source=SOURCE,
        type=event_type,
        time=slot_start,
        subject=resource(found),
        data=_data(found),
    )


def _data(found: DriftChecked) -> Any:
    return found.model_dump(mode="json", exclude_none=True)
