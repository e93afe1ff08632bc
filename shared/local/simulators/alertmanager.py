"""An Alertmanager, as far as its API v2 says which alerts there are.

As a process::

    python -m shared.local.simulators.alertmanager --port 9093

``POST /api/v2/alerts`` takes alerts as the real one does: one whose ``endsAt`` is past is resolved.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from shared.local.simulators.promql import Matcher, matches
from shared.local.simulators.promql_tokens import BadQuery
from shared.local.simulators.simulator import Simulator, options

if TYPE_CHECKING:
    from starlette.requests import Request

_MATCHER: Final = re.compile(r'\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|=|!=|!~)\s*("?)(.*?)\3\s*', re.DOTALL)
_RESOLVED_AFTER_S: Final = 300.0
_LETTERS: Final = {"n": "\n", '"': '"', "\\": "\\"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert it was sent."""

    labels: Mapping[str, str]
    starts_at: float
    ends_at: float
    silenced: bool = False


class AlertmanagerSimulator(Simulator):
    """The part of API v2 that is about alerts."""

    name = "alertmanager"

    def __init__(self) -> None:
        super().__init__()
        self._alerts: dict[frozenset[tuple[str, str]], Alert] = {}

    def fire(self, labels: Mapping[str, str], *, silenced: bool = False) -> None:
        """Let an alert fire, or go on firing."""
        now = time.time()
        alert = Alert(labels=labels, starts_at=now, ends_at=now + _RESOLVED_AFTER_S, silenced=silenced)
        self._alerts[frozenset(labels.items())] = alert

    def resolve(self, labels: Mapping[str, str]) -> None:
        """Let it fire no longer."""
        self._alerts.pop(frozenset(labels.items()), None)

    def problem(self, status: int) -> Response:
        """An error is a JSON string."""
        return JSONResponse(f"it was told to answer {status}", status)

    def routes(self) -> Sequence[BaseRoute]:
        """Alerts, read and sent."""
        return [
            Route("/api/v2/alerts", self._get, methods=["GET"]),
            Route("/api/v2/alerts", self._post, methods=["POST"]),
        ]

    async def _get(self, request: Request) -> Response:
        asked = request.query_params
        try:
            matchers = [_matcher(text) for text in asked.getlist("filter")]
            found = [
                alert for alert in self._alerts.values() if alert.ends_at > time.time() and _passes(alert, matchers)
            ]
        except BadQuery as error:
            return JSONResponse(str(error), 400)
        without_silenced = asked.get("silenced") == "false"
        return JSONResponse([_shown(alert) for alert in found if not (without_silenced and alert.silenced)])

    async def _post(self, request: Request) -> Response:
        try:
            for each in await request.json():
                self._take(each)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return JSONResponse({"code": 400, "message": f"parsing alerts body failed: {error}"}, 400)
        return Response(status_code=200)

    def _take(self, given: Mapping[str, Any]) -> None:
        now = time.time()
        labels = {str(name): str(value) for name, value in given["labels"].items()}
        ends_at = (
            datetime.fromisoformat(given["endsAt"]).timestamp() if given.get("endsAt") else now + _RESOLVED_AFTER_S
        )
        starts_at = datetime.fromisoformat(given["startsAt"]).timestamp() if given.get("startsAt") else now
        self._alerts[frozenset(labels.items())] = Alert(labels=labels, starts_at=starts_at, ends_at=ends_at)


def _matcher(text: str) -> Matcher:
    """One filter: name, operator and a value with or without quotes.

    Raises:
        BadQuery: Alertmanager would refuse it.
    """
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise BadQuery(f"bad matcher format: {text}")
    label, operator, _, value = found.groups()
    if re.search(r'(?<!\\)(?:\\\\)*"', value):
        raise BadQuery(f"matcher value contains unescaped double quote: {text.partition(operator)[2]}")
    return Matcher(label, operator, re.sub(r'\\([n"\\])', lambda escape: _LETTERS[escape[1]], value))


def _passes(alert: Alert, matchers: Sequence[Matcher]) -> bool:
    return all(matches(each, alert.labels.get(each.label, "")) for each in matchers)


def _shown(alert: Alert) -> dict[str, Any]:
    fingerprint = hashlib.sha256(repr(sorted(alert.labels.items())).encode()).hexdigest()[:16]
    silenced_by = ["00000000-0000-0000-0000-000000000000"] if alert.silenced else []
    return {
        "annotations": {},
        "endsAt": _rfc3339(alert.ends_at),
        "fingerprint": fingerprint,
        "receivers": [{"name": "aftercare"}],
        "startsAt": _rfc3339(alert.starts_at),
        "status": {"inhibitedBy": [], "silencedBy": silenced_by, "state": "suppressed" if silenced_by else "active"},
        "updatedAt": _rfc3339(alert.starts_at),
        "labels": dict(alert.labels),
    }


def _rfc3339(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def main() -> None:
    """Run as a process."""
    AlertmanagerSimulator().run(options("An Alertmanager that is not there."))


if __name__ == "__main__":
    main()
