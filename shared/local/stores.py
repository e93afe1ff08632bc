"""The two stores of a run: those the environment names, otherwise real servers started here.

``DATABASE_URL`` and ``REDIS_URL`` win. What they name is used, and never started, stopped or killed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pg8000
import redis

from shared.adapters.dsn import Dsn
from shared.adapters.postgres import Connection, Limits
from shared.local.children import ProcessFailed
from shared.local.postgres import EmbeddedPostgres
from shared.local.redis import EmbeddedRedis, InMemoryRedis, embedded_redis

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_DATABASE: Final = "aftercare"


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """The database of a run.

    Attributes:
        url: for DATABASE_URL.
        version: such as 18.4.
        server: ours to kill and start; None when the environment named one.
    """

    url: str
    version: str
    server: EmbeddedPostgres | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Redis:
    """The streams of a run.

    Attributes:
        url: for REDIS_URL.
        version: such as 6.2.14.
        server: ours to kill and start; None when the environment named one.
    """

    url: str
    version: str
    server: EmbeddedRedis | InMemoryRedis | None


def open_postgres(folder: Path, environ: Mapping[str, str]) -> Postgres:
    """The database to use, serving.

    Raises:
        ProcessFailed: it does not; the text says what to do.
    """
    url = environ.get("DATABASE_URL")
    if url:
        return Postgres(url=url, version=_postgres_version(url), server=None)
    server = EmbeddedPostgres(folder).start()
    url = server.uri(_DATABASE) if server.has_database(_DATABASE) else server.create_database(_DATABASE)
    return Postgres(url=url, version=server.version, server=server)


def open_redis(folder: Path, environ: Mapping[str, str]) -> Redis:
    """The Redis to use, serving.

    Raises:
        ProcessFailed: it does not; the text says what to do.
    """
    url = environ.get("REDIS_URL")
    if url:
        return Redis(url=url, version=_redis_version(url), server=None)
    server = embedded_redis(folder).start()
    return Redis(url=server.url, version=server.version, server=server)


def _postgres_version(url: str) -> str:
    try:
        connection = Connection(Dsn.parse(url), Limits(), application="aftercare")
        try:
            return str(connection.rows("SHOW server_version")[0][0])
        finally:
            connection.close()
    except (pg8000.InterfaceError, pg8000.DatabaseError, OSError) as error:
        raise ProcessFailed(
            "The PostgreSQL that DATABASE_URL names does not answer; start it, or unset DATABASE_URL to get one here."
        ) from error


def _redis_version(url: str) -> str:
    try:
        with redis.Redis.from_url(url, socket_timeout=3.0) as client:
            return str(client.info("server")["redis_version"])
    except (redis.RedisError, ValueError) as error:
        raise ProcessFailed(
            "The Redis that REDIS_URL names does not answer; start it, or unset REDIS_URL to get one here."
        ) from error
