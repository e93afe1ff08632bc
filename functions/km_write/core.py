"""km-write's decision: what to do after a write failed."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.failures import Failure
from shared.domain.retry import RetryBudget, RetryPolicy, pause_before_retry


@dataclass(frozen=True, slots=True)
class Again:
    """Try once more, after a pause in seconds."""

    pause_s: float


@dataclass(frozen=True, slots=True)
class Defer:
    """Keep the event in the dead letter stream; it is written later."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Acknowledge nothing; the caller sends it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WritePolicy:
    """How hard km-write tries.

    Attributes:
        retry: tries and pauses, bounded by the time PostgreSQL may take.
        defer: whether an event may wait in the dead letter stream (``DEFER``).
    """

    retry: RetryPolicy
    defer: bool

    @classmethod
    def of(
        cls, *, attempts: int, base_s: float, timeout_s: float, queue_s: float, wait: bool, defer: bool
    ) -> WritePolicy:
        """From settings.

        Args:
            attempts: tries in all (``KM_RETRY_MAX``).
            base_s: seconds before the second try (``KM_RETRY_BASE_SECONDS``).
            timeout_s: seconds for the whole call (``KM_WRITE_TIMEOUT_SECONDS``).
            queue_s: seconds of these kept for the dead letter stream.
            wait: False is the emergency mode (``KM_WRITE_AWAIT``): one try, two seconds, still durable or refused.
            defer: see :attr:`WritePolicy.defer`.
        """
        if not wait:
            attempts, timeout_s = 1, min(timeout_s, _EMERGENCY_S)
        deadline_s = max(timeout_s - queue_s, timeout_s / 2)
        return cls(retry=RetryPolicy(attempts=attempts, base_s=base_s, deadline_s=deadline_s), defer=defer)


_EMERGENCY_S = 2.0


def after_failure(
    failure: Failure, *, attempt: int, elapsed_s: float, policy: WritePolicy, budget: RetryBudget, chance: float
) -> Again | Defer | Refuse:
    """What to do after PostgreSQL was unavailable.

    Args:
        failure: its class decides.
        attempt: tries made so far, at least 1.
        elapsed_s: seconds since the first one began.
        policy: the limits.
        budget: what is left for retries; another try is paid from it.
        chance: a number in [0, 1).
    """
    pause_s = pause_before_retry(failure.kind, attempt=attempt, elapsed_s=elapsed_s, policy=policy.retry, chance=chance)
    if pause_s is not None and budget.spend():
        return Again(pause_s)
    return Defer() if policy.defer else Refuse()
