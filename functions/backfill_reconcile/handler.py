"""backfill-reconcile: nothing stays lost.

A tick drains the dead letters, relays the outbox, sweeps links and unsticks effects: once per slot, whichever replica
gets there. ``/dead-letter`` takes what a broker gave up on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, assert_never

from functions.backfill_reconcile.core import Fate, fate_at_the_door, to_send_again, unwrapped
from functions.backfill_reconcile.drain import Quarantine
from functions.backfill_reconcile.model import SOURCE, Drained, Reconciled, Sent, Settled, Swept
from shared.domain.dead_letters import BROKER_STREAM, DeadLetter
from shared.domain.errors import Busy, DatabaseUnavailable, QueueUnavailable
from shared.domain.events import Event
from shared.domain.knowledge import KNOWLEDGE_QUARANTINED, Cause, KnowledgeQuarantined
from shared.domain.ports import Clock, DeadLetterQueue
from shared.domain.slots import Done, Mine, Slot, Taken, given_back
from shared.runtime.answers import Answer, UseCase, one


class Upkeep(Protocol):
    """What PostgreSQL does on a tick; every call may raise DatabaseUnavailable."""

    async def claim_slot(self) -> Slot:
        """Take this slot, or say who has it."""

    async def finish_slot(self, slot: Mine, report: Reconciled) -> Event:
        """Record the report and announce it; returns ``reconcile.completed``."""

    async def release_slot(self, slot: Mine) -> None:
        """Let the next tick try again; never raises."""

    def completed(self, slot: Done) -> Event:
        """``reconcile.completed`` of a slot that is done."""

    async def sweep_links(self) -> Swept:
        """Give path A the approval of its incident where it is missing."""

    async def settle_effects(self) -> Settled:
        """Mark effects whose sender died as unknown, so that they are looked up and never repeated."""

    async def relay(self) -> Sent:
        """Send what waits in the outbox."""

    async def send_again(self, event: Event) -> None:
        """Put an event into the outbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What backfill-reconcile needs. ``drains`` has one call for each stream, by its name."""

    upkeep: Upkeep
    drains: Mapping[str, Callable[[], Awaitable[Drained]]]
    dead_letters: DeadLetterQueue
    quarantine: Quarantine
    clock: Clock
    can_send: bool
    enabled: bool


def create_tick_handler(ports: Ports) -> UseCase:
    """The use case of a tick."""

    async def reconcile(_tick: Event) -> Answer:
        if not ports.enabled:
            return Answer(outcome="skipped", facts={"why": "ENABLE_KM_BACKFILL_RECONCILER is off"})
        slot = await ports.upkeep.claim_slot()
        match slot:
            case Done():
                return Answer(outcome="duplicate", result=ports.upkeep.completed(slot))
            case Taken():
                raise Busy("another replica reconciles this slot; send it again")
            case Mine():
                async with given_back(slot, ports.upkeep.release_slot):
                    report = await _reconcile(ports)
                    completed = await ports.upkeep.finish_slot(slot, report)
                return Answer(outcome="reconciled", result=completed, facts=report.model_dump(mode="json"))
            case _ as never:
                assert_never(never)

    return one(reconcile)


async def _reconcile(ports: Ports) -> Reconciled:
    """What needs only PostgreSQL first, so that it is done even while Redis is out."""
    links = await ports.upkeep.sweep_links()
    effects = await ports.upkeep.settle_effects()
    await ports.upkeep.relay()
    streams = {stream: await drain() for stream, drain in ports.drains.items()}
    return Reconciled(streams=streams, links=links, effects=effects, outbox=await ports.upkeep.relay())


def create_dead_letter_handler(ports: Ports) -> UseCase:
    """The use case of ``/dead-letter``."""

    async def take_dead_letter(event: Event) -> Answer:
        letter = unwrapped(event, now=ports.clock.now())
        if fate_at_the_door(letter, can_send=ports.can_send) is Fate.QUARANTINE:
            return await _quarantine(letter, ports)
        try:
            await ports.dead_letters.put(BROKER_STREAM, letter)
        except QueueUnavailable:
            # Redis cannot keep it, PostgreSQL perhaps can: in the outbox it is sent again just as well.
            await ports.upkeep.send_again(to_send_again(letter))
        return Answer(outcome="deferred", deferred=True, facts=letter.reason())

    return one(take_dead_letter)


async def _quarantine(letter: DeadLetter, ports: Ports) -> Answer:
    try:
        await ports.quarantine.add(BROKER_STREAM, [letter])
    except DatabaseUnavailable:
        # The drain will look at it again, and come to the same end.
        await ports.dead_letters.put(BROKER_STREAM, letter)
        return Answer(outcome="deferred", deferred=True, facts=letter.reason())
    event = letter.event
    cause = Cause(kind=letter.failure.kind, sqlstate=letter.failure.sqlstate)
    quarantined = KnowledgeQuarantined(source=event.source, id=event.id, type=event.type, reason=cause)
    data = quarantined.model_dump(mode="json", by_alias=True, exclude_none=True)
    time = ports.clock.now()
    result = event.follow("quarantined", type=KNOWLEDGE_QUARANTINED, source=SOURCE, time=time, data=data)
    return Answer(outcome="quarantined", result=result, facts=letter.reason())
