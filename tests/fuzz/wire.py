"""HTTP/1.1 from below: bytes out, a status and what was said back. What no client library would send can be sent."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from tests.fuzz.requests import HUNG_UP, Request

_PATIENCE_S: Final = 30.0
_NO_BODY: Final = (204, 304)


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, or ``HUNG_UP``, and all bytes that came."""

    status: int
    raw: bytes = b""


class Line:
    """One connection, kept open as long as the other side keeps it; opened again when needed."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: Request) -> Answer:
        """Send, and read the answer.

        Raises:
            TimeoutError: there is none for too long.
        """
        if request.alone:
            await self.close()
        try:
            async with asyncio.timeout(_PATIENCE_S):
                answer, stays = await self._exchange(request)
        except (ConnectionError, asyncio.IncompleteReadError):
            answer, stays = Answer(HUNG_UP), False
        if request.alone or not stays:
            await self.close()
        return answer

    async def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            _, writer = self._streams
            self._streams = None
            writer.transport.abort()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _exchange(self, request: Request) -> tuple[Answer, bool]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._address)
        reader, writer = self._streams
        writer.write(request.raw)
        if request.hangs_up:
            writer.write_eof()
        status = 100
        while 100 <= status < 200 and status != 101:
            head = await reader.readuntil(b"\r\n\r\n")
            status = int(head.split(None, 2)[1])
        lines = head.decode("latin-1").lower().split("\r\n")
        headers = {name: value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        stays = headers.get("connection") != "close"
        if status in _NO_BODY or not request.has_body_back:
            return Answer(status, head), stays
        if "content-length" in headers:
            return Answer(status, head + await reader.readexactly(int(headers["content-length"]))), stays
        return Answer(status, head + await reader.read()), False
