"""One client's line through the proxy: bytes become units, and each unit is at the mercy of the fault of the moment."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from struct import pack
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.faults.proxy.faults import Fault

_CHUNK: Final = 65_536
_NO_GOODBYE: Final = pack("ii", 1, 0)
"""SO_LINGER on, for no time: closing is a RST, and what is still unsent is thrown away."""

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Way(Enum):
    """Which way something goes."""

    UP = "to the server"
    DOWN = "to the client"


@dataclass(frozen=True, slots=True)
class Unit:
    """What a fault treats as a whole; ``said`` is what its dialect makes of it, such as a statement's text."""

    way: Way
    data: bytes
    said: str = ""


class Dialect:
    """How one line's bytes become units. This one knows nothing: what is read together is a unit."""

    def units(self, way: Way, data: bytes) -> Iterator[Unit]:
        """The units that are complete with these bytes."""
        yield Unit(way, data)


class Line:
    """A client's connection, and the one that was made for it to the server."""

    def __init__(self, client: Stream, server: Stream, dialect: Dialect) -> None:
        self._readers: Final = {Way.UP: client[0], Way.DOWN: server[0]}
        self._writers: Final = {Way.UP: server[1], Way.DOWN: client[1]}
        self._dialect: Final = dialect

    async def run(self, fault: Callable[[], Fault]) -> None:
        """Carry both ways until one side has hung up."""
        ways = [asyncio.create_task(self._carry(way, fault)) for way in Way]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in ways:
                each.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self.close()

    async def send(self, way: Way, data: bytes) -> None:
        """Pass something on, or say it in the other's name."""
        self._writers[way].write(data)
        await self._writers[way].drain()

    def reset(self) -> None:
        """End it without a goodbye, for both."""
        for writer in self._writers.values():
            with suppress(OSError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_GOODBYE)
            writer.transport.abort()

    def close(self) -> None:
        """End it once everything that was passed on is there."""
        for writer in self._writers.values():
            writer.close()

    async def _carry(self, way: Way, fault: Callable[[], Fault]) -> None:
        try:
            while data := await self._readers[way].read(_CHUNK):
                for unit in self._dialect.units(way, data):
                    await fault().carry(unit, self)
            await fault().hang_up(self)
        except OSError:
            self.reset()  # one side did; so does the other
