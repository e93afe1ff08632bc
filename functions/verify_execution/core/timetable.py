"""When to look: within one verification, and again after a success."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


class Check(StrEnum):
    """Which look this is."""

    INITIAL = "initial"
    AFTER_5M = "5m"
    AFTER_1H = "1h"
    AFTER_24H = "24h"


# Each look is planned when the one before it was a success.
_NEXT: Final = {
    Check.INITIAL: (Check.AFTER_5M, timedelta(minutes=5)),
    Check.AFTER_5M: (Check.AFTER_1H, timedelta(hours=1)),
    Check.AFTER_1H: (Check.AFTER_24H, timedelta(hours=24)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The limits of one verification, in seconds.

    Attributes:
        warmup_s: before the first look, for controllers to converge (``VERIFY_WARMUP_SECONDS``).
        soak_s: how long the target must be stable (``VERIFY_SOAK_SECONDS``).
        whole_s: everything together (``VERIFY_TIMEOUT_SECONDS``).
        sensor_s: one call of one sensor (``SENSOR_TIMEOUT_SECONDS``).
        interval_s: between two looks of one soak.
        recheck_scale: what the waits for the later looks are multiplied by; a story makes it small.
    """

    warmup_s: float = 10.0
    soak_s: float = 15.0
    whole_s: float = 60.0
    sensor_s: float = 8.0
    interval_s: float = 3.0
    recheck_scale: float = 1.0


def next_check(check: Check, *, since: datetime, scale: float) -> tuple[Check, datetime] | None:
    """The look after this one, and when; None after the last one.

    Args:
        check: the look that was taken.
        since: the end of the action: every look is that long after it.
        scale: what the waits are multiplied by.
    """
    following = _NEXT.get(check)
    return None if following is None else (following[0], since + following[1] * scale)
