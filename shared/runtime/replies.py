"""One status for one meaning, valid for Knative, Alertmanager and OpenFaaS alike.

========================  ======  =========================================================
done, exact duplicate     200     the result, or 204 when it went to a sink
kept, takes effect later  202
transient                 503     ``Retry-After``; never 404, 409 or 429, which brokers retry
permanent                 4xx     400, 401, 403, 413, 415, 422
========================  ======  =========================================================

A broker's body is a CloudEvent or empty: any other body is a failure to it, and what an error page says ends up in
``knativeerrordata``. People get problem JSON (RFC 9457).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from shared.domain.errors import (
    AftercareError,
    Forbidden,
    InvalidEvent,
    Malformed,
    PermanentError,
    TooLarge,
    TransientError,
    Unauthorized,
    UnsupportedMedia,
)
from shared.domain.events import to_structured
from shared.runtime.answers import Answer
from shared.runtime.requests import Style

T = TypeVar("T")

SERVER_ERROR: Final = 500

_STATUS: Final[tuple[tuple[type[AftercareError], HTTPStatus], ...]] = (
    (Malformed, HTTPStatus.BAD_REQUEST),
    (TooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (UnsupportedMedia, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    (InvalidEvent, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Unauthorized, HTTPStatus.UNAUTHORIZED),
    (Forbidden, HTTPStatus.FORBIDDEN),
    (PermanentError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (TransientError, HTTPStatus.SERVICE_UNAVAILABLE),
)
_RETRY_AFTER_S: Final = 5

_ENCODER: Final = json.JSONEncoder(default=dict, separators=(",", ":"))


def routed(routes: Mapping[str, T], request: Request) -> T:
    """The route of a request.

    Raises:
        Malformed: nothing is served there; a 404 would be retried by a broker, so it is a 400.
    """
    route = routes.get(request.scope["path"])
    if route is None or request.method != "POST":
        raise Malformed(f"POST to one of {', '.join(sorted(routes))}" if routes else "there is nothing to POST here")
    return route


def reply(style: Style, answers: Sequence[Answer], *, has_sink: bool) -> Response:
    """The answer to a request that took effect, or is kept."""
    status = 202 if any(answer.deferred for answer in answers) else 200
    if style is Style.PLAIN:
        (answer,) = answers
        return _json(answer.facts if answer.result is None else answer.result.data, status)
    results = [to_structured(answer.result) for answer in answers if answer.result is not None]
    if has_sink or not results:
        return Response(status_code=204 if status == HTTPStatus.OK else status)
    if style is Style.BATCH:
        return _json(results, status, "application/cloudevents-batch+json")
    return _json(results[0], status, "application/cloudevents+json")


def refusal(error: AftercareError, style: Style) -> Response:
    """The answer to a request of which nothing was acknowledged."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
    headers = {}
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["retry-after"] = str(_RETRY_AFTER_S)
    if isinstance(error, Unauthorized):
        headers["www-authenticate"] = error.challenge
    if style is not Style.PLAIN:
        return Response(status_code=status, headers=headers)
    problem = {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": str(error)}
    return _json(problem, status, "application/problem+json", headers)


def _json(
    value: Any, status: int, media_type: str = "application/json", headers: Mapping[str, str] | None = None
) -> Response:
    return Response(
        _ENCODER.encode(value).encode(), status_code=status, media_type=media_type, headers=dict(headers or {})
    )
