"""Prometheus: the query of the alert's family, all its series, and how old each of them really is.

An instant query stamps every value with the time of the evaluation, so that a sample scraped before the action looks
like one from after it. When it was scraped only ``timestamp()`` says, of a bare selector; so that is asked beside the
query, and a value is as old as the oldest sample of the series it was made from.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from functions.verify_execution.core.probes import Probe, Unscoped, probe
from functions.verify_execution.core.questions import Question
from functions.verify_execution.core.readings import Metric, Sample, SensorKind
from shared.adapters.endpoints import both
from shared.adapters.prometheus import PrometheusApi, Series
from shared.domain.calls import CallFailed, FailureKind
from shared.domain.ports import Clock

# Comparing ages is cheap for series of one shape, which is what a query returns.
_COMPARISONS: Final = 1_000_000
# Strings are skipped whole: a value may hold any character, a brace as well.
_SELECTOR: Final = re.compile(r'[a-zA-Z_:][a-zA-Z0-9_:]*+\{(?:[^"}]|"(?:[^"\\]|\\.)*+")*+\}')


class PrometheusSensor:
    """The probe of the alert's family; see :class:`functions.verify_execution.observing.Sensor`.

    Args:
        api: where to ask.
        clock: for the time of the reading, and since the action.
        about_target: for hosts, which only metrics can see; otherwise for everything else.
    """

    def __init__(self, api: PrometheusApi, clock: Clock, *, about_target: bool = False) -> None:
        self._api = api
        self._clock = clock
        self.name = "host-metrics" if about_target else "prometheus"
        self.kind = SensorKind.METRIC
        self.about_target = about_target
        self.required = True

    def suits(self, question: Question) -> bool:
        """Hosts, or everything but hosts."""
        return (question.target.kind == "Host") is self.about_target

    async def read(self, question: Question) -> Metric:
        """Every series of the probe, each as old as it is."""
        at = self._clock.now()
        asked = _probe(question, at)
        series, dated = await both(self._api.instant(asked.query), self._dates(asked.query))
        if not series:
            raise CallFailed(FailureKind.EMPTY)
        return Metric(
            at=at,
            name=asked.name,
            samples=_samples(series, dated),
            direction=asked.direction,
            limit=asked.limit,
            counted_since_action=asked.counted_since_action,
        )

    async def _dates(self, query: str) -> list[Series]:
        """When the samples behind a query were taken, selector by selector: side by side, one would hide the other."""
        found: list[Series] = []
        for selector in dict.fromkeys(_SELECTOR.findall(query)):
            found += await self._api.instant(f"timestamp({selector})")
        return found


def _probe(question: Question, at: datetime) -> Probe:
    since = 0.0 if question.acted_at is None else (at - question.acted_at).total_seconds()
    try:
        return probe(question.alertname, question.labels, question.target, window_s=max(1, math.ceil(since)))
    except Unscoped as error:
        raise CallFailed(FailureKind.NOT_FOUND) from error


def _samples(series: Iterable[Series], dated: Iterable[Series]) -> tuple[Sample, ...]:
    """Each value with the time of the oldest sample of the series behind it: those that have all its labels.

    Raises:
        CallFailed: a value cannot be dated, as when its series has just ended.
    """
    by_shape: dict[tuple[str, ...], list[Series]] = {}
    for each in series:
        by_shape.setdefault(tuple(sorted(each.labels)), []).append(each)
    dates = list(dated)
    if len(by_shape) * len(dates) > _COMPARISONS:
        raise CallFailed(FailureKind.TOO_LARGE)
    found = []
    for shape, members in by_shape.items():
        oldest = _oldest(shape, dates)
        for each in members:
            time = oldest.get(tuple(each.labels[label] for label in shape))
            if time is None:
                raise CallFailed(FailureKind.EMPTY)
            found.append(Sample(str(each), each.value, _time(time)))
    return tuple(found)


def _oldest(shape: tuple[str, ...], dates: Iterable[Series]) -> dict[tuple[str, ...], float]:
    """The smallest timestamp for each combination of values of these labels."""
    oldest: dict[tuple[str, ...], float] = {}
    for each in dates:
        if all(label in each.labels for label in shape):
            key = tuple(each.labels[label] for label in shape)
            oldest[key] = min(each.value, oldest.get(key, each.value))
    return oldest


def _time(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise CallFailed(FailureKind.UNREADABLE) from error
