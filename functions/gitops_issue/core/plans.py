"""A plan, frozen: what was proposed, what it was found to be, and a digest that any edit of the plan changes.

The digest is of what people agree to, to the letter: two spellings of one command are two plans, since only one of
them was shown. The proposal's own id is left out, so a plan that is proposed again is the same plan; so is the
assessment, so that a new weight for a namespace does not open every issue a second time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from functions.gitops_issue.core.assessing import Assessment
from shared.domain.events import canonical_json
from shared.domain.remediations import RemediationProposed

_FORM: Final = "aftercare-plan/1"


@dataclass(frozen=True, slots=True)
class Spec:
    """A plan that no longer changes.

    Attributes:
        proposal: what the planner asked for.
        assessment: how far it reaches and who must agree.
        digest: of the proposal, ``sha256:`` and 64 hexadecimal digits.
    """

    proposal: RemediationProposed
    assessment: Assessment
    digest: str

    @classmethod
    def frozen(cls, proposal: RemediationProposed, assessment: Assessment) -> Spec:
        """The plan with its digest."""
        return cls(proposal, assessment, digest(proposal))


def digest(proposal: RemediationProposed) -> str:
    """``sha256:`` and the hash of the canonical JSON of a plan: everything proposed but the proposal's id."""
    plan = {"form": _FORM, **proposal.model_dump(mode="json", exclude={"proposal_id"})}
    return f"sha256:{hashlib.sha256(canonical_json(plan)).hexdigest()}"
