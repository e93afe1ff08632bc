"""The five checks: what is counted where, and which decision makes a report of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from functions.governance_check.core import objectives, rates, trust
from functions.governance_check.core.objectives import Objective, Sample
from functions.governance_check.core.policy import Policy
from functions.governance_check.core.rates import Tally
from functions.governance_check.core.trust import Playbooks
from functions.governance_check.running import Check
from shared.domain.calls import CallFailed
from shared.domain.governance import (
    CheckName,
    ExecutionFailure,
    FailureRate,
    KnowledgeDegradation,
    ObjectiveReport,
    PlaybookFailures,
    SloCompliance,
    TrustDrift,
)


class Counts(Protocol):
    """What PostgreSQL counts; reads only. Every call may raise DatabaseUnavailable."""

    async def playbooks(self) -> Playbooks:
        """Those that are trusted too little, and those that are to be deprecated."""

    async def knowledge(self) -> tuple[int, int]:
        """Entries in use, and how many of them are stale."""

    async def decided_by_llm(self) -> Tally:
        """The last executions with a verdict that a model decided."""

    async def executions(self) -> tuple[Tally, Sequence[PlaybookFailures]]:
        """The last executions with a verdict, and the same by playbook."""


class Metrics(Protocol):
    """Where objectives are measured."""

    async def samples(self, objective: Objective) -> Sequence[Sample]:
        """Every series of an objective.

        Raises:
            CallFailed: there is no answer; that says nothing of the objective.
        """


def inspectors(counts: Counts, metrics: Metrics | None, policy: Policy) -> Mapping[CheckName, Check]:
    """All of them, by name; without metrics every objective is skipped."""

    async def trust_drift() -> TrustDrift:
        return trust.drift(await counts.playbooks())

    async def knowledge_degradation() -> KnowledgeDegradation:
        return rates.degradation(*await counts.knowledge(), policy)

    async def llm_hallucination() -> FailureRate:
        return rates.hallucination(await counts.decided_by_llm(), policy)

    async def execution_failure() -> ExecutionFailure:
        return rates.execution_failure(*await counts.executions(), policy)

    async def slo_compliance() -> SloCompliance:
        reports = await asyncio.gather(*(_level(each, metrics, policy) for each in policy.objectives))
        return objectives.compliance(dict(zip((each.name for each in policy.objectives), reports, strict=True)))

    return {
        CheckName.TRUST_DRIFT: trust_drift,
        CheckName.KNOWLEDGE_DEGRADATION: knowledge_degradation,
        CheckName.LLM_HALLUCINATION: llm_hallucination,
        CheckName.EXECUTION_FAILURE: execution_failure,
        CheckName.SLO_COMPLIANCE: slo_compliance,
    }


async def _level(objective: Objective, metrics: Metrics | None, policy: Policy) -> ObjectiveReport:
    if metrics is None:
        return objectives.unasked(objective)
    try:
        samples = await metrics.samples(objective)
    except CallFailed as failure:
        return objectives.unanswered(objective, failure.kind)
    return objectives.judge(objective, samples, sample_age_s=policy.sample_age_s)
