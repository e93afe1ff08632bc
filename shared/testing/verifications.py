"""Verifications in memory: leases, fences, later looks and learning, behind the ports of verify-execution."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from functions.verify_execution.core.baselines import Baseline, choose
from functions.verify_execution.core.learning import Trust, learned, revoked
from functions.verify_execution.core.questions import Question
from functions.verify_execution.core.readings import Snapshot
from functions.verify_execution.core.tickets import Settlement, Ticket, captured
from functions.verify_execution.core.timetable import Check, Timing
from functions.verify_execution.handler import Captured, Newer, Pending, Settled
from functions.verify_execution.model import ExecutionCompleted
from shared.domain.errors import AftercareError, Unprocessable
from shared.domain.events import Event
from shared.domain.executions import Verdict
from shared.domain.ports import Clock

_LEASE_MARGIN: Final = timedelta(seconds=30)


@dataclass(slots=True, kw_only=True)
class _Row:
    """One check of one execution; ``leased_until`` is when its owner is given up."""

    cause: Event
    execution: ExecutionCompleted
    acted_at: datetime
    check: Check
    timing: Timing
    due_at: datetime
    plan: Sequence[str] | None = None
    success_id: str | None = None
    leased_until: datetime | None = None
    fence: int = 0
    attempts: int = 0
    settlement: Settlement | None = None


class MemoryVerifications:
    """See :class:`functions.verify_execution.handler.Verifications` and ``Baselines``.

    Attributes:
        announced: what would be in the outbox, in order.
        playbooks: what was learned.
        verdicts: of each execution, as it stands.
        failures: raised by the next calls of the name, one each.
    """

    def __init__(self, clock: Clock, timing: Timing) -> None:
        self._clock = clock
        self._timing = timing
        self._rows: dict[tuple[str, Check], _Row] = {}
        self._inbox: dict[tuple[str, str], tuple[str, Event | None]] = {}
        self._baselines: dict[str, list[Baseline]] = {}
        self._judged: dict[str, list[tuple[str, Verdict]]] = {}
        self.announced: list[Event] = []
        self.playbooks: dict[str, Trust] = {}
        self.verdicts: dict[str, Settlement] = {}
        self.failures: dict[str, deque[AftercareError]] = {}

    @property
    def settlements(self) -> Mapping[tuple[str, Check], Settlement]:
        """Verdicts that were given, by execution and check."""
        return {key: row.settlement for key, row in self._rows.items() if row.settlement is not None}

    @property
    def waiting(self) -> Mapping[tuple[str, Check], datetime]:
        """Rows without a verdict, and when they are due."""
        return {key: row.due_at for key, row in self._rows.items() if row.settlement is None}

    async def begin(self, event: Event, execution: ExecutionCompleted, timing: Timing) -> Ticket | Settled | Pending:
        """Commit the row that promises a verdict, and take it."""
        self._called("begin")
        earlier = self._claim(event)
        if earlier is not None:
            return Settled(earlier)
        now, key = self._clock.now(), (execution.execution_id, Check.INITIAL)
        acted_at = min(execution.finished_at, now)
        promised = _Row(
            cause=event, execution=execution, acted_at=acted_at, check=Check.INITIAL, timing=timing, due_at=now
        )
        row = self._rows.setdefault(key, promised)
        if row.settlement is not None:
            return Settled(row.settlement.verified)
        return self._take(row) if self._is_free(row) else Pending()

    async def due(self, *, most: int) -> Sequence[Ticket]:
        """Take rows whose time has come and that nobody holds."""
        self._called("due")
        rows = [row for row in self._rows.values() if row.due_at <= self._clock.now() and self._is_free(row)]
        return [self._take(row) for row in sorted(rows, key=lambda row: row.due_at)[:most]]

    async def settle(self, settlement: Settlement) -> bool:
        """Commit a verdict with all that follows from it."""
        self._called("settle")
        ticket = settlement.ticket
        row = self._rows[ticket.execution.execution_id, ticket.check]
        if row.settlement is not None or row.fence != ticket.fence:
            return False
        row.settlement = settlement
        self._learn(settlement)
        if ticket.check is Check.INITIAL:
            identity = row.cause.source, row.cause.id
            self._inbox[identity] = self._inbox[identity][0], settlement.verified
        self._look_again(row, settlement)
        self.announced.append(settlement.verified)
        if settlement.rollback is not None:
            self.announced.append(settlement.rollback)
        return True

    async def release(self, ticket: Ticket) -> None:
        """Give a row back for the next tick."""
        self._called("release")
        row = self._rows[ticket.execution.execution_id, ticket.check]
        if row.settlement is None and row.fence == ticket.fence:
            row.leased_until = None
            row.attempts -= 1

    async def known(self, event: Event, *, incident_id: str, since: datetime | None) -> Captured | Newer | None:
        """What makes another look unnecessary."""
        self._called("known")
        digest, answered = self._inbox.get((event.source, event.id), (None, None))
        if digest == event.digest() and answered is not None:
            return Captured(answered)
        kept = self._baselines.get(incident_id, [])
        return Newer() if since is not None and any(b.captured_at >= since for b in kept) else None

    async def keep(
        self, event: Event, snapshot: Snapshot, question: Question, *, incident_id: str, execution_id: str | None
    ) -> Event:
        """Commit a baseline, once for each event."""
        self._called("keep")
        earlier = self._claim(event)
        if earlier is not None:
            return earlier
        announced = captured(event, snapshot, incident_id=incident_id, execution_id=execution_id)
        self._inbox[event.source, event.id] = event.digest(), announced
        self._baselines.setdefault(incident_id, []).append(
            Baseline(
                id=announced.data["evidence_id"],
                execution_id=execution_id,
                target=question.target,
                plan=[attempt.sensor for attempt in snapshot.attempts],
                snapshot=snapshot,
                captured_at=snapshot.taken_at,
            )
        )
        self.announced.append(announced)
        return announced

    def _called(self, name: str) -> None:
        if self.failures.get(name):
            raise self.failures[name].popleft()

    def _claim(self, event: Event) -> Event | None:
        """What was answered before, if anything was."""
        digest, answered = self._inbox.setdefault((event.source, event.id), (event.digest(), None))
        if digest != event.digest():
            raise Unprocessable(f"id {event.id} was used before with other content; send a new id")
        return answered

    def _is_free(self, row: _Row) -> bool:
        expired = row.leased_until is None or row.leased_until <= self._clock.now()
        return row.settlement is None and expired

    def _take(self, row: _Row) -> Ticket:
        row.fence += 1
        row.attempts += 1
        row.leased_until = self._clock.now() + timedelta(seconds=row.timing.whole_s) + _LEASE_MARGIN
        execution = row.execution
        candidates = self._baselines.get(execution.incident_id, [])
        baseline = choose(
            candidates, execution_id=execution.execution_id, target=execution.action.target, before=row.acted_at
        )
        done = [s.verified_at for (id_, _), s in self.settlements.items() if id_ == execution.execution_id]
        return Ticket(
            id=f"{execution.execution_id} {row.check}",
            check=row.check,
            fence=row.fence,
            cause=row.cause,
            execution=execution,
            acted_at=row.acted_at,
            timing=row.timing,
            attempts=row.attempts,
            plan=row.plan or (None if baseline is None else baseline.plan),
            baseline_id=None if baseline is None else baseline.id,
            baseline=None if baseline is None else baseline.snapshot,
            judged_at=max(done, default=None),
            success_id=row.success_id,
        )

    def _learn(self, settlement: Settlement) -> None:
        if not settlement.is_telling:
            return
        execution, verdict = settlement.ticket.execution, settlement.judgement.verdict
        self.verdicts[execution.execution_id] = settlement
        if execution.playbook_id is None:
            return
        told = self._judged.setdefault(execution.playbook_id, [])
        known = Trust(trust_score=0.5, verified_count=0, failed_count=0)
        trust = self.playbooks.get(execution.playbook_id, known)
        if settlement.is_relapse:
            at = [id_ for id_, _ in told].index(execution.execution_id)
            later = [verdict for _, verdict in told[at + 1 :] if verdict is not Verdict.TIMEOUT]
            self.playbooks[execution.playbook_id] = revoked(trust, later=len(later))
        else:
            told.append((execution.execution_id, verdict))
            self.playbooks[execution.playbook_id] = learned(trust, verdict, used_at=settlement.ticket.acted_at)

    def _look_again(self, row: _Row, settlement: Settlement) -> None:
        following = settlement.next_check
        if following is None:
            return
        check, due_at = following
        again = replace(
            row,
            check=check,
            due_at=due_at,
            plan=[attempt.sensor for attempt in settlement.observed[-1].attempts],
            success_id=settlement.success_id,
            leased_until=None,
            fence=0,
            attempts=0,
            settlement=None,
        )
        self._rows.setdefault((row.execution.execution_id, check), again)
