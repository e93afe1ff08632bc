"""HTTP/1.1 requests with a declared length: each is a unit that says its first line."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from tests.faults.proxy.faults import Instead
from tests.faults.proxy.lines import Dialect, Unit, Way


class HttpDialect(Dialect):
    """Whole requests on their way up; answers pass as they come."""

    def __init__(self) -> None:
        self._buffer = b""

    def units(self, way: Way, data: bytes) -> Iterator[Unit]:
        """Each request, or whatever was read."""
        if way is Way.DOWN:
            yield Unit(way, data)
            return
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, rest = self._buffer.partition(b"\r\n\r\n")
            declared = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            length = int(declared or b"0")
            if len(rest) < length:
                return
            size = len(head) + 4 + length
            request, self._buffer = self._buffer[:size], self._buffer[size:]
            yield Unit(way, request, head.partition(b"\r\n")[0].decode())


def status(code: int) -> Instead:
    """An answer with this status and nothing else, to every request."""
    return Instead(f"HTTP/1.1 {code} {HTTPStatus(code).phrase}\r\ncontent-length: 0\r\n\r\n".encode())
