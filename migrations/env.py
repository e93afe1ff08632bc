"""What Alembic runs around the revisions of every command: one transaction, one upgrader at a time.

All revisions of an upgrade commit together or not at all. A second upgrader waits at the advisory lock, which the
transaction's end gives back however it ends, and then finds nothing left to do.
"""

from __future__ import annotations

import os
from typing import Final

from alembic import context

from shared.adapters.migrate import connect
from shared.adapters.tables import metadata
from shared.domain.errors import ConfigurationError

# Any number serves that nothing else in the database locks.
_LOCK: Final = int.from_bytes(b"aftercar", "big")
_PREPARE: Final = (
    # A role's own limit is made for requests; waiting for the other upgrader may take as long as it takes.
    "SET LOCAL statement_timeout = 0",
    f"SELECT pg_advisory_xact_lock({_LOCK})",
    # A migration that queues behind a long reader makes every writer queue behind the migration: rather fail.
    "SET LOCAL lock_timeout = '10s'",
)


def _run() -> None:
    with context.begin_transaction():
        for statement in _PREPARE:
            context.execute(statement)
        context.run_migrations()


def _main() -> None:
    if context.is_offline_mode():
        context.configure(dialect_name="postgresql+pg8000", target_metadata=metadata, literal_binds=True)
        _run()
        return
    connection = context.config.attributes.get("connection")
    if connection is not None:
        context.configure(connection=connection, target_metadata=metadata)
        _run()
        return
    if not (database_url := os.environ.get("DATABASE_URL")):
        raise ConfigurationError("Set DATABASE_URL to postgresql://user:password@host:5432/database")
    with connect(database_url) as connection:
        context.configure(connection=connection, target_metadata=metadata)
        _run()


_main()
