"""Trust: playbooks that are trusted too little, and those that are taken out of use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from shared.domain.governance import Deprecation, LowTrust, Status, TrustDrift

LISTED: Final = 50
"""Playbooks that a report names; the totals count all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Playbooks:
    """What was found: playbooks below the floor that stay in use, and those that do not, each with its whole number."""

    low_trust: Sequence[LowTrust] = field(default_factory=tuple)
    low_trust_total: int = 0
    deprecated: Sequence[Deprecation] = field(default_factory=tuple)
    deprecated_total: int = 0


def drift(found: Playbooks) -> TrustDrift:
    """What the playbooks say: distrust and failing are violations, only to be unused is a risk."""
    failing = [each for each in found.deprecated if each.rule == "failing"]
    unused = Status.AT_RISK if found.deprecated else Status.OK
    return TrustDrift(
        status=Status.VIOLATED if found.low_trust or failing else unused,
        low_trust=list(found.low_trust[:LISTED]),
        low_trust_total=found.low_trust_total,
        deprecated=list(found.deprecated[:LISTED]),
        deprecated_total=found.deprecated_total,
    )


def deprecated(report: TrustDrift, done: Sequence[Deprecation]) -> TrustDrift:
    """The report after the deed: a playbook that was used meanwhile was left in use."""
    found = Playbooks(
        low_trust=report.low_trust,
        low_trust_total=report.low_trust_total or 0,
        # Those that fail are named first: a list of unused ones must not push them off its end.
        deprecated=sorted(done, key=lambda each: (each.rule, each.playbook_id)),
        deprecated_total=len(done),
    )
    return drift(found).model_copy(update={"took_s": report.took_s})
