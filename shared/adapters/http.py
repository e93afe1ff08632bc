"""The one HTTP client, shared by everything in a process that calls out.

Redirects are not followed and proxies of the environment are not used: addresses come from settings, and an answer
must not be able to choose another one. The whole call is bounded, since a client's read timeout starts anew with each
byte.
"""

from __future__ import annotations

import asyncio
import json
from typing import Final

import httpx

from shared.domain.errors import UpstreamRejected, UpstreamUnavailable
from shared.domain.events import Event, to_structured

_CONNECT_S: Final = 2.0
_WHOLE_CALL_S: Final = 8.0
# As Knative's senders: no answer, 5xx, 404, 408, 409 and 429 may be tried again, other statuses never.
_RETRYABLE: Final = frozenset({404, 408, 409, 429})
_SERVER_ERROR: Final = 500
_REDIRECT: Final = 300


def http_client() -> httpx.AsyncClient:
    """A client with limits; create one per process."""
    return httpx.AsyncClient(
        timeout=httpx.Timeout(_WHOLE_CALL_S, connect=_CONNECT_S),
        limits=httpx.Limits(max_connections=64, max_keepalive_connections=32),
        follow_redirects=False,
        trust_env=False,
    )


class HttpSink:
    """Sends events to a broker or any CloudEvents receiver.

    Args:
        http: the process's client.
        url: where; from settings, never from an event.
    """

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http = http
        self._url = url

    async def send(self, event: Event) -> None:
        """Deliver in structured mode; see :class:`shared.domain.ports.EventSink`."""
        body = json.dumps(to_structured(event)).encode()
        headers = {"content-type": "application/cloudevents+json"}
        try:
            async with asyncio.timeout(_WHOLE_CALL_S):
                answer = await self._http.post(self._url, content=body, headers=headers)
        except (httpx.HTTPError, TimeoutError) as error:
            raise UpstreamUnavailable(f"the event sink did not answer ({type(error).__name__})") from error
        if answer.status_code >= _SERVER_ERROR or answer.status_code in _RETRYABLE:
            raise UpstreamUnavailable(f"the event sink answered {answer.status_code}")
        if answer.status_code >= _REDIRECT:
            raise UpstreamRejected(f"the event sink answered {answer.status_code}")
