"""Where the database is: a libpq URL, read once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self
from urllib.parse import parse_qs, unquote, urlsplit

from shared.domain.errors import ConfigurationError

_SCHEMES: Final = ("postgresql", "postgres", "postgresql+pg8000")
_SSL_MODES: Final = ("disable", "prefer", "require", "verify-full")
_DEFAULT_PORT: Final = 5432


@dataclass(frozen=True, slots=True, kw_only=True)
class Dsn:
    """A PostgreSQL address.

    Attributes:
        unix_socket: path of the socket *file*; None for TCP.
        sslmode: as libpq's; ``prefer`` encrypts when the server can, ``verify-full`` also checks who it is.
    """

    user: str
    password: str | None = field(repr=False)
    host: str
    port: int
    database: str
    unix_socket: str | None
    sslmode: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read ``postgresql://user:password@host:port/database`` or ``postgresql://user@/database?host=/folder``.

        Raises:
            ConfigurationError: the URL cannot be read; its text is not repeated, because it holds a password.
        """
        try:
            parts = urlsplit(url)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            folder = query.get("host", "")
            port = parts.port or int(query.get("port", _DEFAULT_PORT))
        except ValueError:
            parts, query, folder, port = urlsplit(""), {}, "", 0
        sslmode = query.get("sslmode", "prefer")
        if parts.scheme not in _SCHEMES or not parts.path.strip("/") or sslmode not in _SSL_MODES:
            raise ConfigurationError(
                "DATABASE_URL cannot be read; write postgresql://user:password@host:5432/database"
                " (or ?host=/socket/folder), sslmode one of " + ", ".join(_SSL_MODES)
            )
        return cls(
            user=unquote(parts.username or "postgres"),
            password=unquote(parts.password) if parts.password else None,
            host=parts.hostname or folder or "localhost",
            port=port,
            database=unquote(parts.path.lstrip("/")),
            unix_socket=str(Path(folder) / f".s.PGSQL.{port}") if folder.startswith("/") else None,
            sslmode=sslmode,
        )
