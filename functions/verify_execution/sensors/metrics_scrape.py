"""The target's own metrics endpoint, scraped now: fresher than any Prometheus, and there without one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from functions.verify_execution.core.questions import Question
from functions.verify_execution.core.readings import Direction, Metric, Sample, SensorKind
from functions.verify_execution.sensors.addresses import Addresses
from functions.verify_execution.sensors.exposition import Exposed, NotMetrics, samples
from shared.adapters.endpoints import Endpoint, meaning
from shared.adapters.http import HttpClient
from shared.adapters.prometheus import SERIES_LIMIT
from shared.domain.calls import CallFailed, FailureKind
from shared.domain.ports import Clock

_HEADERS: Final = {"accept": "text/plain;version=0.0.4", "connection": "close"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """What to read of an endpoint.

    Attributes:
        metric: its name there.
        direction: which way is better.
        limit: the last healthy value; without one it can only be compared, and says nothing of health by itself.
    """

    metric: str
    direction: Direction
    limit: float | None = None


class ScrapeSensor:
    """One metric of the target; see :class:`functions.verify_execution.observing.Sensor`.

    Args:
        http: the process's client.
        addresses: of metrics endpoints, by target.
        gauge: what to read there.
        clock: for the time of the reading.
        timeout_s: for the whole of it.
    """

    def __init__(
        self, http: HttpClient, addresses: Addresses, gauge: Gauge, clock: Clock, *, timeout_s: float = 8.0
    ) -> None:
        self._http = http
        self._addresses = addresses
        self._gauge = gauge
        self._clock = clock
        self._timeout_s = timeout_s
        self.name = f"scrape:{gauge.metric}"
        self.kind = SensorKind.SCRAPE
        self.about_target = gauge.limit is not None
        self.required = True

    def suits(self, question: Question) -> bool:
        """Targets that settings have an address for."""
        return self._addresses.of(question.target) is not None

    async def read(self, question: Question) -> Metric:
        """Every series of the metric."""
        at = self._clock.now()
        url = self._addresses.of(question.target)
        if url is None:
            raise CallFailed(FailureKind.NOT_FOUND)
        answer = await Endpoint(http=self._http, url=url, timeout_s=self._timeout_s).get(headers=_HEADERS)
        if answer.status != HTTPStatus.OK:
            raise CallFailed(meaning(answer.status))
        gauge = self._gauge
        found = tuple(_sample(each, at) for each in _exposed(answer.body, gauge.metric))
        return Metric(at=at, name=gauge.metric, samples=found, direction=gauge.direction, limit=gauge.limit)


def _exposed(body: bytes, metric: str) -> list[Exposed]:
    try:
        found = list(samples(body.decode(), metric))
    except (UnicodeDecodeError, NotMetrics) as error:
        raise CallFailed(FailureKind.UNREADABLE) from error
    if not found:
        raise CallFailed(FailureKind.EMPTY)
    if len(found) > SERIES_LIMIT:
        raise CallFailed(FailureKind.TOO_LARGE)
    return found


def _sample(exposed: Exposed, at: datetime) -> Sample:
    """A target may say when it measured; that it was after it was asked is not believed."""
    if exposed.time_ms is None:
        return Sample(exposed.series, exposed.value, at)
    try:
        return Sample(exposed.series, exposed.value, min(at, datetime.fromtimestamp(exposed.time_ms / 1000, UTC)))
    except (ValueError, OverflowError, OSError) as error:
        raise CallFailed(FailureKind.UNREADABLE) from error
