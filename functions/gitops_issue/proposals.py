"""From a proposal to what is answered and, where two people must agree, to the issue that asks them.

What people wrote is redacted here, once, before it is stored, sent or shown. The digest is of the plan as it came.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from functions.gitops_issue.core.assessing import Assessment, assess
from functions.gitops_issue.core.plans import digest
from functions.gitops_issue.core.policy import DEFAULT_CLASSES, ClassRule, NamespaceClass, Policy
from functions.gitops_issue.drafts import Draft, Writer
from shared.domain.redaction import redact
from shared.domain.remediations import AssessmentOutcome, Contribution, RemediationAssessed, RemediationProposed, Tier

# What nobody has looked at is for a person to decide: the highest score of that tier.
_UNCHECKED: Final = Assessment(
    score=50, tier=Tier.HUMAN, reasons=(Contribution(rule="blast-radius-check:off", points=50),), dry_run_required=True
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessor:
    """Assesses proposals.

    Attributes:
        policy: which namespaces matter how much.
        writer: of issues, in one language.
        checks: whether plans are scored (``AIOPS_P5_BLAST_RADIUS_CHECK``).
        opens: whether issues are opened (``AIOPS_P5_GITOPS_PR``).
    """

    policy: Policy
    writer: Writer
    checks: bool
    opens: bool

    def __call__(self, proposed: RemediationProposed) -> tuple[RemediationAssessed, Draft | None]:
        """The answer, and the issue if one is to be opened."""
        found = assess(proposed.command, self.policy) if self.checks else _UNCHECKED
        assessed = _answered(proposed, found, self._outcome(found))
        is_asked = assessed.outcome is AssessmentOutcome.ISSUE_PENDING
        return assessed, self.writer.draft(proposed, assessed) if is_asked else None

    def _outcome(self, found: Assessment) -> AssessmentOutcome:
        if not self.checks:
            return AssessmentOutcome.SKIPPED
        if found.tier is not Tier.DUAL:
            return AssessmentOutcome.ASSESSED
        return AssessmentOutcome.ISSUE_PENDING if self.opens else AssessmentOutcome.SKIPPED


def policy_of(patterns: dict[NamespaceClass, Sequence[str]]) -> Policy:
    """The usual weights, for namespaces of these patterns."""
    classes = {each: ClassRule(tuple(patterns[each]), DEFAULT_CLASSES[each].weight) for each in NamespaceClass}
    return Policy(classes)


def _answered(proposed: RemediationProposed, found: Assessment, outcome: AssessmentOutcome) -> RemediationAssessed:
    answer = RemediationAssessed(
        proposal_id=proposed.proposal_id,
        incident_id=proposed.incident_id,
        score=found.score,
        tier=found.tier,
        reasons=list(found.reasons),
        hard_rule=found.hard_rule,
        namespace=found.namespace,
        target=found.target,
        dry_run_required=found.dry_run_required,
        rollback_plan=found.rollback_plan,
        digest=digest(proposed),
        outcome=outcome,
    )
    return RemediationAssessed.model_validate(redact(answer.model_dump()))
