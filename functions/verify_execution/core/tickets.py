"""One verification, from the row that promises it to the verdict that settles it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from functions.verify_execution.core.cases import Case
from functions.verify_execution.core.evidence import storable
from functions.verify_execution.core.inverting import inverse
from functions.verify_execution.core.judging import Judgement, judge
from functions.verify_execution.core.questions import Question
from functions.verify_execution.core.readings import Snapshot
from functions.verify_execution.core.scoring import ROLLBACK_BELOW, Score, score
from functions.verify_execution.core.timetable import Check, Timing, next_check
from functions.verify_execution.model import SOURCE, BaselineCaptured, ExecutionCompleted
from shared.domain.events import Event, derived_id
from shared.domain.executions import (
    EXECUTION_BASELINE_CAPTURED,
    EXECUTION_VERIFIED,
    ROLLBACK_PROPOSED,
    Action,
    ExecutionVerified,
    InverseAction,
    Reason,
    RollbackProposed,
    SensorTally,
    Verdict,
)
from shared.domain.redaction import redact_text

_NO_WAIT: Final = timedelta(0)
_MOST_ATTEMPTS: Final = 10
# Nothing was done that could be undone.
_NOT_DONE: Final = frozenset({Reason.OBSERVE_ONLY, Reason.EXECUTION_FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """The right to judge one check of one execution; a settlement with an old fence changes nothing.

    Attributes:
        cause: the ``execution.completed`` event.
        execution: its data.
        acted_at: the end of the action: what the executor says, but not later than when we heard of it.
        attempts: owners so far that neither gave the verdict nor gave the row back, this one included.
        plan: sensors that are asked; None until the first look pins them.
        baseline: what was seen before the action.
        judged_at: of the check before this one; None for the initial one.
        success_id: the id of the last ``execution.verified`` that was a success: what a relapse takes back.
    """

    id: str
    check: Check
    fence: int
    cause: Event
    execution: ExecutionCompleted
    acted_at: datetime
    timing: Timing
    attempts: int = 1
    plan: Sequence[str] | None = None
    baseline_id: str | None = None
    baseline: Snapshot | None = None
    judged_at: datetime | None = None
    success_id: str | None = None

    @property
    def since(self) -> datetime:
        """Readings from before this say nothing: the end of the action, or the check before this one."""
        return self.judged_at or self.acted_at

    @property
    def is_hopeless(self) -> bool:
        """Whether too many owners died over it: looking once more could end this process, and all others in it."""
        return self.attempts > _MOST_ATTEMPTS

    @property
    def warmup_s(self) -> float:
        """Only the first look waits for controllers to converge."""
        return self.timing.warmup_s if self.check is Check.INITIAL else 0.0

    @property
    def soak(self) -> timedelta:
        """How long the target must be stable; a later look needs to see it healthy once."""
        return timedelta(seconds=self.timing.soak_s) if self.check is Check.INITIAL else _NO_WAIT

    @property
    def whole_s(self) -> float:
        """The bound of the whole look; a later one gives a blip as long as a soak to pass."""
        return self.timing.whole_s if self.check is Check.INITIAL else self.timing.soak_s + self.timing.sensor_s

    def question(self) -> Question:
        """What the sensors are asked."""
        given = self.execution
        return Question(target=given.action.target, alertname=given.alertname, labels=given.labels, acted_at=self.since)

    def case(self, observed: Sequence[Snapshot], *, soaked: bool) -> Case:
        """What is judged after these looks."""
        return Case(
            before=self.baseline,
            observed=observed,
            action=self.execution.action,
            succeeded=self.execution.succeeded,
            finished_at=self.since,
            soaked=soaked,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What a verification came to, ready to be committed: the verdict, its evidence, and what it announces."""

    ticket: Ticket
    judgement: Judgement
    score: Score
    observed: Sequence[Snapshot]
    evidence_id: str
    verified_at: datetime
    verified: Event
    rollback: Event | None

    @property
    def next_check(self) -> tuple[Check, datetime] | None:
        """The look after this one: a success is looked at again, until it relapses or has lasted a day."""
        succeeded = self.judgement.verdict is Verdict.SUCCESS
        if not succeeded and (self.ticket.check is Check.INITIAL or self.judgement.verdict is Verdict.FAILED):
            return None
        return next_check(self.ticket.check, since=self.ticket.acted_at, scale=self.ticket.timing.recheck_scale)

    @property
    def is_relapse(self) -> bool:
        """Whether it takes a success back."""
        return self.judgement.reason is Reason.RELAPSED

    @property
    def is_telling(self) -> bool:
        """Whether it changes what is known of the execution; one that confirms a success, or is unsure, does not."""
        return self.ticket.check is Check.INITIAL or self.is_relapse

    @property
    def success_id(self) -> str | None:
        """The last success after this settlement."""
        return self.verified.id if self.judgement.verdict is Verdict.SUCCESS else self.ticket.success_id


