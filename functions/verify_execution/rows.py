"""Between the tables' rows and the core's values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from functions.verify_execution.core.baselines import Baseline, choose
from functions.verify_execution.core.evidence import attempt_documents, snapshot_document, snapshot_from, storable
from functions.verify_execution.core.learning import Trust
from functions.verify_execution.core.questions import Question
from functions.verify_execution.core.readings import Snapshot
from functions.verify_execution.core.tickets import Settlement, Ticket
from functions.verify_execution.core.timetable import Check, Timing
from functions.verify_execution.model import SOURCE, ExecutionCompleted
from shared.domain.events import Event, derived_id, from_structured, to_structured
from shared.domain.executions import Target

# An index takes a few kilobytes for a row, and a name comes from outside.
_LONGEST_PLACE: Final = 500

Document = dict[str, Any]


def verification_id(execution_id: str, check: Check) -> str:
    """The row's key: one for each execution and check."""
    return derived_id(SOURCE, "verification", execution_id, check)


def promise(event: Event, execution: ExecutionCompleted, timing: Timing) -> Document:
    """The row that promises a verdict, and the execution's own."""
    return {
        "id": verification_id(execution.execution_id, Check.INITIAL),
        "execution_id": execution.execution_id,
        "incident_id": execution.incident_id,
        "target": _place(execution.action.target),
        "event": to_structured(event),
        "warmup_s": timing.warmup_s,
        "soak_s": timing.soak_s,
        "timeout_s": timing.whole_s,
        "playbook_id": execution.playbook_id,
        "approval_id": execution.approval_id,
        "decided_by": execution.decided_by,
        "action_kind": execution.action.kind,
        "alertname": execution.alertname,
        "succeeded": execution.succeeded,
        "finished_at": execution.finished_at.isoformat(),
    }


