"""A Prometheus that answers queries about what it was told, or about services it asks itself.

As a process::

    python -m shared.local.simulators.prometheus --port 9090 --probe prod/api=http://127.0.0.1:8081/health

With ``--probe`` it asks the service whenever it is queried, and knows ``probe_success`` and ``up`` of it.
``PUT /_simulator/samples`` takes a list of ``{"metric", "labels", "value", "age_s"}``, where a value is a number,
``"NaN"``, ``"+Inf"``, or null to end the series; ``DELETE`` forgets them all. ``PUT /_simulator/alerts`` takes the
labels of the alerts that fire, ``PUT /_simulator/warnings`` what is said beside every result.
"""

from __future__ import annotations

import math
import ssl
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import httpx
from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from shared.local.simulators.promql import Expression, Selector, parse
from shared.local.simulators.promql_tokens import BadQuery, seconds
from shared.local.simulators.series import CannotEvaluate, Labels, Series, Value
from shared.local.simulators.simulator import CONTROL, Simulator, options

if TYPE_CHECKING:
    from starlette.requests import Request

_ERROR_TYPES: Final = {
    400: "bad_data",
    404: "not_found",
    422: "execution",
    500: "internal",
    503: "timeout",
}
_PROBE_S: Final = 2.0
_NO_AUTHORITIES: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # loading them takes long, and probes speak plain HTTP


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class PrometheusSimulator(Simulator):
    """The query API.

    Args:
        clock: seconds since 1970.

    Attributes:
        series: what it has scraped.
        warnings: said beside every result.
        probes: services it asks itself, by namespace and service.
    """

    name = "prometheus"

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.series = Series()
        self.warnings: list[str] = []
        self.probes: dict[tuple[str, str], str] = {}
        self._clock = clock
        self._firing: dict[Labels, float] = {}

    def scrape(self, metric: str, labels: Mapping[str, str], value: float | None, *, age_s: float = 0.0) -> None:
        """Add a sample as if it had been scraped that long ago; None ends the series."""
        self.series.add(metric, labels, value, self._now() - age_s)

    def fire(self, *alerts: Mapping[str, str]) -> None:
        """Let these alerts fire, by their labels, and no others."""
        now = self._now()
        firing = {frozenset(labels.items()): now for labels in alerts}
        for ended in set(self._firing) - set(firing):
            self._note(ended, None)
        self._firing = firing | {labels: since for labels, since in self._firing.items() if labels in firing}
        self._evaluate_rules()

    def problem(self, status: int) -> Response:
        """An error as Prometheus has it; what a proxy before it would say, as text."""
        if status in _ERROR_TYPES:
            return _error(Refused(status, "it was told to say so"))
        return PlainTextResponse(HTTPStatus(status).phrase, status)

    def routes(self) -> Sequence[BaseRoute]:
        """Queries and alerts."""
        return [
            Route("/api/v1/query", self._query, methods=["GET", "POST"]),
            Route("/api/v1/alerts", self._alerts),
            Route("/-/ready", self._ready),
        ]

    def controls(self) -> Sequence[BaseRoute]:
        """Samples, alerts and warnings."""
        return [
            Route(f"{CONTROL}/samples", self._put_samples, methods=["PUT", "DELETE"]),
            Route(f"{CONTROL}/alerts", self._put_alerts, methods=["PUT"]),
            Route(f"{CONTROL}/warnings", self._put_warnings, methods=["PUT"]),
        ]

    async def _query(self, request: Request) -> Response:
        asked = request.query_params if request.method == "GET" else QueryParams(await request.body())
        try:
            _check_timeout(asked.get("timeout"))
            tree = _instant(asked.get("query", ""))
            self._evaluate_rules()
            await self._look()
            at = _time(asked.get("time"), self._now())
            value = self.series.evaluate(tree, at)
        except BadQuery as error:
            return _error(Refused(400, f'invalid parameter "query": {error}'))
        except CannotEvaluate as error:
            return _error(Refused(422, str(error)))
        except Refused as refused:
            return _error(refused)
        warnings = {"warnings": self.warnings} if self.warnings else {}
        return JSONResponse({"status": "success", "data": _result(value, at), **warnings})

    async def _alerts(self, _: Request) -> Response:
        alerts = [
            {
                "labels": dict(labels),
                "annotations": {},
                "state": "firing",
                "activeAt": _rfc3339(since),
                "value": "1e+00",
            }
            for labels, since in self._firing.items()
        ]
        return JSONResponse({"status": "success", "data": {"alerts": alerts}})

    async def _ready(self, _: Request) -> Response:
        return PlainTextResponse("Prometheus Server is Ready.\n")

    async def _put_samples(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.series.clear()
            return Response(status_code=204)
        try:
            for each in await request.json():
                value = None if each["value"] is None else float(each["value"])
                self.scrape(each["metric"], each.get("labels", {}), value, age_s=each.get("age_s", 0.0))
        except (KeyError, TypeError, ValueError) as error:
            return PlainTextResponse(
                f"A list of samples with metric, labels, value and age_s is wanted: {error}\n", 400
            )
        return Response(status_code=204)

    async def _put_alerts(self, request: Request) -> Response:
        self.fire(*await request.json())
        return Response(status_code=204)

    async def _put_warnings(self, request: Request) -> Response:
        self.warnings = await request.json()
        return Response(status_code=204)

    def _now(self) -> float:
        """In whole milliseconds, as Prometheus keeps time: what is added now is found now."""
        return round(self._clock(), 3)

    def _evaluate_rules(self) -> None:
        for alert in self._firing:
            self._note(alert, 1.0)

    async def _look(self) -> None:
        """Ask the probed services, as of now."""
        if not self.probes:
            return
        async with httpx.AsyncClient(trust_env=False, timeout=_PROBE_S, verify=_NO_AUTHORITIES) as http:
            for (namespace, service), url in self.probes.items():
                labels = {"namespace": namespace, "service": service}
                status = await _status(http, url)
                self.scrape("up", labels, float(status is not None))
                self.scrape("probe_success", labels, float(status is not None and status < HTTPStatus.MULTIPLE_CHOICES))

    def _note(self, alert: Labels, value: float | None) -> None:
        self.scrape("ALERTS", {**dict(alert), "alertstate": "firing"}, value)


async def _status(http: httpx.AsyncClient, url: str) -> int | None:
    try:
        return (await http.get(url)).status_code
    except httpx.HTTPError:
        return None


def _result(value: Value, at: float) -> dict[str, Any]:
    if isinstance(value, float):
        return {"resultType": "scalar", "result": [at, _text(value)]}
    result = [{"metric": dict(sorted(labels)), "value": [at, _text(each)]} for labels, each in value.items()]
    return {"resultType": "vector", "result": result}


def _text(value: float) -> str:
    """As Go writes a float: never with an exponent."""
    if math.isfinite(value):
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


def _error(refused: Refused) -> Response:
    body = {"status": "error", "errorType": _ERROR_TYPES[refused.status], "error": refused.text}
    return JSONResponse(body, refused.status)


def _instant(query: str) -> Expression:
    tree = parse(query)
    if isinstance(tree, Selector) and tree.range_s is not None:
        raise BadQuery("1:1: parse error: this simulator answers no range vectors")
    return tree


def _time(given: str | None, now: float) -> float:
    try:
        return now if given is None else float(given)
    except ValueError:
        raise Refused(400, f'invalid parameter "time": cannot parse "{given}" to a valid timestamp') from None


def _check_timeout(given: str | None) -> None:
    if given is not None and not seconds(given):
        raise Refused(400, f'invalid parameter "timeout": cannot parse "{given}" to a valid duration')


def _rfc3339(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def _probes(given: Iterable[str]) -> dict[tuple[str, str], str]:
    found = {}
    for each in given:
        target, _, url = each.partition("=")
        namespace, _, service = target.partition("/")
        found[namespace, service] = url
    return found


def main() -> None:
    """Run as a process."""
    probe = {"action": "append", "default": [], "metavar": "NAMESPACE/SERVICE=URL", "help": "a service to ask"}
    chosen = options("A Prometheus that is not there.", ("--probe", probe))
    simulator = PrometheusSimulator()
    simulator.probes = _probes(chosen.probe)
    simulator.run(chosen)


if __name__ == "__main__":
    main()
