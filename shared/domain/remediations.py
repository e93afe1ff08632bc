"""A risky change: proposed by a planner, assessed here, agreed to by people. Nobody here carries it out."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from shared.domain.contract import Contract, Flag, Id, Time

REMEDIATION_PROPOSED: Final = "dev.aftercare.remediation.proposed.v1"
REMEDIATION_ASSESSED: Final = "dev.aftercare.remediation.assessed.v1"
REMEDIATION_REVIEW_REQUESTED: Final = "dev.aftercare.remediation.review-requested.v1"
REMEDIATION_APPROVED: Final = "dev.aftercare.remediation.approved.v1"

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
"""``sha256:`` and the hash of the canonical plan; an edited plan has another one."""

Text = Annotated[str, Field(max_length=16_384)]


class Tier(StrEnum):
    """Who must agree before a change is made."""

    AUTO = "auto"
    HUMAN = "human"
    DUAL = "dual"
    BLOCKED = "blocked"


class AssessmentOutcome(StrEnum):
    """What was done with a proposal."""

    ASSESSED = "assessed"
    ISSUE_OPENED = "issue_opened"
    ISSUE_PENDING = "issue_pending"
    SKIPPED = "skipped"


class RemediationProposed(Contract):
    """Data of ``remediation.proposed``. The command is parsed and never executed."""

    proposal_id: Id
    incident_id: Id
    command: Text
    target_state: Text
    constraints: Annotated[list[Text], Field(max_length=100)] = []
    diagnosis: Text | None = None
    requested_by: Id
    cluster: Id | None = None


class Contribution(Contract):
    """One rule's part in a score: points are added, a factor multiplies."""

    rule: str
    points: int | None = None
    factor: float | None = None


class ReviewIssue(Contract):
    """The issue in which people review a plan."""

    number: int
    url: str


class RemediationAssessed(Contract):
    """Data of ``remediation.assessed``.

    ``score`` is 0 to 100; ``hard_rule`` names the rule that decided by itself, if one did; ``rollback_plan`` is text
    for people, or None where the operation has no inverse.
    """

    proposal_id: Id
    incident_id: Id
    score: Annotated[int, Field(ge=0, le=100)]
    tier: Tier
    reasons: list[Contribution]
    hard_rule: str | None = None
    namespace: str | None = None
    target: str | None = None
    dry_run_required: Flag
    rollback_plan: str | None = None
    digest: Digest
    outcome: AssessmentOutcome
    issue: ReviewIssue | None = None


class RemediationReviewRequested(Contract):
    """Data of ``remediation.review-requested``: an issue is open, and nothing happens until people agree."""

    proposal_id: Id
    incident_id: Id
    score: Annotated[int, Field(ge=0, le=100)]
    tier: Tier
    digest: Digest
    target: str | None = None
    issue: ReviewIssue


class RemediationApproved(Contract):
    """Data of ``remediation.approved``: who agreed to exactly which plan, and in which issue if in one."""

    proposal_id: Id
    incident_id: Id
    approval_id: Id
    approved_by: Annotated[list[Id], Field(min_length=1)]
    digest: Digest
    command: str
    approved_at: Time
    issue: ReviewIssue | None = None
