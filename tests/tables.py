"""A database for a whole module, emptied for each of its tests: cloning one takes longer than most tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pg8000.native import Connection, InterfaceError, identifier

from shared.adapters.dsn import Dsn
from shared.adapters.postgres import Database, Limits
from shared.adapters.tables import metadata
from shared.local.postgres import EmbeddedPostgres

_ALONE = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_EMPTY = "; ".join(f"DELETE FROM {identifier(table.name)}" for table in reversed(metadata.sorted_tables))


@contextmanager
def cloned(server: EmbeddedPostgres, template: str, name: str) -> Iterator[str]:
    """The address of a migrated database."""
    server.start()
    yield server.create_database(name, template=template)
    server.start()
    server.drop_database(name)


def vacated(url: str) -> str:
    """The same address; whoever was left there may no longer write, nor hold a lock, and no table has a row."""
    with reading(url) as rows:
        rows(_ALONE)
        rows(_EMPTY)
    return url


def emptied(url: str) -> str:
    """The same address; no table has a row."""
    with reading(url) as rows:
        rows(_EMPTY)
    return url


@contextmanager
def reading(url: str) -> Iterator[Callable[..., list[list[Any]]]]:
    """A second client, outside of what is tested: statement to rows."""
    dsn = Dsn.parse(url)
    # Without a word about TLS the driver would make a context for it, which takes longer than most tests.
    connection = Connection(dsn.user, unix_sock=dsn.unix_socket, database=dsn.database, ssl_context=False)
    try:
        yield connection.run
    finally:
        with suppress(InterfaceError):  # a test may have killed the server
            connection.close()


@contextmanager
def opened(url: str, **limits: Any) -> Iterator[Database]:
    """The database as functions see it."""
    database = Database(Dsn.parse(url), application="test", limits=Limits(**limits))
    try:
        yield database
    finally:
        database.close()
