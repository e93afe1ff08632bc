"""Whether to try again, as a pure decision.

A failure's class decides; time and chance are arguments. At most two local tries follow the first, because the
broker retries as well: its attempts and ours multiply. All of a process' retries come out of one budget, so that an
incident that makes every call fail does not multiply the load by three as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shared.domain.failures import FailureClass

_MAX_TRIES: Final = {
    # Tries after the first that a class may ever get, whatever the policy allows.
    FailureClass.CONFLICT: 2,
    FailureClass.COLLISION: 1,
    FailureClass.CONNECTION: 1,
    FailureClass.UNKNOWN: 1,
    FailureClass.OVERLOAD: 0,
    FailureClass.TIMEOUT: 0,
    FailureClass.OURS: 0,
    FailureClass.EVENT: 0,
    FailureClass.CORRUPTION: 0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how fast.

    Attributes:
        attempts: tries in all, the first included; at least 1 (``KM_RETRY_MAX``).
        base_s: seconds before the second try; doubles each time (``KM_RETRY_BASE_SECONDS``).
        deadline_s: seconds for everything together.
    """

    attempts: int = 3
    base_s: float = 0.1
    deadline_s: float = 5.0


class RetryBudget:
    """What a process may spend on retries: a token bucket that its traffic fills.

    Args:
        share: tokens that one request brings, so of many requests this share may be tried once more.
        most: tokens that it holds, and begins with; a calm hour does not pay for a storm.
    """

    def __init__(self, *, share: float = 0.1, most: float = 10.0) -> None:
        self._share = share
        self._most = most
        self._tokens = most

    def earn(self) -> None:
        """A request came in."""
        self._tokens = min(self._tokens + self._share, self._most)

    def spend(self) -> bool:
        """Pay for one retry; False when there is nothing left for it."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def pause_before_retry(
    kind: FailureClass, *, attempt: int, elapsed_s: float, policy: RetryPolicy, chance: float
) -> float | None:
    """Seconds to wait before the next try, or None to give up.

    Args:
        kind: the class of the failure that just happened.
        attempt: how many tries have been made, 1 after the first.
        elapsed_s: seconds since the first try began.
        policy: the limits.
        chance: a number in [0, 1); full jitter spreads the herd.
    """
    if attempt >= policy.attempts or attempt > _MAX_TRIES[kind]:
        return None
    pause_s = policy.base_s * 2 ** (attempt - 1) * chance
    return pause_s if elapsed_s + pause_s < policy.deadline_s else None
