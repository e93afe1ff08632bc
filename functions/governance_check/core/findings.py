"""From reports to alerts: what is wrong, what to do about it, and which alerts are over.

A check only speaks for its own alerts, and only when it knows: one that failed, or that has too little to judge by,
neither raises nor resolves anything. An objective between its target and its red line raises nothing either, and what
was violated is over only at the target, so that a level that swings around its red line is one alert.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from functions.governance_check.core.objectives import named
from functions.governance_check.core.policy import Policy
from functions.governance_check.core.rates import is_silent
from shared.domain.governance import (
    AlertReference,
    AlertType,
    CheckName,
    CheckReport,
    ExecutionFailure,
    FailureRate,
    KnowledgeDegradation,
    ObjectiveStatus,
    Severity,
    SloCompliance,
    Status,
    TrustDrift,
)

Key = tuple[AlertType, str]
"""An alert's type and subject: while it is open there is one."""

_KNOWN: Final = (ObjectiveStatus.OK, ObjectiveStatus.AT_RISK, ObjectiveStatus.VIOLATED)
_SLO_ALERTS: Final = {AlertType.SLO_VIOLATION, AlertType.SLO_DATA_GAP, AlertType.SLO_UNREACHABLE}
_PER_CHECK: Final = {
    CheckName.TRUST_DRIFT: AlertType.TRUST_DRIFT,
    CheckName.KNOWLEDGE_DEGRADATION: AlertType.KNOWLEDGE_DEGRADATION,
    CheckName.LLM_HALLUCINATION: AlertType.LLM_HALLUCINATION,
    CheckName.EXECUTION_FAILURE: AlertType.EXECUTION_FAILURE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is wrong.

    Attributes:
        subject: which one of its type, where there may be several.
        items: what is wrong, in sentences.
        next_action: what to do first.
        work: what an owner has to look at; with any, there is a work item.
        yields: whether it stays silent while its owner is at work.
    """

    event_type: AlertType
    severity: Severity
    impact: Mapping[str, Any]
    items: Sequence[str]
    next_action: str
    subject: str = ""
    work: Sequence[Mapping[str, Any]] = ()
    ownership: Mapping[str, str] | None = None
    yields: bool = False

    @property
    def key(self) -> Key:
        """What it is about."""
        return self.event_type, self.subject

    @property
    def remediation(self) -> dict[str, Any]:
        """As it is on the wire."""
        return {"items": list(self.items), "next_action": self.next_action}

    @property
    def actionable(self) -> dict[str, Any]:
        """As it is on the wire."""
        return {"items": [dict(each) for each in self.work]}

    def reference(self, alert_id: str | None = None) -> AlertReference:
        """How a report names it."""
        return AlertReference(id=alert_id, event_type=self.event_type, subject=self.subject, severity=self.severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What follows from a run.

    Attributes:
        findings: what is wrong.
        held: what nothing new is known of: open alerts of these stay open.
        spoken: the types that were spoken for; their other open alerts are over.
    """

    findings: Sequence[Finding]
    held: frozenset[Key] = field(default_factory=frozenset)
    spoken: frozenset[AlertType] = field(default_factory=frozenset)

    def is_over(self, key: Key) -> bool:
        """Whether an open alert is over."""
        still_there = self.held | {finding.key for finding in self.findings}
        return key[0] in self.spoken and key not in still_there


def assess(reports: Mapping[CheckName, CheckReport], policy: Policy) -> Assessment:
    """What follows from the reports of a run."""
    findings: list[Finding] = []
    held: set[Key] = set()
    spoken: set[AlertType] = set()
    for name, report in reports.items():
        if isinstance(report, SloCompliance):
            spoken |= _SLO_ALERTS if report.slos else {AlertType.SLO_UNREACHABLE}
            held |= _held_objectives(report)
            findings += _objectives(report, policy)
        elif report.status is not Status.ERROR and not is_silent(report):
            spoken.add(_PER_CHECK[name])
            findings += _finding(name, report, policy)
    errors = [name for name, report in reports.items() if report.status is Status.ERROR]
    if len(errors) >= policy.failed_checks:
        findings.append(_self_failure(reports, errors))
    elif len(reports) < len(CheckName):
        held.add((AlertType.SELF_FAILURE, ""))
    spoken.add(AlertType.SELF_FAILURE)
    return Assessment(findings=findings, held=frozenset(held), spoken=frozenset(spoken))


def _finding(name: CheckName, report: CheckReport, policy: Policy) -> Iterator[Finding]:
    match report:
        case TrustDrift(status=Status.VIOLATED | Status.AT_RISK):
            yield _trust_drift(report, policy)
        case KnowledgeDegradation(status=Status.VIOLATED):
            yield _degradation(report, policy)
        case ExecutionFailure(status=Status.VIOLATED):
            yield _execution_failure(report, policy)
        case FailureRate(status=Status.VIOLATED) if name is CheckName.LLM_HALLUCINATION:
            yield _hallucination(report, policy)
        case _:
            return


def _trust_drift(report: TrustDrift, policy: Policy) -> Finding:
    low = [each.model_dump(mode="json") for each in report.low_trust]
    gone = [each.model_dump(mode="json", exclude_none=True) for each in report.deprecated]
    items = []
    if low:
        items.append(f"Playbooks in use with a trust below {policy.trust_floor:g}: {report.low_trust_total}.")
    if gone:
        items.append(f"Playbooks deprecated: {report.deprecated_total}. `aftercare governance restore` undoes it.")
    return Finding(
        event_type=AlertType.TRUST_DRIFT,
        severity=Severity.WARNING,
        impact={
            "low_trust": low,
            "low_trust_total": report.low_trust_total,
            "deprecated": gone,
            "deprecated_total": report.deprecated_total,
        },
        items=items,
        next_action="read the evidence of their last failures, then repair or retire them",
        work=low,
        ownership=_ownership(policy),
    )


def _degradation(report: KnowledgeDegradation, policy: Policy) -> Finding:
    stale = f"{report.stale} of {report.total} knowledge entries"
    return Finding(
        event_type=AlertType.KNOWLEDGE_DEGRADATION,
        severity=Severity.WARNING,
        impact={"total": report.total, "stale": report.stale, "rate": report.rate, "limit": policy.stale_rate},
        items=[f"{stale} were neither verified nor updated for {policy.stale_days:g} days."],
        next_action="review the oldest entries: verify, correct or archive them",
        work=[{"kind": "review_stale_knowledge", "stale": report.stale, "older_than_days": policy.stale_days}],
        ownership=_ownership(policy),
        yields=True,
    )


def _hallucination(report: FailureRate, policy: Policy) -> Finding:
    return Finding(
        event_type=AlertType.LLM_HALLUCINATION,
        severity=Severity.VIOLATION,
        impact=_rate(report, policy.hallucination_rate),
        items=[f"{report.failed} of {report.judged} remediations that a model decided failed verification."],
        next_action="let people or rules decide until the prompts and the evidence given to the model are reviewed",
        work=[{"kind": "review_llm_decisions", "failed": report.failed, "judged": report.judged}],
        ownership=_ownership(policy),
    )


def _execution_failure(report: ExecutionFailure, policy: Policy) -> Finding:
    ranked = [each.model_dump(mode="json") for each in report.playbooks]
    return Finding(
        event_type=AlertType.EXECUTION_FAILURE,
        severity=Severity.VIOLATION,
        impact={**_rate(report, policy.failure_rate), "playbooks": ranked},
        items=[f"{report.failed} of the last {report.judged} executions did not succeed."],
        next_action="look at the first of the ranked playbooks, and take it out of use if its failures are its own",
        work=ranked or [{"kind": "review_executions", "failed": report.failed}],
        ownership=_ownership(policy),
    )


def _objectives(report: SloCompliance, policy: Policy) -> Iterator[Finding]:
    slos = report.slos
    for name in named(slos, ObjectiveStatus.VIOLATED):
        level = slos[name]
        said = level.model_dump(mode="json", exclude_none=True)
        yield Finding(
            event_type=AlertType.SLO_VIOLATION,
            subject=name,
            severity=Severity.VIOLATION,
            impact={"slo": name, **said},
            items=[f"The objective {name} is at {level.value:g}, beyond its red line of {level.hard_red_line:g}."],
            next_action="let people decide what this level is about until it is back at its target",
            work=[{"kind": "restore_objective", "slo": name}],
            ownership=_ownership(policy),
        )
    if report.status is Status.ERROR:
        failed = named(slos, ObjectiveStatus.ERROR)
        yield Finding(
            event_type=AlertType.SLO_UNREACHABLE,
            severity=Severity.VIOLATION,
            impact={"slos": {name: slos[name].reason for name in failed}, "reason": report.reason},
            items=["Prometheus did not answer, so nobody knows whether the objectives are kept."],
            next_action="see whether PROMETHEUS_URL is reachable from here and its queries are understood",
        )
    if slos and len(named(slos, ObjectiveStatus.SKIPPED)) == len(slos):
        yield Finding(
            event_type=AlertType.SLO_DATA_GAP,
            severity=Severity.WARNING,
            impact={"slos": {name: each.reason for name, each in slos.items()}},
            items=["No objective has data, so nobody knows whether they are kept."],
            next_action="see whether the recording rules are loaded and their sources are scraped",
        )


def _held_objectives(report: SloCompliance) -> set[Key]:
    """Alerts that this report does not end: only a level back at its target, or one nobody asks for, is over."""
    open_ = (ObjectiveStatus.AT_RISK, ObjectiveStatus.SKIPPED, ObjectiveStatus.ERROR)
    held = {(AlertType.SLO_VIOLATION, name) for name in named(report.slos, *open_)}
    if not named(report.slos, *_KNOWN):
        held.add((AlertType.SLO_DATA_GAP, ""))
    return held


def _self_failure(reports: Mapping[CheckName, CheckReport], errors: Iterable[CheckName]) -> Finding:
    reasons = {name.value: reports[name].reason for name in errors}
    return Finding(
        event_type=AlertType.SELF_FAILURE,
        severity=Severity.CRITICAL,
        impact={"failed": reasons, "checks": len(reports)},
        items=[f"{len(reasons)} of {len(reports)} governance checks could not be carried out."],
        next_action="see why the checks fail; until then nobody watches the automation",
    )


def _rate(report: FailureRate, limit: float) -> dict[str, Any]:
    figures = ("judged", "failed", "rate", "rate_low", "rate_high")
    return {**{name: getattr(report, name) for name in figures}, "limit": limit}


def _ownership(policy: Policy) -> Mapping[str, str] | None:
    return policy.ownership or None
