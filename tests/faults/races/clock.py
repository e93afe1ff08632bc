"""PostgreSQL's clock, moved by hand: in one database ``now()`` is a function of ours, found before the server's own.

What a table has as a default stays with the server's clock, so rows are never from the future.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from shared.adapters.migrate import upgrade
from shared.local.postgres import EmbeddedPostgres

Rows = Callable[..., list[list[Any]]]
"""Statement to rows, on a connection of our own."""

_INSTALL: Final = """
CREATE SCHEMA clock;
CREATE TABLE clock.hands AS SELECT interval '0' AS ahead;
CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE
    AS 'SELECT pg_catalog.now() + ahead FROM clock.hands';
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = clock, pg_catalog, public', current_database()); END $$
"""
_PASS: Final = "UPDATE clock.hands SET ahead = ahead + :seconds * interval '1 second'"
_STRIKE: Final = """
UPDATE clock.hands SET ahead = date_trunc('hour', pg_catalog.now() + ahead) + interval '1 hour' - pg_catalog.now()
"""
_RESET: Final = "UPDATE clock.hands SET ahead = interval '0'"


class Clock:
    """The clock of a database; connections opened from now on go by it."""

    def __init__(self, rows: Rows) -> None:
        self._rows: Final = rows
        rows(_INSTALL)

    def pass_(self, seconds: float) -> None:
        """Let time pass."""
        self._rows(_PASS, seconds=seconds)

    def strike(self) -> None:
        """Let a new hour begin."""
        self._rows(_STRIKE)

    def reset(self) -> None:
        """Let it be what it is everywhere else."""
        self._rows(_RESET)


def own_database(postgres: EmbeddedPostgres, name: str) -> str:
    """The address of a migrated database that nobody else uses; what was there before is gone."""
    postgres.drop_database(name)
    url = postgres.create_database(name)
    upgrade(url)
    return url
