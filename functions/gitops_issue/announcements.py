"""The events that follow from a proposal.

The id of ``remediation.assessed`` depends on its outcome: a proposal that is answered ``issue_pending`` and, once the
issue is open, ``issue_opened``, is two events, and a receiver never sees one id with two contents.
"""

from __future__ import annotations

from datetime import datetime

from functions.gitops_issue.model import SOURCE
from shared.domain.events import Event
from shared.domain.remediations import (
    REMEDIATION_ASSESSED,
    REMEDIATION_REVIEW_REQUESTED,
    AssessmentOutcome,
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
