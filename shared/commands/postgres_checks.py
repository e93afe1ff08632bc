"""PostgreSQL, as the promise needs it: there, writable, keeping what it commits, with our schema, and nothing stuck."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from shared.adapters.dsn import Dsn
from shared.adapters.postgres import Connection, Database, Limits
from shared.commands.findings import Check, Finding, Findings, State, ok, wrong
from shared.commands.schema import shortfall
from shared.domain.errors import ConfigurationError, DatabaseUnavailable
from shared.domain.failures import Failure, FailureClass
from shared.runtime.settings import DatabaseSettings

_UNSENT_TOLERATED: Final = timedelta(minutes=15)
_LIMITS: Final = Limits(threads=1, connect_s=3.0, statement_s=3.0)
_SERVER: Final = """
SELECT current_setting('server_version'), pg_is_in_recovery(), current_setting('fsync'),
       current_setting('synchronous_commit'), to_regclass('alembic_version') IS NOT NULL
"""
_REVISION: Final = "SELECT version_num FROM alembic_version"
_WORK: Final = """
SELECT (SELECT count(*) FROM dead_letters WHERE state = 'quarantined'),
       (SELECT count(*) FROM effects WHERE state = 'failed'),
       (SELECT count(*) FROM outbox), (SELECT min(created_at) FROM outbox), now()
"""


def postgres(environ: Mapping[str, str]) -> Check:
    """What DATABASE_URL names."""

    async def look() -> Findings:
        try:
            dsn = Dsn.parse(DatabaseSettings.load(environ).database_url.get_secret_value())
        except ConfigurationError as error:
            yield wrong("address", str(error), "Set DATABASE_URL, or DATABASE_URL_FILE to a file that holds it.")
            return
        database = Database(dsn, application="aftercare-doctor", limits=_LIMITS)
        try:
            server = await database.run(_server)
            for finding in server:
                yield finding
            if server[-1].state is State.OK:  # without our schema there is nothing more to ask
                for finding in await database.run(_work):
                    yield finding
        except DatabaseUnavailable as error:
            yield wrong("server", str(error), _advice(error.failure))
        finally:
            database.close()

    return Check("postgresql", look)


def _server(connection: Connection) -> list[Finding]:
    """The server itself; the schema is the last finding."""
    [(version, is_standby, fsync, synchronous, has_schema)] = connection.rows(_SERVER)
    return [
        wrong("server", f"{version}, a standby that takes no writes", "Let DATABASE_URL name the primary.")
        if is_standby
        else ok("server", f"PostgreSQL {version} answers"),
        ok("fsync", "on")
        if fsync == "on"
        else wrong("fsync", "off: a crash may take what was acknowledged", "Set fsync = on, and reload the server."),
        ok("synchronous_commit", synchronous)
        if synchronous != "off"
        else wrong(
            "synchronous_commit",
            "off: a crash takes the last commits, though they were acknowledged",
            "Set synchronous_commit = on for the server, the database or the role.",
        ),
        _schema(connection.rows(_REVISION) if has_schema else []),
    ]


def _schema(rows: Sequence[Sequence[Any]]) -> Finding:
    current = rows[0][0] if rows else None
    trouble = shortfall(current)
    return ok("schema", f"at {current}, the newest") if trouble is None else wrong("schema", *trouble)


def _work(connection: Connection) -> list[Finding]:
    """What waits for a person or for a sink."""
    [(quarantined, failed, unsent, oldest, now)] = connection.rows(_WORK)
    return [
        wrong(
            "quarantine",
            f"letters that wait for a person: {quarantined}",
            "Look with aftercare dlq list; send them again with redrive, or give them up with discard.",
        )
        if quarantined
        else ok("quarantine", "empty"),
        wrong(
            "effects",
            f"calls to other systems that failed for good: {failed}",
            "SELECT kind, key, response FROM effects WHERE state = 'failed' says which, and what was answered.",
        )
        if failed
        else ok("effects", "none failed"),
        _outbox(unsent, oldest, now),
    ]


def _outbox(unsent: int, oldest: datetime | None, now: datetime) -> Finding:
    if oldest is None:
        return ok("outbox", "empty")
    waited = now - oldest
    if waited < _UNSENT_TOLERATED:
        return ok("outbox", f"events on their way: {unsent}")
    return wrong(
        "outbox",
        f"events that wait to be sent: {unsent}, the oldest for {waited.total_seconds() / 60:.0f} min",
        "See that EVENT_SINK of backfill-reconcile answers, and that its cron runs.",
    )


def _advice(failure: Failure) -> str:
    match failure.kind:
        case FailureClass.OURS:
            return "Check user, password, database and privileges of DATABASE_URL, and that the schema is at its head."
        case FailureClass.CONNECTION:
            return "Start PostgreSQL, or correct the host and port of DATABASE_URL."
        case _:
            return "It is there and cannot now; look at its log, its load and its disk."
