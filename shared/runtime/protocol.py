"""HTTP, refused before it is read into memory.

A body has its limits in :mod:`shared.runtime.serving`, where the path and the caller count. What comes before a body,
between its chunks or after it is parsed before anybody can be asked who sent it, and uvicorn keeps as much of it as
comes, for as long as it comes. So the connection counts: what was received since the last byte of a body must fit the
limit, and whoever begins something has some seconds to come to the end of a head.

Between two requests uvicorn's timer of an idle line holds, and any byte stops it: from then on ours does. It is set
once for a connection, and again only when a head comes in pieces, or a body goes on after its answer.
"""

from __future__ import annotations

from asyncio import TimerHandle, Transport
from http import HTTPStatus
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

HEAD_LIMIT: Final = 64 * 1024
"""Bytes of a request line and its headers, or of trailers: eight times what common proxies let through."""

_EMPTY: Final = b"content-length: 0\r\nconnection: close\r\n\r\n"


class BoundedProtocol(HttpToolsProtocol):
    """Hangs up after an answer without a body: 431 to a head over the limit, 503 to a late one, 400 to what is no HTTP.

    (A late head would be a 408 elsewhere; Alertmanager tries nothing again but a 5xx.)

    Attributes:
        head_s: seconds from the connection, or from the first byte of a later request, to the end of the head.
    """

    head_s: ClassVar[float] = 10.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unread = 0
        self._is_in_body = False
        self._late: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """The first head is due."""
        super().connection_made(transport)
        self._late = self.loop.call_later(self.head_s, self._hang_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more is due."""
        super().connection_lost(exc)
        self._in_time()

    def data_received(self, data: bytes) -> None:
        """Parse what came, and look whether the head goes on for too long."""
        self._unread += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._unread > HEAD_LIMIT:
            self.logger.warning("The head of a request is over the limit.")
            self.send_400_response("")
        elif self._late is None and (self._is_in_head() or self._is_answered()):
            self._late = self.loop.call_later(self.head_s, self._hang_up)

    def on_headers_complete(self) -> None:
        """Hand the request on, unless a head that came in one piece is too long."""
        # Counted again only when it may be: a body may have come in the same piece.
        if self._unread > HEAD_LIMIT and self._head() > HEAD_LIMIT:
            raise ValueError
        self._unread = 0
        self._is_in_body = True
        self._in_time()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Hand it on; how much there may be is for the function to say."""
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Nothing of this request is left to come."""
        self._unread = 0
        self._is_in_body = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - nobody is told in prose: brokers keep what we say
        """The last words on this connection."""
        too_long = self._unread > HEAD_LIMIT
        self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE if too_long else HTTPStatus.BAD_REQUEST)

    def _hang_up(self) -> None:
        # To a request before this one, which is still being handled, this would look like its answer.
        if self._is_in_head() and self._is_answered():
            self.logger.warning("The head of a request was not complete within %g s.", self.head_s)
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            self.shutdown()

    def _refuse(self, status: HTTPStatus) -> None:
        self.transport.write(STATUS_LINE[status] + _EMPTY)
        self.transport.close()

    def _is_in_head(self) -> bool:
        return self._unread > 0 and not self._is_in_body

    def _is_answered(self) -> bool:
        """Whether nobody is at work on what came so far."""
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr] # at first it is None

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _head(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
