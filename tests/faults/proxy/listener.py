"""The proxy itself: an event loop of its own in a thread, so that tests that block do not hold it up."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from tests.faults.proxy.faults import Fault
from tests.faults.proxy.lines import Dialect, Line, Stream

if TYPE_CHECKING:
    from types import TracebackType

T = TypeVar("T")

Address = tuple[str, int] | Path
"""Host and port, or the file of a unix socket."""


class Proxy:
    """Listens in the place of a server; as a context manager it leaves nothing behind.

    Args:
        upstream: the server.
        dialect: what is spoken there.
        address: where to listen; a free port of the loopback interface if not said.
    """

    def __init__(self, upstream: Address, dialect: type[Dialect] = Dialect, *, address: Address | None = None) -> None:
        self.address: Final = address or _free_port()
        self._upstream: Final = upstream
        self._dialect: Final = dialect
        self._fault = Fault()
        self._loop: Final = asyncio.new_event_loop()
        self._thread: Final = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._server: asyncio.Server | None = None
        self._lines: Final[dict[Line, asyncio.Task[Any]]] = {}

    @property
    def port(self) -> int:
        """Of a TCP address."""
        assert isinstance(self.address, tuple)
        return self.address[1]

    @property
    def fault(self) -> Fault:
        """What is wrong now."""
        return self._fault

    @fault.setter
    def fault(self, fault: Fault | None) -> None:
        self._do(self._become(fault or Fault()))

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every line."""
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result()

    async def _become(self, fault: Fault) -> None:
        before, self._fault = self._fault, fault
        if not fault.listens:
            self._deafen()
        elif self._server is None:
            await self._listen()
        for line in list(self._lines):
            fault.strike(line)
        before.lift()

    async def _listen(self) -> None:
        if isinstance(self.address, Path):
            self._server = await asyncio.start_unix_server(self._serve, self.address)
        else:
            self._server = await asyncio.start_server(self._serve, *self.address)

    def _deafen(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        if isinstance(self.address, Path):
            self.address.unlink(missing_ok=True)

    async def _end(self) -> None:
        self._deafen()
        self._fault.lift()
        lines = dict(self._lines)
        for line in lines:
            line.reset()
        await asyncio.gather(*lines.values(), return_exceptions=True)

    async def _serve(self, *client: Any) -> None:
        try:
            server = await self._connect()
        except OSError:
            client[1].transport.abort()  # nobody is behind the proxy, so nobody is here
            return
        line = Line((client[0], client[1]), server, self._dialect())
        task = asyncio.current_task()
        assert task is not None
        self._lines[line] = task
        try:
            self._fault.opened(line)
            await line.run(lambda: self._fault)
        finally:
            del self._lines[line]

    async def _connect(self) -> Stream:
        if isinstance(self._upstream, Path):
            return await asyncio.open_unix_connection(self._upstream)
        return await asyncio.open_connection(*self._upstream)


def _free_port() -> Address:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return "127.0.0.1", probe.getsockname()[1]
