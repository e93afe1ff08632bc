"""HTTP, refused before it is read into memory.

A body has its limit in :mod:`shared.runtime.serving`, where the path and the caller count. What comes before a body,
between its chunks or after it is parsed before anybody can be asked who sent it, and uvicorn keeps as much of it as
comes. So the connection counts: what was received since the last byte of a body must fit the limit.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

HEAD_LIMIT: Final = 64 * 1024
"""Bytes of a request line and its headers, or of trailers: eight times what common proxies let through."""

_EMPTY: Final = b"content-length: 0\r\nconnection: close\r\n\r\n"


class BoundedProtocol(HttpToolsProtocol):
    """Answers 431 and hangs up once a head is over the limit; 400 when it is no HTTP. Bodies of both are empty."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unread = 0

    def data_received(self, data: bytes) -> None:
        """Parse what came, and look whether the head goes on for too long."""
        self._unread += len(data)
        super().data_received(data)
        if self._unread > HEAD_LIMIT and not self.transport.is_closing():
            self.logger.warning("The head of a request is over the limit.")
            self.send_400_response("")

    def on_headers_complete(self) -> None:
        """Hand the request on, unless a head that came in one piece is too long."""
        # Counted again only when it may be: a body may have come in the same piece.
        if self._unread > HEAD_LIMIT and self._head() > HEAD_LIMIT:
            raise ValueError
        self._unread = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Hand it on; how much there may be is for the function to say."""
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Nothing of this request is left to come."""
        self._unread = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - nobody is told in prose: brokers keep what we say
        """The last words on this connection."""
        too_long = self._unread > HEAD_LIMIT
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE if too_long else HTTPStatus.BAD_REQUEST
        self.transport.write(STATUS_LINE[status] + _EMPTY)
        self.transport.close()

    def _head(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
