"""Ports that only one function asks for, in memory."""

from __future__ import annotations

from collections import deque
from datetime import datetime

from functions.alert_bridge.core import Bridged
from functions.backfill_reconcile.model import RECONCILE_COMPLETED, SOURCE, Reconciled, Sent, Settled, Swept
from shared.domain.errors import AftercareError
from shared.domain.events import Event, derived_id
from shared.domain.slots import Done, Mine, Slot, Taken
from shared.testing.clocks import FakeClock

SLOT_S = 300


class MemoryAnnouncements:
    """See :class:`functions.alert_bridge.handler.Announcements`."""

    def __init__(self) -> None:
        self.events: dict[tuple[str, str], Event] = {}
        self.refused: dict[str, str] = {}
        self.failures: deque[AftercareError] = deque()

    async def keep(self, bridged: Bridged) -> int:
        if self.failures:
            raise self.failures.popleft()
        before = len(self.events)
        self.events |= {(e.source, e.id): e for e in bridged.events if (e.source, e.id) not in self.events}
        self.refused |= {refused.event.id: refused.why for refused in bridged.refused}
        return len(self.events) - before


class MemoryUpkeep:
    """See :class:`functions.backfill_reconcile.handler.Upkeep`.

    Attributes:
        failures: raised by the next calls of the name, one each.
        calls: the names of what was called, in order.
        owned_by_another: whether another replica runs the current slot.
    """

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._slots: dict[datetime, object] = {}
        self.outbox: list[Event] = []
        self.calls: list[str] = []
        self.failures: dict[str, AftercareError] = {}
        self.owned_by_another = False

    async def claim_slot(self) -> Slot:
        self._called("claim_slot")
        start = datetime.fromtimestamp(self._clock.now().timestamp() // SLOT_S * SLOT_S, tz=self._clock.now().tzinfo)
        if start in self._slots:
            return Done(start, self._slots[start])
        return Taken() if self.owned_by_another else Mine(start, 1)

    async def finish_slot(self, slot: Mine, report: Reconciled) -> Event:
        self._called("finish_slot")
        self._slots[slot.slot_start] = report.model_dump(mode="json")
        return self._completed(slot.slot_start)

    async def release_slot(self, slot: Mine) -> None:  # noqa: ARG002 - the port's
        self._called("release_slot")

    def completed(self, slot: Done) -> Event:
        return self._completed(slot.slot_start)

    async def sweep_links(self) -> Swept:
        self._called("sweep_links")
        return Swept(swept=2)

    async def settle_effects(self) -> Settled:
        self._called("settle_effects")
        return Settled(settled=0, pending=1)

    async def relay(self) -> Sent:
        self._called("relay")
        return Sent(sent=3, remaining=0)

    async def send_again(self, event: Event) -> None:
        self._called("send_again")
        self.outbox.append(event)

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if name in self.failures:
            raise self.failures.pop(name)

    def _completed(self, start: datetime) -> Event:
        id_, data = derived_id(SOURCE, start.isoformat()), self._slots[start]
        return Event(id=id_, source=SOURCE, type=RECONCILE_COMPLETED, time=start, data=data)
