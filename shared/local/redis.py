"""A real Redis on this machine, whatever this machine has.

A real one where there is a program for it (:mod:`shared.local.redis_program`); it keeps an append-only file and
refuses writes rather than evict, because the dead letter streams live there. Where there is none, a Redis in pure
Python that forgets everything when it ends: ``durable`` says so, and so does a message.
"""

from __future__ import annotations

import importlib.metadata
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.local import redis_program
from shared.local.children import ProcessFailed
from shared.local.folders import private
from shared.local.servers import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Sequence

_SOCKET: Final = "redis.sock"
_LONGEST_SOCKET_FOLDER: Final = 100 - len(_SOCKET) - 1  # macOS ends a socket's path at 103 bytes, Linux at 107


class EmbeddedRedis(EmbeddedServer):
    """Redis, or Valkey, on a unix socket in a private folder.

    Args:
        folder: its data, socket, log and lock.
        program: the server; None looks for one.
        append_only: keep an append-only file; without it, nothing outlives the process.
        maxmemory_mb: refuse writes above this; None means no limit.
    """

    name: ClassVar[str] = "Redis"

    def __init__(
        self, folder: Path, *, program: Path | None = None, append_only: bool = True, maxmemory_mb: int | None = None
    ) -> None:
        super().__init__(folder)
        found = program or redis_program.find()
        if found is None:
            raise ProcessFailed("There is no Redis here; install redis-server 6.2 or newer, or set REDIS_URL.")
        self._program: Final = found
        self._maxmemory_mb: Final = maxmemory_mb or 0
        self.durable = append_only

    @property
    def version(self) -> str:
        """Such as 6.2.14."""
        return redis_program.version(self._program)

    @property
    def url(self) -> str:
        """``unix://<socket>?db=0``, as redis-py and REDIS_URL have it."""
        return f"unix://{quote(str((self.folder / 'socket').resolve() / _SOCKET))}?db=0"

    def prepare(self) -> None:
        """Make the folders."""
        (self.folder / "data").mkdir(exist_ok=True)
        elsewhere = Path(tempfile.gettempdir())
        private(self.folder / "socket", account=None, elsewhere=elsewhere, longest=_LONGEST_SOCKET_FOLDER)

    def command(self) -> Sequence[str]:
        """The server, in the foreground, logging to standard output."""
        options = {
            "port": "0",
            "unixsocket": str((self.folder / "socket").resolve() / _SOCKET),
            "unixsocketperm": "700",
            "dir": str(self.folder / "data"),
            "appendonly": "yes" if self.durable else "no",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory": f"{self._maxmemory_mb}mb",
            "maxmemory-policy": "noeviction",
        }
        return [str(self._program), *(word for name, value in options.items() for word in (f"--{name}", value))]

    def answers(self) -> bool:
        """Whether it serves; not while it still reads its append-only file."""
        return _pings(self.url)


class InMemoryRedis(EmbeddedServer):
    """The last rung: Redis in pure Python, on a loopback port. What it holds ends with it."""

    name: ClassVar[str] = "Redis"
    warning: ClassVar[str] = (
        "IN-MEMORY: dead letters do not survive a restart; install redis-server 6.2 or newer, or set REDIS_URL."
    )

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.durable = False

    @property
    def version(self) -> str:
        """The version of fakeredis."""
        return f"in memory (fakeredis {importlib.metadata.version('fakeredis')})"

    @property
    def port(self) -> int:
        """A port that was free when first asked for; kept, so that a restart is found where it was."""
        note = self.folder / "port"
        if not note.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            with socket.create_server(("127.0.0.1", 0)) as probe:
                note.write_text(str(probe.getsockname()[1]))
        return int(note.read_text())

    @property
    def url(self) -> str:
        """``redis://127.0.0.1:<port>/0``."""
        return f"redis://127.0.0.1:{self.port}/0"

    def prepare(self) -> None:
        """Nothing to make: nothing is kept."""

    def command(self) -> Sequence[str]:
        """The server, isolated, so that this folder's ``redis.py`` does not stand in for the library."""
        return [sys.executable, "-I", str(Path(__file__).with_name("redis_in_memory.py")), str(self.port)]

    def answers(self) -> bool:
        """Whether it serves."""
        return _pings(self.url)


def embedded_redis(folder: Path) -> EmbeddedRedis | InMemoryRedis:
    """The best Redis this machine has."""
    program = redis_program.find()
    return InMemoryRedis(folder) if program is None else EmbeddedRedis(folder, program=program)


def _pings(url: str) -> bool:
    # One attempt: redis-py's own retries would only make the poll slower.
    with redis.Redis.from_url(url, socket_timeout=1.0, retry=Retry(NoBackoff(), 0)) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
