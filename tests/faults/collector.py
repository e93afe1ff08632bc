"""The receiver at the end of the line: takes every event the functions announce, and remembers it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

_TAKEN: Final = b"HTTP/1.1 204 No Content\r\n\r\n"
_END_OF_HEAD: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"


class Collector:
    """An HTTP server on a loopback port that answers 204 to everything."""

    def __init__(self) -> None:
        self.seen: Final[dict[str, Any]] = {}
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()
        return f"http://{host}:{port}/"

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.get_running_loop().create_server(lambda: _Line(self.seen), "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        assert self._server is not None
        self._server.close()


class _Line(asyncio.Protocol):
    """One connection. What its sender did not send whole, perhaps because it was killed, was not taken."""

    def __init__(self, seen: dict[str, Any]) -> None:
        self._seen = seen
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to answer."""
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        """Take every request that is there whole."""
        self._buffer += data
        while _END_OF_HEAD in self._buffer:
            head, _, rest = self._buffer.partition(_END_OF_HEAD)
            length = int(head.lower().partition(_LENGTH)[2].partition(b"\r\n")[0])
            if len(rest) < length:
                return
            event, self._buffer = json.loads(rest[:length]), rest[length:]
            self._seen[event["id"]] = event
            self._transport.write(_TAKEN)
