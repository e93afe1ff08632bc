"""Runs of governance-check in memory: the same decisions as in PostgreSQL, behind the same ports."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from functions.governance_check.core.findings import Assessment, Finding, Key, assess
from functions.governance_check.core.inspections import (
    Inspection,
    completed,
    raised,
    resolved,
    run_of_request,
    run_of_slot,
)
from functions.governance_check.core.policy import Policy
from functions.governance_check.model import FUNCTION
from shared.domain.errors import AftercareError, Busy, Unprocessable
from shared.domain.events import Event, derived_id
from shared.domain.governance import (
    AlertReference,
    CheckName,
    GovernanceAlertResolved,
    KnowledgeDegradation,
    Severity,
)
from shared.domain.ports import Clock
from shared.domain.slots import Done, Mine, Slot, Taken

SLOT_S: Final = 3600


@dataclass(slots=True)
class _Alert:
    """An open alert."""

    id: str
    severity: Severity
    opened_at: datetime
    times_seen: int = 1


@dataclass(slots=True)
class Work:
    """A work item; ``finished_at`` is None while it is open."""

    alert_id: str
    state: str = "pending"
    stage: str = "detected"
    finished_at: datetime | None = None


class MemoryLease:
    """See :class:`functions.governance_check.handler.Lease`; ``held_by_another`` and ``taken`` are for tests."""

    def __init__(self) -> None:
        self.held_by_another = False
        self.taken = False

    async def take(self) -> bool:
        """Hold the lease."""
        self.taken = not self.held_by_another
        return self.taken

    async def give_back(self) -> None:
        """Let go."""
        self.taken = False


class MemoryLedger:
    """See :class:`functions.governance_check.handler.Ledger`.

    Attributes:
        announced: what would be in the outbox, in order.
        work: all work items, by what they are about.
        failures: raised by the next conclusions, one each.
        owned_by_another: whether another replica runs the current slot.
    """

    def __init__(self, clock: Clock, policy: Policy, *, pause_s: float = 86_400, announce: bool = True) -> None:
        self._clock = clock
        self._policy = policy
        self._pause = timedelta(seconds=pause_s)
        self._announce = announce
        self._slots: dict[datetime, Event | int] = {}
        self._running: set[datetime] = set()
        self._inbox: dict[tuple[str, str], tuple[str, Event]] = {}
        self._open: dict[Key, _Alert] = {}
        self.announced: list[Event] = []
        self.work: dict[Key, list[Work]] = {}
        self.failures: deque[AftercareError] = deque()
        self.owned_by_another = False

    async def claim_slot(self) -> Slot:
        """Take this slot, or say who has it."""
        now = self._clock.now()
        start = datetime.fromtimestamp(now.timestamp() // SLOT_S * SLOT_S, tz=now.tzinfo)
        known = self._slots.get(start, 0)
        if isinstance(known, Event):
            return Done(start, known.data)
        if self.owned_by_another or start in self._running:
            return Taken()
        self._slots[start] = known + 1
        self._running.add(start)
        return Mine(start, known + 1)

    async def release_slot(self, slot: Mine) -> None:
        """Let the next tick try again."""
        self._running.discard(slot.slot_start)

    def completed(self, slot: Done) -> Event:
        """``governance.completed`` of a slot that is done."""
        return replace(run_of_slot(slot.slot_start), data=slot.result)

    async def conclude_slot(self, slot: Mine, inspection: Inspection) -> Event:
        """Let the run of a slot take effect."""
        self._fail()
        if self._slots[slot.slot_start] != slot.fence:
            raise Busy("another replica took this slot over; send it again")
        done = self._conclude(run_of_slot(slot.slot_start), inspection)
        self._slots[slot.slot_start] = done
        return done

    async def conclude_request(self, request: Event, inspection: Inspection) -> Event:
        """Let the run of a request take effect, once."""
        self._fail()
        identity = request.source, request.id
        if identity in self._inbox:
            digest, earlier = self._inbox[identity]
            if digest != request.digest():
                raise Unprocessable(f"id {request.id} was used before with other content; send a new id")
            return earlier
        done = self._conclude(run_of_request(request, inspection.slot), inspection)
        self._inbox[identity] = request.digest(), done
        return done

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.popleft()

    def _conclude(self, run: Event, inspection: Inspection) -> Event:
        now = self._clock.now()
        assessment = assess(inspection.reports, self._policy)
        self._recheck(assessment, now)
        shown = [finding for finding in assessment.findings if not self._is_silent(finding)]
        alerts = [self._raise(run, finding, now) for finding in shown]
        ended = [self._resolve(run, key, now) for key in list(self._open) if assessment.is_over(key)]
        report = inspection.reports.get(CheckName.KNOWLEDGE_DEGRADATION)
        if len(shown) < len(assessment.findings) and isinstance(report, KnowledgeDegradation):
            suppressed = report.model_copy(update={"suppressed": True})
            inspection = inspection.having(CheckName.KNOWLEDGE_DEGRADATION, suppressed)
        done = replace(run, data=completed(inspection, alerts=alerts, resolved=ended))
        self.announced += [done] if self._announce else []
        return done

    def _recheck(self, assessment: Assessment, now: datetime) -> None:
        seen = {finding.key for finding in assessment.findings}
        for key, items in self.work.items():
            over = assessment.is_over(key)
            for item in [each for each in items if each.finished_at is None and (over or key in seen)]:
                if item.stage == "written_back":
                    item.stage, item.state, item.finished_at = "rechecked", "succeeded" if over else "failed", now
                elif over and (item.state, item.stage) == ("pending", "detected"):
                    item.state, item.finished_at = "cancelled", now

    def _is_silent(self, finding: Finding) -> bool:
        return finding.yields and finding.key not in self._open and bool(self._open_work(finding.key))

    def _raise(self, run: Event, finding: Finding, now: datetime) -> AlertReference:
        alert = self._open.get(finding.key)
        is_new = alert is None
        if alert is None:
            alert = self._open[finding.key] = _Alert(derived_id(run.id, *finding.key), finding.severity, now)
        else:
            alert.times_seen += 1
        begun = self._dispatch(finding, alert, now)
        if is_new or begun:
            self.announced.append(raised(run, alert.id, finding, step=f"{alert.id} {len(self.announced)}", at=now))
        return finding.reference(alert.id)

    def _dispatch(self, finding: Finding, alert: _Alert, now: datetime) -> bool:
        items = self.work.setdefault(finding.key, [])
        ended = [each.finished_at for each in items if each.alert_id == alert.id and each.finished_at]
        if not finding.work or self._open_work(finding.key) or any(at > now - self._pause for at in ended):
            return False
        items.append(Work(alert.id))
        return True

    def _open_work(self, key: Key) -> Sequence[Work]:
        return [each for each in self.work.get(key, []) if each.finished_at is None]

    def _resolve(self, run: Event, key: Key, now: datetime) -> AlertReference:
        alert = self._open.pop(key)
        over = GovernanceAlertResolved(
            alert_id=alert.id,
            event_type=key[0],
            severity=alert.severity,
            opened_at=alert.opened_at,
            resolved_at=now,
            resolved_by=FUNCTION,
        )
        self.announced.append(resolved(run, over))
        return AlertReference(id=alert.id, event_type=key[0], subject=key[1], severity=alert.severity)