def settle(ticket: Ticket, case: Case, *, at: datetime) -> Settlement:
    """Judge the case of a ticket."""
    judgement = _as_recheck(ticket.check, judge(case))
    scored = score(case)
    evidence_id = derived_id(SOURCE, "evidence", ticket.execution.execution_id, ticket.check)
    return Settlement(
        ticket=ticket,
        judgement=judgement,
        score=scored,
        observed=case.observed or [case.after],
        evidence_id=evidence_id,
        verified_at=at,
        verified=_verified(ticket, judgement, scored, case.after, evidence_id, at),
        rollback=_rollback(ticket, scored, case, evidence_id, at) if _wants_rollback(judgement, scored) else None,
    )


def captured(event: Event, snapshot: Snapshot, *, incident_id: str, execution_id: str | None) -> Event:
    """``execution.baseline-captured``: what an event made us see."""
    data = BaselineCaptured(
        execution_id=execution_id,
        incident_id=incident_id,
        evidence_id=derived_id(SOURCE, "baseline", event.source, event.id),
        sensors=tally(snapshot),
    )
    document = data.model_dump(mode="json")
    step, type_ = "baseline", EXECUTION_BASELINE_CAPTURED
    return event.follow(step, type=type_, source=SOURCE, time=snapshot.taken_at, data=document)


def _as_recheck(check: Check, judgement: Judgement) -> Judgement:
    """A later look that finds a failure finds a relapse: there was a success to take back."""
    if check is Check.INITIAL or judgement.verdict is not Verdict.FAILED:
        return judgement
    return Judgement(Verdict.FAILED, Reason.RELAPSED, (str(judgement.reason), *judgement.decided_by))


def _wants_rollback(judgement: Judgement, scored: Score) -> bool:
    return judgement.reason not in _NOT_DONE and scored.value < ROLLBACK_BELOW


def _verified(
    ticket: Ticket, judgement: Judgement, scored: Score, after: Snapshot, evidence_id: str, at: datetime
) -> Event:
    execution = ticket.execution
    relapsed = judgement.reason is Reason.RELAPSED
    data = ExecutionVerified(
        execution_id=execution.execution_id,
        incident_id=execution.incident_id,
        approval_id=execution.approval_id,
        playbook_id=execution.playbook_id,
        verdict=judgement.verdict,
        reason=judgement.reason,
        check=ticket.check.value,
        revises=ticket.success_id if relapsed else None,
        evidence_id=evidence_id,
        score=scored.value,
        root_cause_cleared=scored.root_cause_cleared,
        regressions=storable(scored.regressions),
        sensors=tally(after),
        action=_sent(execution.action),
        baseline=ticket.baseline is not None,
        verified_at=at,
    )
    step = f"verified-{ticket.check}"
    return ticket.cause.follow(step, type=EXECUTION_VERIFIED, source=SOURCE, time=at, data=data.model_dump(mode="json"))


def _rollback(ticket: Ticket, scored: Score, case: Case, evidence_id: str, at: datetime) -> Event:
    undo = inverse(ticket.execution.action, case.before, case.after)
    data = RollbackProposed(
        execution_id=ticket.execution.execution_id,
        incident_id=ticket.execution.incident_id,
        score=scored.value,
        inverse=InverseAction(kind=undo.kind, command=undo.command),
        possible=undo.possible,
        why=undo.why,
        revisions=undo.revisions,
        evidence_id=evidence_id,
    )
    step = f"rollback-{ticket.check}"
    return ticket.cause.follow(step, type=ROLLBACK_PROPOSED, source=SOURCE, time=at, data=data.model_dump(mode="json"))


def _sent(action: Action) -> Action:
    """A command may hold what nobody but its executor should know."""
    if action.command is None:
        return action
    return action.model_copy(update={"command": redact_text(action.command)})


def tally(snapshot: Snapshot) -> SensorTally:
    """How many sensors were asked and answered: counted from the ledger."""
    silent = snapshot.silent()
    attempted = len(snapshot.attempts)
    return SensorTally(attempted=attempted, succeeded=attempted - len(silent), failed=silent)