def _place(target: Target) -> str:
    """cluster/namespace/kind/name."""
    return "/".join((target.cluster or "", target.namespace, target.kind, target.name))[:_LONGEST_PLACE]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an execution when one of its rows is taken.

    Attributes:
        acted_at: the end of the action; never later than when we heard of it.
        judged_at: of its last verdict.
        baselines: of its incident.
    """

    acted_at: datetime
    judged_at: datetime | None
    baselines: Sequence[Baseline] = ()


def read_known(found: Sequence[Sequence[Any]]) -> dict[Any, Known]:
    """By row: what the statement CONTEXT found, with one row for each baseline."""
    known: dict[Any, Known] = {}
    for id_, acted_at, judged_at, *baseline in found:
        earlier = known.get(id_) or Known(acted_at, judged_at)
        more = [] if baseline[0] is None else [_baseline(*baseline)]
        known[id_] = replace(earlier, baselines=[*earlier.baselines, *more])
    return known


def read_ticket(row: Sequence[Any], timing: Timing, known: Known) -> Ticket:
    """A taken row; how long it waits was pinned when it was promised, and whom it asks when it first asked."""
    id_, check, fence, event, warmup_s, soak_s, timeout_s, success_id, plan, attempts = row
    cause = from_structured(event)
    execution = ExecutionCompleted.model_validate(cause.data)
    baseline = choose(
        known.baselines, execution_id=execution.execution_id, target=execution.action.target, before=known.acted_at
    )
    return Ticket(
        id=str(id_),
        check=Check(check),
        fence=fence,
        cause=cause,
        execution=execution,
        acted_at=known.acted_at,
        timing=replace(timing, warmup_s=warmup_s, soak_s=soak_s, whole_s=timeout_s),
        attempts=attempts,
        plan=plan or (None if baseline is None else baseline.plan),
        baseline_id=None if baseline is None else baseline.id,
        baseline=None if baseline is None else baseline.snapshot,
        judged_at=known.judged_at,
        success_id=success_id,
    )


def _baseline(
    id_: Any, execution_id: str | None, target: Any, plan: Any, state: Any, captured_at: datetime
) -> Baseline:
    """One argument for each column."""
    return Baseline(
        id=str(id_),
        execution_id=execution_id,
        target=Target.model_validate(target),
        plan=plan,
        snapshot=snapshot_from(state),
        captured_at=captured_at,
    )


def capture(
    evidence_id: str, snapshot: Snapshot, question: Question, *, incident_id: str, execution_id: str | None
) -> tuple[Document, list[Document]]:
    """Evidence from before an action, and its ledger."""
    attempts = attempt_documents(snapshot)
    evidence = {
        "id": evidence_id,
        "incident_id": incident_id,
        "execution_id": execution_id,
        "phase": "before",
        "target": question.target.model_dump(mode="json"),
        "plan": [attempt.sensor for attempt in snapshot.attempts],
        "state": snapshot_document(snapshot.taken_at, attempts),
        "captured_at": snapshot.taken_at.isoformat(),
    }
    return evidence, _ledger(evidence_id, [snapshot], [attempts])


def proof(settlement: Settlement) -> tuple[Document, list[Document]]:
    """Evidence from after an action, with or without a baseline, and the ledger of every look."""
    ticket, last = settlement.ticket, settlement.observed[-1]
    looks = [attempt_documents(snapshot) for snapshot in settlement.observed]
    said = storable({"decided_by": settlement.judgement.decided_by, "check": ticket.check})
    evidence = {
        "id": settlement.evidence_id,
        "incident_id": ticket.execution.incident_id,
        "execution_id": ticket.execution.execution_id,
        "phase": "after",
        "target": ticket.execution.action.target.model_dump(mode="json"),
        "baseline_id": ticket.baseline_id,
        "plan": _plan(settlement),
        "state": {**snapshot_document(last.taken_at, looks[-1]), **said},
        "captured_at": last.taken_at.isoformat(),
    }
    return evidence, _ledger(settlement.evidence_id, settlement.observed, looks)


def _plan(settlement: Settlement) -> list[str]:
    return [attempt.sensor for attempt in settlement.observed[-1].attempts]


def _ledger(
    evidence_id: str, observed: Sequence[Snapshot], looks: Sequence[Sequence[Mapping[str, Any]]]
) -> list[Document]:
    """Every sensor of every look."""
    return [
        {
            "evidence_id": evidence_id,
            "round": number,
            "sensor": attempt["sensor"],
            "attempted": attempt["kind"] is not None,
            "started_at": _began(snapshot).isoformat(),
            "duration_s": attempt["duration_s"],
            "observed_at": attempt["reading"]["at"] if "reading" in attempt else None,
            "error_class": attempt.get("failure"),
            "reading": attempt.get("reading"),
        }
        for number, (snapshot, attempts) in enumerate(zip(observed, looks, strict=True))
        for attempt in attempts
    ]


def _began(snapshot: Snapshot) -> datetime:
    """All sensors of a look are asked at once, and the look ends with the slowest."""
    return snapshot.taken_at - timedelta(seconds=max((a.duration_s for a in snapshot.attempts), default=0.0))


def settled(settlement: Settlement) -> Document:
    """The verdict, for the row that promised it."""
    ticket = settlement.ticket
    return {
        "id": ticket.id,
        "fence": ticket.fence,
        "verdict": settlement.judgement.verdict,
        "reason": settlement.judgement.reason,
        "score": settlement.score.value,
        "root_cause_cleared": settlement.score.root_cause_cleared,
        "regressions": storable(settlement.score.regressions),
        "evidence_id": settlement.evidence_id,
        "baseline_id": ticket.baseline_id,
        "plan": _plan(settlement),
        "verified_at": settlement.verified_at.isoformat(),
    }


def learned(settlement: Settlement) -> Document:
    """The verdict, for the execution's row."""
    return {
        "execution_id": settlement.ticket.execution.execution_id,
        "verdict": settlement.judgement.verdict,
        "reason": settlement.judgement.reason,
        "score": settlement.score.value,
        "evidence_id": settlement.evidence_id,
        "verified_at": settlement.verified_at.isoformat(),
    }


def look_again(settlement: Settlement) -> Document | None:
    """The row of the next look; None when there is none."""
    following = settlement.next_check
    if following is None:
        return None
    check, due_at = following
    return {
        "id": verification_id(settlement.ticket.execution.execution_id, check),
        "after": settlement.ticket.id,
        "check_name": check,
        "due_at": due_at.isoformat(),
        "revises": settlement.success_id,
    }


def trust(playbook_id: str, after: Trust) -> Document:
    """A playbook's row after it learned."""
    return {
        "playbook_id": playbook_id,
        "trust_score": after.trust_score,
        "verified_count": after.verified_count,
        "failed_count": after.failed_count,
        "used_at": None if after.used_at is None else after.used_at.isoformat(),
    }
