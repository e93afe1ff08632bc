"""governance-check: who watches the automation?

Five checks look and change nothing; what follows from them takes effect in one transaction, once per slot whichever
replica gets there, and once per request. A dry run stops before that transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, assert_never

from functions.governance_check.core.findings import assess
from functions.governance_check.core.inspections import Inspection, completed, run_of_request
from functions.governance_check.core.policy import Policy
from functions.governance_check.model import CheckRequested
from functions.governance_check.running import Check, run
from shared.domain.contract import validated
from shared.domain.errors import Busy
from shared.domain.events import PING, Event
from shared.domain.governance import CheckName
from shared.domain.ports import Clock
from shared.domain.slots import Done, Mine, Slot, Taken, given_back
from shared.runtime.answers import Answer, UseCase, one


class Lease(Protocol):
    """Keeps replicas from doing the same work at once. It only saves work, and never raises."""

    async def take(self) -> bool:
        """Hold the lease; False only when another owner surely holds it."""

    async def give_back(self) -> None:
        """Let go, if it is still ours."""


class Ledger(Protocol):
    """Where runs take effect; every call may raise DatabaseUnavailable."""

    async def claim_slot(self) -> Slot:
        """Take this slot, or say who has it."""

    async def release_slot(self, slot: Mine) -> None:
        """Let the next tick try again; never raises."""

    def completed(self, slot: Done) -> Event:
        """``governance.completed`` of a slot that is done."""

    async def conclude_slot(self, slot: Mine, inspection: Inspection) -> Event:
        """Let the run of a slot take effect; returns ``governance.completed``.

        Raises:
            Busy: another owner took the slot over; nothing was changed.
        """

    async def conclude_request(self, request: Event, inspection: Inspection) -> Event:
        """Let the run of a request take effect, once; returns ``governance.completed``, the stored one of a repeat.

        Raises:
            Unprocessable: the request's id was used before with other content.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What governance-check needs. Each check has ``timeout_s`` of its own; ``read_only`` makes every run a dry one."""

    checks: Mapping[CheckName, Check]
    ledger: Ledger
    lease: Lease
    clock: Clock
    policy: Policy
    timeout_s: float
    read_only: bool


def create_handler(ports: Ports) -> UseCase:
    """The use case of ticks and of requests."""

    async def govern(event: Event) -> Answer:
        if event.type == PING:
            return await (_rehearse(event, CheckRequested(), ports) if ports.read_only else _tick(ports))
        asked = validated(CheckRequested, event.data)
        if asked.dry_run or ports.read_only:
            return await _rehearse(event, asked, ports)
        inspection = await _inspect(ports, ports.clock.now(), asked)
        return _governed(await ports.ledger.conclude_request(event, inspection))

    return one(govern)


async def _tick(ports: Ports) -> Answer:
    if not await ports.lease.take():
        raise Busy("another replica holds the lease of this cycle; send it again")
    try:
        return await _run_slot(ports)
    finally:
        await ports.lease.give_back()


async def _run_slot(ports: Ports) -> Answer:
    slot = await ports.ledger.claim_slot()
    match slot:
        case Done():
            return Answer(outcome="duplicate", result=ports.ledger.completed(slot))
        case Taken():
            raise Busy("another replica runs this slot; send it again")
        case Mine():
            async with given_back(slot, ports.ledger.release_slot):
                inspection = await _inspect(ports, slot.slot_start, CheckRequested())
                return _governed(await ports.ledger.conclude_slot(slot, inspection))
        case _ as never:
            assert_never(never)


async def _inspect(ports: Ports, slot: datetime, asked: CheckRequested) -> Inspection:
    chosen = {name: check for name, check in ports.checks.items() if asked.checks is None or name in asked.checks}
    return Inspection(slot, await run(chosen, ports.clock, timeout_s=ports.timeout_s))


async def _rehearse(event: Event, asked: CheckRequested, ports: Ports) -> Answer:
    """Say what is, and what would follow from it; nothing is written, not even that it was asked."""
    now = ports.clock.now()
    inspection = await _inspect(ports, now, asked)
    alerts = [finding.reference() for finding in assess(inspection.reports, ports.policy).findings]
    return _governed(replace(run_of_request(event, now), data=completed(inspection, alerts=alerts, dry_run=True)))


def _governed(done: Event) -> Answer:
    report = done.data
    checks = {name: check["status"] for name, check in report["checks"].items()}
    facts = {"checks": checks, "alerts": len(report["alerts"]), "dry_run": report["dry_run"]}
    return Answer(outcome=report["status"], result=done, facts=facts)
