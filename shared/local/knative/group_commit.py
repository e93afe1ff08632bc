"""Many small transactions on one SQLite file, at the price of few flushes.

A flush to disk takes milliseconds and everything else microseconds, so while one group is being flushed the next one
gathers: each caller's work runs in the shared transaction, and each caller is answered only when that transaction is on
disk. A group fails as a whole.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")


def connect(path: Path) -> sqlite3.Connection:
    """A connection without implicit transactions, on a file that survives a power cut once a commit returned."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


class _Group:
    """Work that will share a transaction."""

    def __init__(self) -> None:
        self.work: list[Callable[[sqlite3.Connection], Any]] = []
        self.flush: asyncio.Task[list[Any]] | None = None


class GroupCommit:
    """The one writer of a SQLite file."""

    def __init__(self, path: Path) -> None:
        self._connection = connect(path)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="broker-commit")
        self._turn = asyncio.Lock()
        self._gathering = _Group()

    async def commit(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run the work in a transaction and return its result once that is on disk.

        Raises:
            sqlite3.Error: nothing of the group was written.
        """
        group = self._gathering
        position = len(group.work)
        group.work.append(work)
        if group.flush is None:
            group.flush = asyncio.create_task(self._flush(group))
        # The others in the group must not suffer from one caller that was cancelled.
        results = await asyncio.shield(group.flush)
        result: T = results[position]
        return result

    async def close(self) -> None:
        """Finish what was begun, then close the file."""
        async with self._turn:
            self._thread.shutdown()
            self._connection.close()

    async def _flush(self, group: _Group) -> list[Any]:
        async with self._turn:
            self._gathering = _Group()
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._apply, group.work)

    def _apply(self, work: list[Callable[[sqlite3.Connection], Any]]) -> list[Any]:
        with self._connection:  # commits, or rolls back when anything is raised
            self._connection.execute("BEGIN IMMEDIATE")
            return [each(self._connection) for each in work]
