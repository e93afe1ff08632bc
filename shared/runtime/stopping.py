"""Knowing that the process must stop, early enough to stop waiting.

On SIGTERM the server finishes requests; one that would wait for another minute is better cut short, when what it
waits for is durable. The server's own handler still runs: ours is put in front of it.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")


class Stopping:
    """Watches for SIGTERM from the first wait on: only then the server's own handler is in place.

    A signal that came before is known to the server: uvicorn's handler belongs to the server that ``should_exit``.
    """

    def __init__(self) -> None:
        self._waits: set[asyncio.Future[Any]] = set()
        self._is_watching = False
        self._is_stopping = False

    async def unless_stopping(self, wait: Awaitable[T]) -> T | None:
        """The result of ``wait``; None when the process must stop first, with the wait cancelled."""
        if not self._is_watching:
            self._watch(asyncio.get_running_loop())
        waiting = asyncio.ensure_future(wait)
        self._waits.add(waiting)
        if self._is_stopping:
            waiting.cancel()
        try:
            return await waiting
        except asyncio.CancelledError:
            if self._is_stopping and not _is_cancelled_itself():
                return None
            raise
        finally:
            self._waits.discard(waiting)

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_watching = True
        behind = signal.getsignal(signal.SIGTERM)
        self._is_stopping = getattr(getattr(behind, "__self__", None), "should_exit", False)

        def on_sigterm(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self._stop)
            if callable(behind):
                behind(number, frame)

        signal.signal(signal.SIGTERM, on_sigterm)

    def _stop(self) -> None:
        self._is_stopping = True
        for waiting in self._waits:
            waiting.cancel()


def _is_cancelled_itself() -> bool:
    """Whether it is the caller that is cancelled, and not only what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
