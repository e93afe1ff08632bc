"""HTTP POST over kept connections, and nothing else.

The broker's one hot path. A general client costs several times what the rest of a delivery costs, and looks through
all its connections for every request; here each service has a stack of idle ones.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import h11

if TYPE_CHECKING:
    from collections.abc import Mapping

_CHUNK: Final = 65_536


class NoAnswer(Exception):
    """There was no complete answer. The text says how far it came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Posts:
    """Posts to any number of servers, keeping the connections they leave open."""

    def __init__(self) -> None:
        self._idle: defaultdict[tuple[str, int], list[_Connection]] = defaultdict(list)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a request and read its answer; takes as long as it takes, and may be cancelled.

        Args:
            url: with http, a host, and a path; never with https.
            headers: printable ASCII, by lower-case name.
            body: as it goes over the wire.

        Raises:
            NoAnswer: refused, broken off, or no HTTP.
        """
        target = urlsplit(url)
        address = target.hostname or "", target.port or 80
        addressed = [("host", target.netloc), ("content-length", str(len(body))), *headers.items()]
        request = h11.Request(method="POST", target=target.path, headers=addressed)
        while idle := self._idle[address]:
            with contextlib.suppress(_Stale):  # closed by the server while it lay idle: not this request's failure
                return await self._exchange(idle.pop(), address, request, body)
        return await self._exchange(await _connect(address), address, request, body)

    async def _exchange(
        self, connection: _Connection, address: tuple[str, int], request: h11.Request, body: bytes
    ) -> Answer:
        try:
            return await connection.exchange(request, body)
        finally:
            if connection.is_reusable:
                self._idle[address].append(connection)
            else:
                connection.close()

    def close(self) -> None:
        """Close the idle connections."""
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        self._idle.clear()


class _Stale(NoAnswer):
    """A kept connection was closed before the first byte of an answer."""


class _Connection:
    """One TCP connection and where its conversation stands."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._protocol = h11.Connection(h11.CLIENT)
        self._is_kept = False
        self._is_silent = True

    @property
    def is_reusable(self) -> bool:
        """Whether the next request may go over it: the last answer was complete, and the server keeps it open."""
        return self._protocol.our_state is h11.IDLE

    def close(self) -> None:
        """Hang up."""
        self._writer.close()

    async def exchange(self, request: h11.Request, body: bytes) -> Answer:
        """One request, one answer."""
        self._is_silent = True
        try:
            self._writer.write(self._serialize(request, body))
            await self._writer.drain()
            answer = await self._receive()
        except (OSError, h11.RemoteProtocolError) as error:
            is_stale = self._is_kept and self._is_silent
            raise (_Stale if is_stale else NoAnswer)(f"{type(error).__name__}: the answer broke off") from error
        if self._protocol.our_state is h11.DONE and self._protocol.their_state is h11.DONE:
            self._protocol.start_next_cycle()
            self._is_kept = True
        return answer

    def _serialize(self, request: h11.Request, body: bytes) -> bytes:
        parts = (self._protocol.send(each) for each in (request, h11.Data(data=body), h11.EndOfMessage()))
        return b"".join(part for part in parts if part)

    async def _receive(self) -> Answer:
        status, headers, body = 0, dict[str, str](), bytearray()
        while True:
            event = self._protocol.next_event()
            if event is h11.NEED_DATA:
                chunk = await self._reader.read(_CHUNK)
                self._is_silent = self._is_silent and not chunk
                self._protocol.receive_data(chunk)
            elif isinstance(event, h11.Response):
                status = event.status_code
                headers = {name.decode(): value.decode("latin-1") for name, value in event.headers}
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return Answer(status, headers, bytes(body))


async def _connect(address: tuple[str, int]) -> _Connection:
    try:
        return _Connection(*await asyncio.open_connection(*address))
    except OSError as error:
        raise NoAnswer(f"{type(error).__name__}: nobody listens") from error
