"""Prometheus: the query of the alert's family, all its series, and how old each of them really is.

An instant query stamps every value with the time of the evaluation, so that a sample scraped before the action looks
like one from after it. When it was scraped only ``timestamp()`` says, of a bare selector; so that is asked beside the
query, and a value is as old as the oldest sample of the series it was made from.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from functions.verify_execution.core.probes import probe
from functions.verify_execution.core.questions import Question
from functions.verify_execution.core.readings import FailureKind, Metric, Sample, SensorKind
from functions.verify_execution.observing import SensorError
from functions.verify_execution.sensors.bounded import Endpoint, both, meaning, parsed
from shared.adapters.http import Answer
from shared.domain.ports import Clock

SERIES_LIMIT: Final = 10_000
"""More series than this are no measurement of one target."""

_ERRORS: Final = {
    "bad_data": FailureKind.REFUSED,
    "timeout": FailureKind.TIMEOUT,
    "canceled": FailureKind.TIMEOUT,
    "execution": FailureKind.UNREACHABLE,
    "internal": FailureKind.UNREACHABLE,
    "unavailable": FailureKind.UNREACHABLE,
    "not_found": FailureKind.NOT_FOUND,
}
# Comparing ages is cheap for series of one shape, which is what a query returns.
_COMPARISONS: Final = 1_000_000
# Strings are skipped whole: a value may hold any character, a brace as well.
_SELECTOR: Final = re.compile(r'[a-zA-Z_:][a-zA-Z0-9_:]*+\{(?:[^"}]|"(?:[^"\\]|\\.)*+")*+\}')


class _Envelope(BaseModel):
    """What every answer is in. Warnings are left aside: the values beside them are what they are."""

    model_config = ConfigDict(strict=True, extra="ignore")

    status: Literal["success", "error"]
    errorType: str = ""  # noqa: N815 - their name
    data: Any = None


class _Vector(BaseModel):
    """The only result that measures anything here: a value for each series."""

    model_config = ConfigDict(strict=True, extra="ignore")

    resultType: Literal["vector"]  # noqa: N815 - their name
    result: list[Any]


class _Element(BaseModel):
    """One series. A native histogram has no single value, and is refused."""

    model_config = ConfigDict(extra="ignore")

    metric: dict[str, str]
    value: tuple[float, str]


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a vector; ``labels`` are those beside its name."""

    name: str
    labels: Mapping[str, str]
    value: float

    def __str__(self) -> str:
        labels = ",".join(f'{label}="{value}"' for label, value in sorted(self.labels.items()))
        return f"{self.name}{{{labels}}}"


class PrometheusApi:
    """One Prometheus, or whatever answers as it does.

    Args:
        endpoint: its address, up to ``/api/v1``.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def instant(self, query: str) -> list[Series]:
        """Evaluate a query now; nothing found is an empty list.

        Raises:
            SensorError: REFUSED for a query that is none, TOO_LARGE, or another failure.
        """
        asked = {"query": query, "timeout": f"{math.ceil(self._endpoint.timeout_s)}s"}
        answer = await self._endpoint.get("/api/v1/query", asked, {"accept": "application/json"})
        if answer.status != HTTPStatus.OK:
            raise SensorError(_failure(answer))
        envelope = parsed(_Envelope, answer.body)
        if envelope.status == "error":
            raise SensorError(_ERRORS.get(envelope.errorType, FailureKind.UNREADABLE))
        return _series(envelope.data)


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
        if not question.target.namespace or not question.target.name:
            raise SensorError(FailureKind.NOT_FOUND)  # a matcher without a value matches whatever lacks the label
        at = self._clock.now()
        since = 0.0 if question.acted_at is None else (at - question.acted_at).total_seconds()
        asked = probe(question.alertname, question.labels, question.target, window_s=max(1, math.ceil(since)))
        series, dated = await both(self._api.instant(asked.query), self._dates(asked.query))
        if not series:
            raise SensorError(FailureKind.EMPTY)
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


def _failure(answer: Answer) -> FailureKind:
    """By Prometheus' own word for it; a proxy in front of it has only its status."""
    try:
        kind = _ERRORS.get(parsed(_Envelope, answer.body).errorType)
    except SensorError:
        kind = None
    return kind or meaning(answer.status)


def _series(data: Any) -> list[Series]:
    try:
        found = _Vector.model_validate(data).result
        if len(found) > SERIES_LIMIT:
            raise SensorError(FailureKind.TOO_LARGE)
        return [_one(_Element.model_validate(each)) for each in found]
    except ValueError as error:  # pydantic's is one, and so is that of a value that is no number
        raise SensorError(FailureKind.UNREADABLE) from error


def _one(element: _Element) -> Series:
    labels = dict(element.metric)
    return Series(labels.pop("__name__", ""), labels, float(element.value[1]))


def _samples(series: Iterable[Series], dated: Iterable[Series]) -> tuple[Sample, ...]:
    """Each value with the time of the oldest sample of the series behind it: those that have all its labels.

    Raises:
        SensorError: a value cannot be dated, as when its series has just ended.
    """
    by_shape: dict[tuple[str, ...], list[Series]] = {}
    for each in series:
        by_shape.setdefault(tuple(sorted(each.labels)), []).append(each)
    dates = list(dated)
    if len(by_shape) * len(dates) > _COMPARISONS:
        raise SensorError(FailureKind.TOO_LARGE)
    found = []
    for shape, members in by_shape.items():
        oldest = _oldest(shape, dates)
        for each in members:
            time = oldest.get(tuple(each.labels[label] for label in shape))
            if time is None:
                raise SensorError(FailureKind.EMPTY)
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
        raise SensorError(FailureKind.UNREADABLE) from error
