"""The one HTTP client, shared by everything in a process that calls out.

Redirects are not followed, proxies of the environment are not used and cookies are not kept: addresses come from
settings, and an answer must not be able to choose another one or to leave anything behind. Every call is bounded as a
whole, since a client's read timeout starts anew with each byte, and so is every answer, before it is in memory.

The library behind it is loaded by the first call: with the web's certificates it would be a fifth of a cold start.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from shared.domain.errors import UpstreamRejected, UpstreamUnavailable
from shared.domain.events import Event, to_structured

if TYPE_CHECKING:
    import httpx

_CONNECT_S: Final = 2.0
_WHOLE_CALL_S: Final = 8.0
# Where Knative, asked to by an overlay, keeps a token that says who we are; it is replaced long before it expires.
_IDENTITY: Final = Path("/oidc/token")
_CONNECTIONS: Final = 64
_KEPT_ALIVE: Final = 32
# As Knative's senders: no answer, 5xx, 404, 408, 409 and 429 may be tried again, other statuses never.
_RETRYABLE: Final = frozenset({404, 408, 409, 429})
_SERVER_ERROR: Final = 500
_REDIRECT: Final = 300
_LONGEST_REPLY: Final = 1024 * 1024  # of a sink; it is read so that its connection can be used again


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
        content: another body, if there is one.
    """

    method: str = "GET"
    params: Mapping[str, str] | None = None
    headers: Mapping[str, str] | None = None
    document: Any = None
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered, whatever its status."""

    status: int
    body: bytes


_GET: Final = Call()


class HttpClient:
    """A client with limits; create one per process.

    Args:
        tls: whom to trust and who we are, where that is not what the web's certificates say, as with a cluster's own
            authority; such a server has a client of its own.
        unix_socket: the file of a server that listens on no port; its client reaches nothing else.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None, unix_socket: str | None = None) -> None:
        self._tls = tls
        self._unix_socket = unix_socket
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close its connections."""
        if self._client is not None:
            await self._client.aclose()

    async def fetch(self, url: str, call: Call = _GET, *, limit_bytes: int, timeout_s: float) -> Answer:
        """One answer, of any status.

        Args:
            url: from settings.
            call: what is asked.
            limit_bytes: the longest body. It is asked for uncompressed, and counted as it comes.
            timeout_s: for everything together: connecting, waiting and reading.

        Raises:
            AnswerTooSlow: not all of it came in time.
            AnswerTooLarge: its body is longer; the connection is given up.
            UpstreamUnavailable: there was no answer, or none in HTTP.
        """
        import httpx  # noqa: PLC0415

        asked = {
            "params": call.params or None,
            "headers": {"accept-encoding": "identity", **(call.headers or {})},
            "json": call.document,
            "content": call.content,
            "timeout": httpx.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s)),
        }
        try:
            async with asyncio.timeout(timeout_s), self._opened().stream(call.method, url, **asked) as response:
                return Answer(response.status_code, await _body(response, limit_bytes))
        except (TimeoutError, httpx.TimeoutException) as error:
            raise AnswerTooSlow(f"no whole answer within {timeout_s:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UpstreamUnavailable(f"no answer ({type(error).__name__})") from error

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = _opened(_public_tls() if self._tls is None else self._tls, self._unix_socket)
        return self._client


def _opened(tls: ssl.SSLContext, unix_socket: str | None) -> httpx.AsyncClient:
    from http.cookiejar import CookieJar, DefaultCookiePolicy  # noqa: PLC0415

    import httpx  # noqa: PLC0415

    limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_KEPT_ALIVE)
    return httpx.AsyncClient(
        transport=httpx.AsyncHTTPTransport(verify=tls, uds=unix_socket, limits=limits, trust_env=False),
        timeout=httpx.Timeout(_WHOLE_CALL_S, connect=_CONNECT_S),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={"user-agent": "aftercare"},
        follow_redirects=False,
        trust_env=False,
    )


@cache
def _public_tls() -> ssl.SSLContext:
    """Reading the web's certificates takes 30 ms of processor time; once is enough for all clients."""
    import httpx  # noqa: PLC0415

    return httpx.create_ssl_context(trust_env=False)


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
        http: HttpClient,
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
        headers = self._headers if destination else {**self._headers, **self._who()}
        call = Call("POST", headers=headers, content=json.dumps(to_structured(event)).encode())
        try:
            answer = await self._http.fetch(
                destination or self._url, call, limit_bytes=_LONGEST_REPLY, timeout_s=_WHOLE_CALL_S
            )
        except UpstreamUnavailable as error:
            raise UpstreamUnavailable(f"the event sink: {error}") from error
        if answer.status >= _SERVER_ERROR or answer.status in _RETRYABLE:
            raise UpstreamUnavailable(f"the event sink answered {answer.status}")
        if answer.status >= _REDIRECT:
            raise UpstreamRejected(f"the event sink answered {answer.status}")

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
        return HttpSink(HttpClient(), url)
    return None if routes is None else HttpSink(HttpClient(), routes=routes, token=token)
