"""The receiver at the end of the line: takes every event the functions announce, and remembers it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

_TAKEN: Final = b"HTTP/1.1 204 No Content\r\n\r\n"
_END_OF_HEAD: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"


class Collector:
    """An HTTP server on a loopback port that answers 204 to everything.

    Attributes:
        seen: by id, every event.
        fickle: ids that came again with other content.
    """

    def __init__(self) -> None:
        self.seen: Final[dict[str, Any]] = {}
        self.fickle: Final[set[str]] = set()
        self._lines: Final[set[asyncio.Transport]] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()
        return f"http://{host}:{port}/"

    def take(self, event: Any) -> None:
        """Remember an event."""
        if self.seen.setdefault(event["id"], event) != event:
            self.fickle.add(event["id"])

    def forget(self) -> None:
        """Begin anew."""
        self.seen.clear()
        self.fickle.clear()

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Line(self.take, self._lines), "127.0.0.1", 0
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, also on whoever keeps a connection."""
        assert self._server is not None
        self._server.close()
        for line in self._lines:
            line.abort()
        await asyncio.sleep(0)


class _Line(asyncio.Protocol):
    """One connection. What its sender did not send whole, perhaps because it was killed, was not taken."""

    def __init__(self, take: Callable[[Any], None], lines: set[asyncio.Transport]) -> None:
        self._take = take
        self._lines = lines
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to answer."""
        self._transport: Any = transport
        self._lines.add(self._transport)

    def data_received(self, data: bytes) -> None:
        """Take every request that is there whole."""
        self._buffer += data
        while _END_OF_HEAD in self._buffer:
            head, _, rest = self._buffer.partition(_END_OF_HEAD)
            length = int(head.lower().partition(_LENGTH)[2].partition(b"\r\n")[0])
            if len(rest) < length:
                return
            event, self._buffer = json.loads(rest[:length]), rest[length:]
            self._take(event)
            self._transport.write(_TAKEN)
