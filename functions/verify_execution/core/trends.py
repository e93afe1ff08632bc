"""Metrics before and after: better, the same, worse, or not to be judged."""

from __future__ import annotations

import math
from datetime import datetime
from enum import StrEnum
from typing import Final

from functions.verify_execution.core.readings import Direction, Metric

# Less than this is noise: relative to the value before, and absolute for values near zero.
_NOISE_RELATIVE: Final = 0.05
_NOISE_ABSOLUTE: Final = 0.005


class Trend(StrEnum):
    """How a metric went."""

    BETTER = "better"
    SAME = "same"
    WORSE = "worse"
    UNKNOWN = "unknown"  # nothing finite to compare


def worst(metric: Metric, *, since: datetime | None = None) -> float | None:
    """The worst series that has a number; with ``since``, of those sampled after it. None when there is none."""
    samples = [sample for sample in metric.samples if since is None or sample.at > since]
    values = [sample.value for sample in samples if math.isfinite(sample.value)]
    return (max if metric.direction is Direction.LOWER else min)(values, default=None)


def is_within_limit(metric: Metric) -> bool:
    """Whether every series is finite and on the healthy side of the limit, if there is one."""
    value = worst(metric)
    if value is None or not all(math.isfinite(sample.value) for sample in metric.samples):
        return False
    if metric.limit is None:
        return True
    return value <= metric.limit if metric.direction is Direction.LOWER else value >= metric.limit


def trend(before: Metric | None, after: Metric, *, since: datetime) -> Trend:
    """Compare the worst series of both sides, of those after ``since``.

    A series that is stale, or not a number, speaks neither for nor against the others.
    """
    now = worst(after, since=since)
    was = None if before is None or after.counted_since_action else worst(before)
    if now is None or was is None:
        return Trend.UNKNOWN
    change = was - now if after.direction is Direction.LOWER else now - was
    if abs(change) <= max(abs(was) * _NOISE_RELATIVE, _NOISE_ABSOLUTE):
        return Trend.SAME
    return Trend.BETTER if change > 0 else Trend.WORSE
