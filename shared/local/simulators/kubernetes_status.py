"""What a Kubernetes API server says when it refuses, and how it lets a list go on."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from starlette.responses import JSONResponse, Response

_REASONS: Final = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class Refused(Exception):
    """A request that is answered with a Status object."""

    def __init__(self, status: int, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details


def as_status(refused: Refused) -> Response:
    """A refusal as the API has it."""
    reason = _REASONS.get(refused.status, "")
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": refused.message}
    details = {} if refused.details is None else {"details": dict(refused.details)}
    headers = {"retry-after": "1"} if refused.status == HTTPStatus.TOO_MANY_REQUESTS else {}
    return JSONResponse({**body, "reason": reason, **details, "code": refused.status}, refused.status, headers)


def continuation(version: int, start: int) -> str:
    """The token that lets a list go on."""
    return base64.urlsafe_b64encode(
        json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": start}).encode()
    ).decode()


def resumed(token: str, version: int) -> tuple[int, int]:
    """The version and the place that such a token stands for.

    Raises:
        Refused: it is none.
    """
    if not token:
        return version, 0
    try:
        given = json.loads(base64.urlsafe_b64decode(token))
        return int(given["rv"]), int(given["start"])
    except (KeyError, TypeError, ValueError):
        raise Refused(400, f"continue key is not valid: {token}") from None
