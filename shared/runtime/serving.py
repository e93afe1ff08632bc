"""From an HTTP request to a use case and back: one pipeline for every function.

limits -> authentication -> parsing -> use case -> one status for one meaning -> one log line.

The result is the ``handle`` that functions-framework serves. Its CloudEvent signature is not used: it answers "OK",
which a Knative broker takes for a failure and retries for ever.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from shared.domain.errors import AftercareError, Busy, Malformed, TooLarge, TransientError
from shared.domain.events import Event
from shared.runtime import replies
from shared.runtime.answers import Answer, UseCase
from shared.runtime.auth import gate
from shared.runtime.cloudevents import is_tick
from shared.runtime.logs import configure, places
from shared.runtime.requests import Reader, style_of
from shared.runtime.settings import ServingSettings

Handle = Callable[[Request], Awaitable[Response]]

_BODY_LIMIT: Final = 1024 * 1024
_BODY_S: Final = 5.0
_READERS: Final = 256
_DEADLINE_S: Final = 25.0
_NO_PAGES: Final[Mapping[str, Any]] = {}
_HEALTH: Final = ("/livez", "/readyz", "/_/health", "/_/ready")
_ASKING: Final = ("GET", "HEAD")  # an event that is POSTed to a probe would be acknowledged and lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One path of a function: how its requests are read, and what handles them."""

    read: Reader
    use_case: UseCase


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a GET shows: to a person, or to what collects metrics."""

    media_type: str
    show: Callable[[], Awaitable[str]]


def serve(
    function: str,
    settings: ServingSettings,
    routes: Mapping[str, Route],
    *,
    pages: Mapping[str, Page] = _NO_PAGES,
    deadline_s: float = _DEADLINE_S,
) -> Handle:
    """The function's HTTP handler.

    Args:
        function: its name, bound to every log line.
        settings: authentication, concurrency, sink and log level.
        routes: path to route, for POST.
        pages: path to page, for GET.
        deadline_s: seconds for a whole request; must be shorter than the platform's grace period.
    """
    log = configure(settings.log_level, function=function)
    pipeline = _Pipeline(settings, routes, pages, deadline_s)

    async def handle(request: Request) -> Response:
        if request.method in _ASKING and request.scope["path"] in _HEALTH:
            return Response(status_code=200)
        began = time.monotonic()
        seen: dict[str, Any] = {}
        response = await pipeline(request, seen)
        level = logging.ERROR if response.status_code >= replies.SERVER_ERROR else logging.INFO
        duration_ms = round((time.monotonic() - began) * 1000, 2)
        log.log(level, "event.handled", status=response.status_code, duration_ms=duration_ms, **seen)
        return response

    return handle


class _Pipeline:
    """Request to response; what the log line needs is gathered in ``seen`` on the way."""

    def __init__(
        self, settings: ServingSettings, routes: Mapping[str, Route], pages: Mapping[str, Page], deadline_s: float
    ) -> None:
        self._admit = gate(settings)
        self._open_ticks = settings.auth_open_ticks
        self._busy = asyncio.Semaphore(settings.concurrency)
        self._reading = asyncio.Semaphore(settings.concurrency + _READERS)
        self._has_sink = settings.announces
        self._routes = routes
        self._pages = pages
        self._deadline_s = deadline_s

    async def __call__(self, request: Request, seen: dict[str, Any]) -> Response:
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._handle(request, seen)
        except TimeoutError:
            return _refuse(TransientError("not done within the deadline; send it again"), request, seen)
        except AftercareError as error:
            return _refuse(error, request, seen)
        except Exception as error:  # noqa: BLE001 - the outermost boundary: a bug is answered 500 and logged once
            seen |= {"outcome": "bug", "error": type(error).__name__, "trace": places(error)}
            return Response(status_code=500)

    async def _handle(self, request: Request, seen: dict[str, Any]) -> Response:
        target = self._target(request)
        # A caller who is slow, and whom nobody knows yet, takes no place from those who have something to say.
        async with _place(self._reading):
            body = await _body(request)
        async with _place(self._busy):
            headers = dict(reversed(request.headers.items()))  # of a repeated one, the first counts
            if not (self._open_ticks and isinstance(target, Route) and is_tick(headers, body)):
                await self._admit(headers, body)
            if isinstance(target, Page):
                seen |= {"outcome": "shown", "path": request.scope["path"]}
                return Response(await target.show(), media_type=target.media_type)
            inbound = target.read(headers, body)
            seen |= _identity(inbound.events)
            answers = await target.use_case(inbound.events)
        seen |= _summary(answers)
        return replies.reply(inbound.style, answers, has_sink=self._has_sink)

    def _target(self, request: Request) -> Page | Route:
        page = self._pages.get(request.scope["path"]) if request.method == "GET" else None
        return page or replies.routed(self._routes, request)


@asynccontextmanager
async def _place(places: asyncio.Semaphore) -> AsyncIterator[None]:
    """One of the places, now or not at all."""
    if places.locked():
        raise Busy("at the concurrency limit; send it again")
    async with places:
        yield


def _refuse(error: AftercareError, request: Request, seen: dict[str, Any]) -> Response:
    seen |= {"outcome": "refused", "error": type(error).__name__, "detail": str(error)}
    return replies.refusal(error, style_of(request.headers))


async def _body(request: Request) -> bytes:
    """The body, refused as soon as it is over the limit, declared or not."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdigit() or int(declared) > _BODY_LIMIT:
        raise TooLarge(f"the body is over {_BODY_LIMIT} bytes")
    chunks, size = [], 0
    try:
        async with asyncio.timeout(_BODY_S):
            async for chunk in request.stream():
                size += len(chunk)
                if size > _BODY_LIMIT:
                    raise TooLarge(f"the body is over {_BODY_LIMIT} bytes")
                chunks.append(chunk)
    except TimeoutError:
        raise TransientError(f"the body was not complete within {_BODY_S:.0f} s; send it again") from None
    except ClientDisconnect:
        raise Malformed("the caller hung up before its body was complete") from None
    return b"".join(chunks)


def _identity(events: Sequence[Event]) -> dict[str, Any]:
    """What the log line says of the request: the first event, and how many there are."""
    first = events[0]
    return {
        "event_id": first.id,
        "event_source": first.source,
        "event_type": first.type,
        "subject": first.subject,
        "traceparent": first.extensions.get("traceparent"),
        "events": len(events),
    }


def _summary(answers: Sequence[Answer]) -> dict[str, Any]:
    first = answers[0]
    return {"outcome": first.outcome if len(answers) == 1 else _counted(answers), **first.facts}


def _counted(answers: Sequence[Answer]) -> dict[str, int]:
    outcomes = [answer.outcome for answer in answers]
    return {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))}
