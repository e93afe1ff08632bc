"""Trust in a playbook: an exponentially weighted average of what its executions achieved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from shared.domain.executions import Verdict

_ALPHA: Final = 0.2
# A timeout says nothing about the playbook: we were blind.
_WORTH: Final = {Verdict.SUCCESS: 1.0, Verdict.DEGRADED: 0.5, Verdict.FAILED: 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What is known of a playbook."""

    trust_score: float
    verified_count: int
    failed_count: int
    used_at: datetime | None = None


def learned(trust: Trust, verdict: Verdict, *, used_at: datetime) -> Trust:
    """Trust after the first verdict on one more execution."""
    used = replace(trust, used_at=used_at if trust.used_at is None else max(trust.used_at, used_at))
    if verdict is Verdict.TIMEOUT:
        return used
    return replace(
        used,
        trust_score=(1 - _ALPHA) * trust.trust_score + _ALPHA * _WORTH[verdict],
        verified_count=trust.verified_count + 1,
        failed_count=trust.failed_count + (verdict is Verdict.FAILED),
    )


def revoked(trust: Trust, *, later: int) -> Trust:
    """Trust after a success relapsed: what it would be, had that verdict been a failure from the start.

    An average is linear, so what the success added is known: its share, faded by every verdict since.

    Args:
        trust: as it is now.
        later: telling verdicts on executions of the playbook since that success.
    """
    added = _ALPHA * (_WORTH[Verdict.SUCCESS] - _WORTH[Verdict.FAILED]) * (1 - _ALPHA) ** later
    return replace(trust, trust_score=max(trust.trust_score - added, 0.0), failed_count=trust.failed_count + 1)
