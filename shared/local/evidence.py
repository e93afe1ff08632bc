"""How the story knows: it looks at the database, and says so when a promise does not hold."""

from __future__ import annotations

from pg8000.native import Connection

from shared.adapters.dsn import Dsn
from shared.domain.errors import AftercareError


class PromiseBroken(AftercareError):
    """Something that must never happen did."""


def require(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - a condition is a boolean
    """Go on only if a promise holds.

    Raises:
        PromiseBroken: it does not; ``otherwise`` says what was found.
    """
    if not holds:
        raise PromiseBroken(otherwise)


def connect(url: str) -> Connection:
    """A connection of the story's own, to look at what is there."""
    dsn = Dsn.parse(url)
    return Connection(
        dsn.user, host=dsn.host, port=dsn.port, database=dsn.database, password=dsn.password, unix_sock=dsn.unix_socket
    )
