"""verify-execution: did the fix work, and does it last?

The row that promises a verdict is committed before anything else. Waiting happens in the request, where it costs
nothing; when the process must stop, or enough others wait already, the answer is 202 and a tick finishes the row.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, assert_never

from functions.verify_execution.core.questions import Question, target_of
from functions.verify_execution.core.readings import Snapshot
from functions.verify_execution.core.tickets import Settlement, Ticket
from functions.verify_execution.core.timetable import Timing
from functions.verify_execution.model import ExecutionCompleted, ExecutionStarting
from functions.verify_execution.observing import Sensor, observe, plan
from functions.verify_execution.watching import verify
from shared.domain.alerts import ALERT_FIRING, Alert
from shared.domain.contract import validated
from shared.domain.errors import AftercareError, DatabaseUnavailable
from shared.domain.events import PING, Event
from shared.domain.executions import EXECUTION_COMPLETED, EXECUTION_STARTING
from shared.domain.ports import Clock
from shared.runtime.answers import Answer, UseCase, one


@dataclass(frozen=True, slots=True)
class Settled:
    """The verdict was given before; this was announced."""

    verified: Event


@dataclass(frozen=True, slots=True)
class Pending:
    """Somebody else is at it, or a tick will be."""


@dataclass(frozen=True, slots=True)
class Overtaken:
    """The row had another owner by the time the verdict was there; that owner gives it."""


@dataclass(frozen=True, slots=True)
class Captured:
    """This very event brought a baseline before; this was announced."""

    event: Event


@dataclass(frozen=True, slots=True)
class Newer:
    """There is a baseline from after the event happened."""


class Verifications(Protocol):
    """The durable side; every call may raise DatabaseUnavailable."""

    async def begin(self, event: Event, execution: ExecutionCompleted, timing: Timing) -> Ticket | Settled | Pending:
        """Commit the row that promises a verdict, and take it.

        Raises:
            Unprocessable: the event's id was used before with other content.
        """

    async def due(self, *, most: int) -> Sequence[Ticket]:
        """Take rows whose time has come and that nobody holds."""

    async def settle(self, settlement: Settlement) -> bool:
        """Commit a verdict with all that follows from it; False when another owner was faster."""

    async def release(self, ticket: Ticket) -> None:
        """Give a row back for the next tick."""


class Baselines(Protocol):
    """What was seen before actions; every call may raise DatabaseUnavailable."""

    async def known(self, event: Event, *, incident_id: str, since: datetime | None) -> Captured | Newer | None:
        """What makes another look unnecessary; from ``since`` on, any baseline of the incident does."""

    async def keep(
        self, event: Event, snapshot: Snapshot, question: Question, *, incident_id: str, execution_id: str | None
    ) -> Event:
        """Commit a baseline, once for each event; returns ``execution.baseline-captured``.

        Raises:
            Unprocessable: the event's id was used before with other content.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What verify-execution needs.

    Attributes:
        unless_stopping: runs a wait; None when the process must stop before it is over.
        places: verifications that may wait in their requests.
        due_at_once: rows one tick takes.
    """

    verifications: Verifications
    baselines: Baselines
    sensors: Sequence[Sensor]
    clock: Clock
    timing: Timing
    unless_stopping: Callable[[Awaitable[Settlement]], Awaitable[Settlement | None]]
    places: asyncio.Semaphore
    due_at_once: int = 100


def create_handler(ports: Ports) -> UseCase:
    """The use case: what is done with each type of event."""
    steps = {EXECUTION_COMPLETED: _completed, EXECUTION_STARTING: _starting, ALERT_FIRING: _firing, PING: _tick}

    async def handle(event: Event) -> Answer:
        return await steps[event.type](event, ports)

    return one(handle)


async def _completed(event: Event, ports: Ports) -> Answer:
    began = ports.clock.monotonic()
    execution = validated(ExecutionCompleted, event.data)
    begun = await ports.verifications.begin(event, execution, ports.timing)
    match begun:
        case Settled(verified):
            return _verdict(verified, duplicate=True)
        case Pending():
            return Answer(outcome="pending", deferred=True)
        case Ticket():
            return await _verify_here(begun, ports, began)
        case _ as never:
            assert_never(never)


async def _verify_here(ticket: Ticket, ports: Ports, began: float) -> Answer:
    """Wait for the verdict in the request, as long as there is a place and the process may live."""
    if ports.places.locked():
        await ports.verifications.release(ticket)
        return Answer(outcome="deferred", deferred=True, facts={"why": "enough verifications wait already"})
    async with ports.places:
        settlement = await _finish(ticket, ports, began)
    if settlement is None:
        return Answer(outcome="deferred", deferred=True, facts={"why": "the process is stopping"})
    if isinstance(settlement, Overtaken):
        return Answer(outcome="overtaken", deferred=True, facts={"why": "another owner took over"})
    return _verdict(settlement.verified, duplicate=False)


async def _finish(ticket: Ticket, ports: Ports, began: float) -> Settlement | Overtaken | None:
    """Watch, judge and commit; None when the process must stop first, with the row given back.

    A database that is away takes no attempt from the row, if it is back in time to hear of it.
    """
    settlement = await ports.unless_stopping(verify(ticket, ports.sensors, ports.clock, began=began))
    if settlement is None:
        await ports.verifications.release(ticket)
        return None
    try:
        return settlement if await ports.verifications.settle(settlement) else Overtaken()
    except DatabaseUnavailable:
        with suppress(DatabaseUnavailable):
            await ports.verifications.release(ticket)
        raise


async def _tick(_event: Event, ports: Ports) -> Answer:
    """Finish what is due: what a request could not, and the later looks. One that cannot be finished harms no other."""
    began = ports.clock.monotonic()
    tickets = await ports.verifications.due(most=ports.due_at_once)
    results = await asyncio.gather(*(_finish(ticket, ports, began) for ticket in tickets), return_exceptions=True)
    bugs = [
        result for result in results if isinstance(result, BaseException) and not isinstance(result, AftercareError)
    ]
    if bugs:
        raise bugs[0]
    counts = Counter(_outcome(result) for result in results)
    return Answer(outcome="ticked", facts={"due": len(tickets), **counts})


def _outcome(result: Settlement | Overtaken | BaseException | None) -> str:
    if isinstance(result, Settlement):
        return "settled"
    if isinstance(result, Overtaken):
        return "overtaken"
    return "given_back" if result is None else type(result).__name__


async def _starting(event: Event, ports: Ports) -> Answer:
    starting = validated(ExecutionStarting, event.data)
    question = Question(target=starting.action.target, alertname=starting.alertname, labels=starting.labels)
    return await _baseline(event, question, starting.incident_id, ports, execution_id=starting.execution_id)


async def _firing(event: Event, ports: Ports) -> Answer:
    alert = validated(Alert, event.data)
    target = target_of(alert)
    if target is None:
        return Answer(outcome="skipped", facts={"why": "the alert's labels name no target"})
    question = Question(target=target, alertname=alert.alertname, labels=alert.labels)
    return await _baseline(event, question, alert.incident_id, ports, since=event.time)


async def _baseline(
    event: Event,
    question: Question,
    incident_id: str,
    ports: Ports,
    *,
    execution_id: str | None = None,
    since: datetime | None = None,
) -> Answer:
    known = await ports.baselines.known(event, incident_id=incident_id, since=since)
    match known:
        case Captured(announced):
            return Answer(outcome="captured", result=announced, facts={"duplicate": True})
        case Newer():
            return Answer(outcome="skipped", facts={"why": "there is a newer baseline"})
        case None:
            return await _capture(event, question, incident_id, execution_id, ports)
        case _ as never:
            assert_never(never)


async def _capture(
    event: Event, question: Question, incident_id: str, execution_id: str | None, ports: Ports
) -> Answer:
    names, timeout_s = plan(ports.sensors, question), ports.timing.sensor_s
    snapshot = await observe(ports.sensors, question, names=names, timeout_s=timeout_s, clock=ports.clock)
    announced = await ports.baselines.keep(
        event, snapshot, question, incident_id=incident_id, execution_id=execution_id
    )
    return Answer(outcome="captured", result=announced, facts={"sensors": len(names), "silent": snapshot.silent()})


def _verdict(verified: Event, *, duplicate: bool) -> Answer:
    said = {name: verified.data[name] for name in ("verdict", "reason", "check", "score")}
    return Answer(outcome="verified", result=verified, facts={**said, "duplicate": duplicate})
