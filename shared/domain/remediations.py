"""A risky change that people agreed to."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from shared.domain.contract import Contract, Id, Time

REMEDIATION_APPROVED: Final = "dev.aftercare.remediation.approved.v1"


class RemediationApproved(Contract):
    """Data of ``remediation.approved``: who agreed to exactly which plan.

    ``digest`` is ``sha256:`` and the hash of the canonical plan; an edited plan has another one.
    """

    proposal_id: Id
    incident_id: Id
    approval_id: Id
    approved_by: Annotated[list[Id], Field(min_length=1)]
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    command: str
    approved_at: Time
