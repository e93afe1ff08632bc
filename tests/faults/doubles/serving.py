"""An ASGI application on this very loop, without taking Ctrl-C from whoever runs the campaign."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import uvicorn

from shared.local.simulators.simulator import Server

_TICK_S: Final = 0.002


@asynccontextmanager
async def serving(app: Any, port: int = 0) -> AsyncIterator[str]:
    """Serve at a port of the loopback interface, or at one that is free; yields the address."""
    listener = socket.create_server(("127.0.0.1", port))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        app, access_log=False, log_level="error", ws="none", lifespan="off", timeout_graceful_shutdown=1
    )
    server = Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started and not running.done():  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(_TICK_S)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.over.set()
        await running
