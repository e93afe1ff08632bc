"""The one HTTP client, shared by everything in a process that calls out.

Redirects are not followed, proxies of the environment are not used and cookies are not kept: addresses come from
settings, and an answer must not be able to choose another one or to leave anything behind. Every call is bounded as a
whole, since a client's read timeout starts anew with each byte, and so is every answer, before it is in memory.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any, Final

import httpx

from shared.domain.errors import UpstreamRejected, UpstreamUnavailable
from shared.domain.events import Event, to_structured

HttpClient = httpx.AsyncClient
"""The type, for modules that hand a client on and know nothing else of it."""

_CONNECT_S: Final = 2.0
_WHOLE_CALL_S: Final = 8.0
# Where Knative, asked to by an overlay, keeps a token that says who we are; it is replaced long before it expires.
_IDENTITY: Final = Path("/oidc/token")
_LIMITS: Final = httpx.Limits(max_connections=64, max_keepalive_connections=32)
# As Knative's senders: no answer, 5xx, 404, 408, 409 and 429 may be tried again, other statuses never.
_RETRYABLE: Final = frozenset({404, 408, 409, 429})
_SERVER_ERROR: Final = 500
_REDIRECT: Final = 300


class AnswerTooSlow(UpstreamUnavailable):
    """The whole answer was not there in time; some of it may have been."""


class AnswerTooLarge(UpstreamRejected):
    """The answer is over the limit; it was not read to its end."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a service is asked.

    Attributes:
        method: GET unless something is to be done.
        params: the query, if there is one; encoded here.
        headers: besides those of the client.
        document: a JSON body, if there is one.
    """

    method: str = "GET"
    params: Mapping[str, str] | None = None
    headers: Mapping[str, str] | None = None
    document: Any = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered, whatever its status."""

    status: int
    body: bytes


_GET: Final = Call()


def http_client(*, tls: ssl.SSLContext | None = None, unix_socket: str | None = None) -> httpx.AsyncClient:
    """A client with limits; create one per process.

    Args:
        tls: whom to trust and who we are, where that is not what the web's certificates say, as with a cluster's own
            authority; such a server has a client of its own.
        unix_socket: the file of a server that listens on no port; its client reaches nothing else.
    """
    return httpx.AsyncClient(
        transport=httpx.AsyncHTTPTransport(
            verify=_public_tls() if tls is None else tls, uds=unix_socket, limits=_LIMITS, trust_env=False
        ),
        timeout=httpx.Timeout(_WHOLE_CALL_S, connect=_CONNECT_S),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={"user-agent": "aftercare"},
        follow_redirects=False,
        trust_env=False,
    )


@cache
def _public_tls() -> ssl.SSLContext:
    """Reading the web's certificates takes 30 ms of processor time; once is enough for all clients."""
    return httpx.create_ssl_context(trust_env=False)


async def fetch(http: HttpClient, url: str, call: Call = _GET, *, limit_bytes: int, timeout_s: float) -> Answer:
    """One answer, of any status.

    Args:
        http: the process's client.
        url: from settings.
        call: what is asked.
        limit_bytes: the longest body. It is asked for uncompressed, and counted as it comes.
        timeout_s: for everything together: connecting, waiting and reading.

    Raises:
        AnswerTooSlow: not all of it came in time.
        AnswerTooLarge: its body is longer; the connection is given up.
        UpstreamUnavailable: there was no answer, or none in HTTP.
    """
    asked = {
        "params": call.params or None,
        "headers": {"accept-encoding": "identity", **(call.headers or {})},
        "json": call.document,
        "timeout": httpx.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s)),
    }
    try:
        async with asyncio.timeout(timeout_s), http.stream(call.method, url, **asked) as response:
            return Answer(response.status_code, await _body(response, limit_bytes))
    except (TimeoutError, httpx.TimeoutException) as error:
        raise AnswerTooSlow(f"no whole answer within {timeout_s:g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UpstreamUnavailable(f"no answer ({type(error).__name__})") from error


async def _body(response: httpx.Response, limit_bytes: int) -> bytes:
    chunks, size = [], 0
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size > limit_bytes:
            raise AnswerTooLarge(f"the answer is over {limit_bytes} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


class HttpSink:
    """Sends events to a broker, or to whoever asked for them; see :class:`shared.domain.ports.EventSink`.

    Args:
        http: the process's client.
        url: the broker; from settings, never from an event.
        routes: where there is no broker, the URLs that want each type of event.
        token: shown to whoever is sent to, if there is one.
        identity: a file with a token for the broker, read each time; there may be none.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        url: str = "",
        *,
        routes: Mapping[str, Sequence[str]] | None = None,
        token: str | None = None,
        identity: Path = _IDENTITY,
    ) -> None:
        self.routes = routes
        self._http = http
        self._url = url
        self._identity = identity
        self._headers = {"content-type": "application/cloudevents+json"}
        if token is not None:
            self._headers["authorization"] = f"Bearer {token}"

    async def send(self, event: Event, destination: str = "") -> None:
        """Deliver in structured mode."""
        body = json.dumps(to_structured(event)).encode()
        try:
            async with asyncio.timeout(_WHOLE_CALL_S):
                headers = self._headers if destination else {**self._headers, **self._who()}
                answer = await self._http.post(destination or self._url, content=body, headers=headers)
        except (httpx.HTTPError, TimeoutError) as error:
            raise UpstreamUnavailable(f"the event sink did not answer ({type(error).__name__})") from error
        if answer.status_code >= _SERVER_ERROR or answer.status_code in _RETRYABLE:
            raise UpstreamUnavailable(f"the event sink answered {answer.status_code}")
        if answer.status_code >= _REDIRECT:
            raise UpstreamRejected(f"the event sink answered {answer.status_code}")

    def _who(self) -> Mapping[str, str]:
        try:
            return {"authorization": f"Bearer {self._identity.read_text(encoding='utf-8').strip()}"}
        except OSError:
            return {}


def http_sink(
    url: str | None, routes: Mapping[str, Sequence[str]] | None, *, token: str | None = None
) -> HttpSink | None:
    """The sink that the settings name, with a client of its own; None when they name none.

    Args:
        url: of a broker, which is trusted to know who wants what and is shown no token.
        routes: where there is no broker.
        token: shown to the functions that routes lead to.
    """
    if url is not None:
        return HttpSink(http_client(), url)
    return None if routes is None else HttpSink(http_client(), routes=routes, token=token)
