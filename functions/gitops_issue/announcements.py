"""The events that follow from a proposal.

The id of ``remediation.assessed`` depends on its outcome: a proposal that is answered ``issue_pending`` and, once the
issue is open, ``issue_opened``, is two events, and a receiver never sees one id with two contents.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from functions.gitops_issue.core.approvals import code_of
from functions.gitops_issue.model import SOURCE
from functions.gitops_issue.reviewing import Review
from shared.domain.events import Event
from shared.domain.remediations import (
    REMEDIATION_APPROVED,
    REMEDIATION_ASSESSED,
    REMEDIATION_REVIEW_REQUESTED,
    AssessmentOutcome,
    RemediationApproved,
    RemediationAssessed,
    RemediationReviewRequested,
    ReviewIssue,
)


def with_issue(assessed: RemediationAssessed, issue: ReviewIssue) -> RemediationAssessed:
    """The same assessment, now that the issue is open."""
    return assessed.model_copy(update={"outcome": AssessmentOutcome.ISSUE_OPENED, "issue": issue})


def announce_assessed(cause: Event, assessed: RemediationAssessed, at: datetime) -> Event:
    """``remediation.assessed``."""
    return cause.follow(
        f"assessed {assessed.outcome}",
        type=REMEDIATION_ASSESSED,
        source=SOURCE,
        time=at,
        data=assessed.model_dump(mode="json"),
    )


def announce_review(cause: Event, assessed: RemediationAssessed, issue: ReviewIssue, at: datetime) -> Event:
    """``remediation.review-requested``: once for a plan, of the proposal that brought it first."""
    requested = RemediationReviewRequested(
        proposal_id=assessed.proposal_id,
        incident_id=assessed.incident_id,
        score=assessed.score,
        tier=assessed.tier,
        digest=assessed.digest,
        target=assessed.target,
        issue=issue,
    )
    return cause.follow(
        "review-requested",
        type=REMEDIATION_REVIEW_REQUESTED,
        source=SOURCE,
        time=at,
        data=requested.model_dump(mode="json"),
    )


def announce_approved(review: Review, approved_by: Sequence[str], at: datetime) -> Event:
    """``remediation.approved``: once for a plan, about the proposal that brought it first."""
    approved = RemediationApproved(
        proposal_id=review.assessed.proposal_id,
        incident_id=review.assessed.incident_id,
        approval_id=f"apr-{code_of(review.digest)}",
        approved_by=list(approved_by),
        digest=review.digest,
        command=review.command,
        approved_at=at,
        issue=review.issue,
    )
    return review.cause.follow(
        "approved",
        type=REMEDIATION_APPROVED,
        source=SOURCE,
        time=at,
        data=approved.model_dump(mode="json"),
    )
