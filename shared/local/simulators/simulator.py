"""What all simulators have in common: scripted faults, a memory of what was asked, and a way to run.

In a test, an object is scripted in Python and served on the test's own loop. As a process it is scripted through
``/_simulator/``: ``POST`` and ``DELETE /_simulator/faults`` everywhere, and what each simulator adds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import socket
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from shared.local.simulators.faults import Fault, Faults

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

CONTROL: Final = "/_simulator"
_REMEMBERED: Final = 1_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came in."""

    path: str
    query: str
    headers: Mapping[str, str]


class Simulator(ABC):
    """A service that is not there.

    Attributes:
        faults: what goes wrong on purpose.
        asked: the last requests.
    """

    name: ClassVar[str]

    def __init__(self) -> None:
        self.faults = Faults()
        self.asked: deque[Asked] = deque(maxlen=_REMEMBERED)

    @abstractmethod
    def routes(self) -> Sequence[BaseRoute]:
        """The service's protocol."""

    @abstractmethod
    def problem(self, status: int) -> Response:
        """How the service says that something is wrong."""

    def controls(self) -> Sequence[BaseRoute]:
        """What can be scripted from outside, besides faults."""
        return ()

    def app(self) -> Application:
        """As an ASGI application."""
        return Application(self)

    @contextlib.asynccontextmanager
    async def serving(self, *, unix_socket: str | None = None) -> AsyncIterator[str]:
        """Serve on this loop; yields the address, at a free port of this machine or at a file."""
        place = _Place.take(0, unix_socket)
        server = Server(self._config(unix_socket))
        running = asyncio.create_task(server.serve(sockets=place.sockets))
        try:
            while not server.started and not running.done():  # noqa: ASYNC110 - the server has no event for it
                await asyncio.sleep(0.002)
            yield place.url
        finally:
            server.over.set()
            await running

    def run(self, chosen: argparse.Namespace) -> None:
        """Serve as a process until it is told to end; the first line it prints is its address."""
        place = _Place.take(chosen.port, chosen.unix_socket)
        print(place.url, flush=True)
        uvicorn.Server(self._config(chosen.unix_socket)).run(sockets=place.sockets)

    def _config(self, unix_socket: str | None) -> uvicorn.Config:
        return uvicorn.Config(
            self.app(),
            uds=unix_socket,
            access_log=False,
            log_level="error",
            ws="none",
            lifespan="off",
            timeout_graceful_shutdown=1,
        )


class Server(uvicorn.Server):
    """One on somebody else's loop: it ends when it is told to, and leaves the process's signals to their owner.

    The usual one looks ten times a second whether it shall end, and then waits as long again.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.over: Final = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def main_loop(self) -> None:
        """Wait."""
        await self.on_tick(0)
        await self.over.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Hang up on everybody."""
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        for task in self.server_state.tasks:
            task.cancel()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a simulator listens."""

    url: str
    sockets: list[socket.socket] | None

    @classmethod
    def take(cls, port: int, unix_socket: str | None) -> Self:
        if unix_socket is not None:
            return cls("http://localhost", None)
        listener = socket.create_server(("127.0.0.1", port))
        # asyncio does this for sockets it makes itself; without it each answer waits 40 ms for the client's receipt.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(f"http://127.0.0.1:{listener.getsockname()[1]}", [listener])


class Application:
    """A simulator's ASGI side: remembers each request, and lets faults happen before anything else."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        faults = Route(f"{CONTROL}/faults", self._faults, methods=["POST", "DELETE"])
        self._app = Starlette(routes=[faults, *simulator.controls(), *simulator.routes()])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["path"]
        if path.startswith(CONTROL):
            return await self._app(scope, receive, send)
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        self._simulator.asked.append(Asked(path, scope["query_string"].decode(), headers))
        fault = self._simulator.faults.take(path)
        if fault is None:
            return await self._app(scope, receive, send)
        if fault.status is None:
            while (await receive())["type"] != "http.disconnect":
                pass
            return None
        answer = self._simulator.problem(fault.status)
        answer.headers.update(fault.headers)
        return await answer(scope, receive, send)

    async def _faults(self, request: Request) -> Response:
        """Add one, or clear them all."""
        if request.method == "DELETE":
            self._simulator.faults.clear()
            return Response(status_code=204)
        try:
            self._simulator.faults.add(Fault.parse(await request.json()))
        except (TypeError, json.JSONDecodeError):
            return PlainTextResponse("A fault is an object of status, path, times and headers\n", 400)
        return Response(status_code=204)


def options(description: str, *more: tuple[str, dict[str, Any]]) -> argparse.Namespace:
    """The command line of a simulator's process."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, default=0, help="of this machine; 0 takes a free one")
    parser.add_argument("--unix-socket", help="serve at this file instead")
    for flag, settings in more:
        parser.add_argument(flag, **settings)
    return parser.parse_args()
