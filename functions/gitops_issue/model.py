"""What gitops-issue accepts and emits: its part of the wire contract."""

from __future__ import annotations

from typing import Final

from pydantic import ConfigDict

from shared.domain.contract import Contract
from shared.domain.events import PING
from shared.domain.remediations import (
    REMEDIATION_APPROVED,
    REMEDIATION_ASSESSED,
    REMEDIATION_PROPOSED,
    REMEDIATION_REVIEW_REQUESTED,
    RemediationApproved,
    RemediationAssessed,
    RemediationProposed,
    RemediationReviewRequested,
)

FUNCTION: Final = "gitops-issue"
SOURCE: Final = "/aftercare/gitops-issue"
REQUEST_TYPE: Final = REMEDIATION_PROPOSED
"""The type of a plain JSON request."""


class Tick(Contract):
    """Data of a ping: what it says does not matter, what is due does."""

    model_config = ConfigDict(extra="ignore")


ACCEPTS: Final[dict[str, type[Contract]]] = {
    REMEDIATION_PROPOSED: RemediationProposed,
    PING: Tick,
}
EMITS: Final[dict[str, type[Contract]]] = {
    REMEDIATION_ASSESSED: RemediationAssessed,
    REMEDIATION_REVIEW_REQUESTED: RemediationReviewRequested,
    REMEDIATION_APPROVED: RemediationApproved,
}
