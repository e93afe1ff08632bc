"""A server that does to its clients what servers do on their worst days, one byte at a time where it has to."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
from dataclasses import dataclass, field
from functools import cache

PATIENCE_S = 10.0
FLOOD_BYTES = 50 * 1024 * 1024
_CHUNK = b" " * 65_536


@dataclass
class Misbehaving:
    """Serves every connection with one behaviour: a coroutine that gets the writer, this server and the request.

    Attributes:
        requests: what was asked, as it came.
        open: connections that are open now.
        sent: bytes of flood that the client took.
    """

    behaviour: object
    requests: list[bytes] = field(default_factory=list)
    open: int = 0
    sent: int = 0

    @contextlib.asynccontextmanager
    async def serving(self):
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            await self.closed()

    async def closed(self):
        """Wait until every client has gone; a leaked connection is a timeout here."""
        async with asyncio.timeout(PATIENCE_S):
            while self.open:  # noqa: ASYNC110 - the client does not tell us
                await asyncio.sleep(0.005)

    async def _serve(self, reader, writer):
        self.open += 1
        try:
            with contextlib.suppress(asyncio.IncompleteReadError):
                request = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(request)
                answering = asyncio.create_task(self.behaviour(writer, self, request))
                leaving = asyncio.create_task(reader.read())
                await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
                if not answering.done():
                    answering.cancel()
                leaving.cancel()
                await asyncio.gather(answering, leaving, return_exceptions=True)
        finally:
            self.open -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def hang(*_):
    """Say nothing, for ever."""
    await asyncio.Event().wait()


async def drip_the_body(writer, *_):
    """A proper beginning, and then a byte at a time."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n")
    await _drip(writer, b" " * 1_000_000)


async def drip_the_head(writer, *_):
    """Even the beginning comes a byte at a time."""
    await _drip(writer, b"HTTP/1.1 200 OK\r\n" + b"x-slow: yes\r\n" * 100_000)


async def flood(writer, server, *_):
    """50 MB of blanks, which are not even wrong JSON until they end."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
    with contextlib.suppress(OSError):
        while server.sent < FLOOD_BYTES:
            writer.write(b"%x\r\n%b\r\n" % (len(_CHUNK), _CHUNK))
            await writer.drain()
            server.sent += len(_CHUNK)


async def bomb(writer, *_):
    """1 GB of blanks in 1 MB of gzip, though nobody asked for it packed."""
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(_packed()) * 1000}\r\n\r\n"
    writer.write(head.encode())
    for _ in range(1000):
        writer.write(_packed())
        await writer.drain()


@cache
def _packed():
    return gzip.compress(b" " * 1_000_000)


async def cut_off(writer, *_):
    """Leave in the middle of a sentence."""
    writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"status": "suc')
    await writer.drain()


async def no_http(writer, *_):
    """Speak another protocol."""
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    await writer.drain()


def answering(status, body=b"{}", **headers):
    """Answer that, and keep the line."""

    async def behaviour(writer, *_):
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        head = "\r\n".join([f"HTTP/1.1 {status} Whatever", f"content-length: {len(body)}", *lines])
        writer.write(head.encode() + b"\r\n\r\n" + body)
        await writer.drain()
        await asyncio.Event().wait()

    return behaviour


async def _drip(writer, what):
    for byte in what:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.02)


def full_listener():
    """A socket that listens and has no room for one more connection."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    waiting = [socket.socket() for _ in range(4)]
    for each in waiting:
        each.setblocking(False)
        each.connect_ex(listener.getsockname())
    return _Crowd(listener, waiting)


class _Crowd:
    def __init__(self, listener, waiting):
        self.getsockname = listener.getsockname
        self._sockets = [listener, *waiting]

    def close(self):
        for each in self._sockets:
            each.close()
