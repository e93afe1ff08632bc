"""A line to PostgreSQL: the driver's connection, bounded in time, with the fewest packets that do the work."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from struct import pack
from typing import TYPE_CHECKING, Final

from pg8000.converters import TIMESTAMPTZ
from pg8000.core import BIND, EXECUTE_MSG, _write
from pg8000.exceptions import InterfaceError
from pg8000.native import Connection as DriverConnection

from shared.adapters.dsn import Dsn

if TYPE_CHECKING:
    from shared.adapters.postgres import Limits

_NULL: Final = pack("!i", -1)


class Line(DriverConnection):  # type: ignore[misc] # the driver is untyped
    """A connection that tells why the server refused it, and that is answered once for each round trip."""

    def close(self) -> None:
        """Hang up. The driver says goodbye to a server that has hung up already, and that would hide its refusal."""
        with suppress(InterfaceError):
            super().close()

    def send_BIND(self, statement_name_bin: bytes, params: Sequence[str | None]) -> None:  # noqa: N802 - the driver's
        """As the driver, without a FLUSH after it: each would be a packet, and wake this thread for nothing."""
        message = bytearray(b"\0" + statement_name_bin + pack("!HH", 0, len(params)))
        for value in params:
            if value is None:
                message += _NULL
            else:
                encoded = value.encode()
                message += pack("!i", len(encoded)) + encoded
        self._send_message(BIND, message + b"\0\0")

    def send_EXECUTE(self) -> None:  # noqa: N802 - the driver's
        """The same; the SYNC at the end of the round trip brings all the answers together."""
        _write(self._sock, EXECUTE_MSG)


def dial(dsn: Dsn, limits: Limits, *, application: str) -> Line:
    """Connect and log in; raises what the driver raises, or OSError."""
    line = _socket(dsn, limits.connect_s)
    try:
        connection = Line(
            dsn.user,
            host=dsn.host,
            password=dsn.password or "",  # when the server asks and there is none, it says 28P01; None has no answer
            database=dsn.database,
            application_name=application,
            sock=line,
            ssl_context=_ssl_context(dsn),
            startup_params={
                "statement_timeout": str(int(limits.statement_s * 1000)),
                "lock_timeout": str(int(limits.lock_s * 1000)),
                "idle_in_transaction_session_timeout": str(int(limits.statement_s * 1000)),
                "TimeZone": "UTC",
                "DateStyle": "ISO",
            },
        )
    except BaseException:
        line.close()
        raise
    # The server gives up first, so that its reason arrives; the socket's limit is for a server that is gone.
    line.settimeout(limits.statement_s + 1)
    # TimeZone is UTC and DateStyle ISO, which the standard library reads 50 times faster than the driver.
    connection.register_in_adapter(TIMESTAMPTZ, datetime.fromisoformat)
    return connection


def _socket(dsn: Dsn, timeout_s: float) -> socket.socket:
    if dsn.unix_socket is None:
        line = socket.create_connection((dsn.host, dsn.port), timeout_s)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return line
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.settimeout(timeout_s)
    try:
        line.connect(dsn.unix_socket)
    except OSError:
        line.close()
        raise
    return line


def _ssl_context(dsn: Dsn) -> ssl.SSLContext | bool | None:
    if dsn.unix_socket is not None or dsn.sslmode == "disable":
        return False
    if dsn.sslmode == "verify-full":
        return ssl.create_default_context()
    return True if dsn.sslmode == "require" else None
