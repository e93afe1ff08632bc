"""A receiver that takes every event and does nothing: ``python -m tests.benchmarks.sink <port>``."""

from __future__ import annotations

import asyncio
import sys

import uvloop

_TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"
_LENGTH = b"content-length: "


class Sink(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._request = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # what a stream gets
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._request += data
        while size := _size(self._request):
            self._request = self._request[size:]
            self._transport.write(_TAKEN)


def _size(request: bytes) -> int:
    """Bytes of the first whole request; 0 when it is not there yet."""
    head = request.lower().find(b"\r\n\r\n")
    if head < 0:
        return 0
    at = request.lower().find(_LENGTH, 0, head)
    length = 0 if at < 0 else int(request[at + len(_LENGTH) : request.index(b"\r", at)])
    size = head + 4 + length
    return size if len(request) >= size else 0


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
