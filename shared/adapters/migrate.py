"""The schema: brought up, brought down, or written out as SQL.

Alembic without a configuration file: where the revisions are is known, where the database is comes as an argument.
A job or a person runs this, never a function: these imports alone take longer than a cold start may.
"""

from __future__ import annotations

import io
import ssl
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from pg8000.exceptions import InterfaceError
from pg8000.legacy import Connection as DriverConnection

from shared.adapters.dsn import Dsn
from shared.domain.errors import ConfigurationError, DatabaseUnavailable
from shared.domain.failures import LOST_CONNECTION, FailureClass, of_sqlstate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SCRIPTS: Final = Path(__file__).resolve().parents[2] / "migrations"


def upgrade(database_url: str, revision: str = "head") -> str:
    """Bring the schema up to ``revision``, all of the way or not at all; safe to call from several places at once.

    Returns:
        The revision reached.

    Raises:
        ConfigurationError: the URL, the login or the revision is wrong.
        DatabaseUnavailable: PostgreSQL cannot do it now; nothing was changed.
    """
    with connect(database_url) as connection:
        _move(connection, command.upgrade, revision)
        reached = _current(connection)
    if reached is None:
        raise ConfigurationError(f"Nothing leads to revision {revision}; name one of migrations/versions, or head")
    return reached


def downgrade(database_url: str, revision: str) -> None:
    """Take the schema back to ``revision``; ``base`` drops every table, and with it what is in them.

    Raises:
        ConfigurationError: the URL, the login or the revision is wrong.
        DatabaseUnavailable: PostgreSQL cannot do it now; nothing was changed.
    """
    with connect(database_url) as connection:
        _move(connection, command.downgrade, revision)


def current(database_url: str) -> str | None:
    """The revision of the schema; None for an empty database. Errors as for :func:`upgrade`."""
    with connect(database_url) as connection:
        return _current(connection)


def offline_sql() -> str:
    """The whole upgrade as one SQL script, for those who may not let a program change their schema."""
    script = io.StringIO()
    command.upgrade(_config(output=script), "head", sql=True)
    return script.getvalue()


@contextmanager
def connect(database_url: str) -> Iterator[sa.Connection]:
    """A connection for migrations; errors as for :func:`upgrade`."""
    dsn = Dsn.parse(database_url)
    engine = sa.create_engine("postgresql+pg8000://", creator=lambda: _log_in(dsn), poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    except sa.exc.DBAPIError as error:
        raise _translated(error) from error
    except OSError as error:
        raise DatabaseUnavailable(LOST_CONNECTION) from error


def _move(connection: sa.Connection, step: Callable[[Config, str], None], revision: str) -> None:
    config = _config()
    config.attributes["connection"] = connection
    try:
        step(config, revision)
    except CommandError as error:
        raise ConfigurationError(f"The schema cannot go to revision {revision}: {error}") from error


def _current(connection: sa.Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config(output: io.StringIO | None = None) -> Config:
    config = Config(output_buffer=output)
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return config


class _Line(DriverConnection):  # type: ignore[misc] # the driver is untyped
    """A connection that tells why the server refused it.

    The driver says goodbye to a server that has hung up already, and the broken pipe of that hides the refusal.
    """

    def close(self) -> None:
        with suppress(InterfaceError):
            super().close()


def _log_in(dsn: Dsn) -> _Line:
    who = {"user": dsn.user, "password": dsn.password, "database": dsn.database}
    where: dict[str, Any] = {"host": dsn.host, "port": dsn.port, "ssl_context": _ssl_context(dsn.sslmode)}
    if dsn.unix_socket is not None:
        where = {"unix_sock": dsn.unix_socket, "ssl_context": False}
    return _Line(**who, **where, application_name="aftercare-migrate")


def _ssl_context(sslmode: str) -> ssl.SSLContext | bool | None:
    if sslmode == "verify-full":
        return ssl.create_default_context()
    # In the driver's words: None encrypts if the server can, True insists.
    return {"disable": False, "prefer": None, "require": True}[sslmode]


def _translated(error: sa.exc.DBAPIError) -> ConfigurationError | DatabaseUnavailable:
    # While it logs in, the driver raises a refusal as InterfaceError: the fields of the answer tell, not the class.
    fields = error.orig.args[0] if error.orig is not None and error.orig.args else None
    failure = of_sqlstate(fields["C"]) if isinstance(fields, dict) else LOST_CONNECTION
    if failure.kind is FailureClass.OURS:
        return ConfigurationError(
            f"PostgreSQL refused ({failure}); check user, password, database and privileges of DATABASE_URL"
        )
    return DatabaseUnavailable(failure)
