"""Asking a service over HTTP: bounded in time and size, strict about JSON, and with one meaning for each failure.

It has no opinion on what a failure means: it names the failure, and whoever asked decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from shared.adapters.http import Answer, AnswerTooLarge, AnswerTooSlow, Call, HttpClient
from shared.domain import strict_json
from shared.domain.calls import CallFailed, FailureKind
from shared.domain.errors import InvalidEvent, UpstreamUnavailable

A = TypeVar("A")
B = TypeVar("B")
M = TypeVar("M", bound=BaseModel)

LIMIT_BYTES: Final = 5 * 1024 * 1024
"""The longest answer anything here reads."""

# A list of 50 pods has tens of thousands of values, and a pod's managed fields are some twenty levels deep.
_JSON: Final = strict_json.JsonLimits(depth=64, nodes=500_000)

_MEANINGS: Final[Mapping[int, FailureKind]] = {
    HTTPStatus.UNAUTHORIZED: FailureKind.DENIED,
    HTTPStatus.FORBIDDEN: FailureKind.DENIED,
    HTTPStatus.NOT_FOUND: FailureKind.NOT_FOUND,
    HTTPStatus.REQUEST_TIMEOUT: FailureKind.TIMEOUT,
    HTTPStatus.GONE: FailureKind.THROTTLED,  # a list that changed while it was read: ask again later
    HTTPStatus.TOO_MANY_REQUESTS: FailureKind.THROTTLED,
    HTTPStatus.GATEWAY_TIMEOUT: FailureKind.TIMEOUT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A service that we ask.

    Attributes:
        http: the process's client.
        url: where it is; from settings.
        authorize: the headers that say who asks; called each time, since tokens are rotated.
        timeout_s: the longest a single request may take.
    """

    http: HttpClient
    url: str
    authorize: Callable[[], Mapping[str, str]] = dict
    timeout_s: float = 8.0

    async def get(
        self, path: str = "", params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """What it answers, whatever the status.

        Raises:
            CallFailed: TIMEOUT, TOO_LARGE or UNREACHABLE.
        """
        return await self._call(path, Call(params=params, headers=headers))

    async def send(self, method: str, path: str, document: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """What it answers to a JSON document, whatever the status.

        A failure says nothing of whether the document arrived: only what the service shows later does.

        Raises:
            CallFailed: TIMEOUT, TOO_LARGE or UNREACHABLE.
        """
        return await self._call(path, Call(method, document=document, headers=headers))

    async def _call(self, path: str, call: Call) -> Answer:
        url = self.url.rstrip("/") + path if path else self.url
        call = replace(call, headers={**self.authorize(), **(call.headers or {})})
        try:
            return await self.http.fetch(url, call, limit_bytes=LIMIT_BYTES, timeout_s=self.timeout_s)
        except AnswerTooSlow as error:
            raise CallFailed(FailureKind.TIMEOUT) from error
        except AnswerTooLarge as error:
            raise CallFailed(FailureKind.TOO_LARGE) from error
        except UpstreamUnavailable as error:
            raise CallFailed(FailureKind.UNREACHABLE) from error

    async def ask(self, model: type[M], path: str, params: Mapping[str, str] | None = None) -> M:
        """Its answer as a model.

        Raises:
            CallFailed: it did not answer 200 with what the model describes.
        """
        answer = await self.get(path, params, {"accept": "application/json"})
        if answer.status != HTTPStatus.OK:
            raise CallFailed(meaning(answer.status))
        return parsed(model, answer.body)


def meaning(status: int) -> FailureKind:
    """What a status other than 200 means for a sensor."""
    if status in _MEANINGS:
        return _MEANINGS[status]
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return FailureKind.UNREADABLE
    # A redirect leads elsewhere, and only settings say where a service is.
    is_elsewhere = status < HTTPStatus.BAD_REQUEST
    return (
        FailureKind.UNREACHABLE if is_elsewhere or status >= HTTPStatus.INTERNAL_SERVER_ERROR else FailureKind.REFUSED
    )


def parsed(model: type[M], body: bytes) -> M:
    """A body as a model.

    Raises:
        CallFailed: it is not strict JSON, or not of that shape.
    """
    try:
        return model.model_validate(strict_json.loads(body, _JSON))
    except (InvalidEvent, ValidationError) as error:
        raise CallFailed(FailureKind.UNREADABLE) from error


async def both(first: Coroutine[Any, Any, A], second: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """Two requests at once; when one fails the other is given up.

    Raises:
        CallFailed: the first failure.
    """
    try:
        async with asyncio.TaskGroup() as group:
            left, right = group.create_task(first), group.create_task(second)
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return left.result(), right.result()
