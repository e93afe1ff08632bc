"""The servers everything is measured on: PostgreSQL with fsync on, and Redis, in a folder of their own."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from pg8000.native import Connection, identifier

from shared.adapters.migrate import upgrade
from shared.adapters.tables import metadata
from shared.local.postgres import EmbeddedPostgres
from shared.local.processes import Program, Supervisor
from shared.local.redis import embedded_redis

# A checkpoint in the middle would cost whoever happens to be running.
_POSTGRES = {"max_wal_size": "8GB", "checkpoint_timeout": "1h"}


class Stage:
    """Servers; as a context manager it leaves nothing running."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres = EmbeddedPostgres(folder / "postgres", settings=_POSTGRES)
        self.redis = embedded_redis(folder / "redis")

    @property
    def settings(self) -> dict[str, str]:
        """For the environment of a function."""
        return {"AUTH_MODE": "network", "DATABASE_URL": self.postgres.uri(), "REDIS_URL": self.redis.url}

    @contextmanager
    def running(self) -> Iterator[Stage]:
        """Both servers, with the migrated schema."""
        with self.postgres, self.redis:
            upgrade(self.postgres.uri())
            yield self

    def reset(self) -> None:
        """Empty both, so that everybody starts from the same."""
        tables = ", ".join(identifier(name) for name in metadata.tables)
        connection = Connection("postgres", unix_sock=str(self.postgres.socket), database="postgres")
        connection.run(f"TRUNCATE {tables}")
        connection.close()
        with redis.Redis.from_url(self.redis.url) as client:
            client.flushall()

    @contextmanager
    def sink(self) -> Iterator[str]:
        """A receiver of events; its URL."""
        port = spare_port()
        log = self.folder / "sink.log"
        argv = [sys.executable, "-m", "tests.benchmarks.sink", str(port)]
        with Supervisor() as supervisor:
            supervisor.start(Program(name="sink", argv=argv, log=log, ready=lambda: _listens(port)))
            yield f"http://127.0.0.1:{port}/"


def spare_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
