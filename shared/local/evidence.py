"""How the story knows: it publishes events, looks at the broker and the database, and says when a promise breaks."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import httpx
from pg8000.native import Connection

from shared.adapters.dsn import Dsn
from shared.domain.errors import AftercareError
from shared.domain.events import Event, to_structured

T = TypeVar("T")

_PATIENCE_S: Final = 20.0


class PromiseBroken(AftercareError):
    """Something that must never happen did."""


def require(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - a condition is a boolean
    """Go on only if a promise holds.

    Raises:
        PromiseBroken: it does not; ``otherwise`` says what was found.
    """
    if not holds:
        raise PromiseBroken(otherwise)


class Witness:
    """Looks at a running laptop from outside.

    Args:
        broker: the broker's URL.
        database_url: where the truth is.
        http: a client.
    """

    def __init__(self, broker: str, database_url: str, http: httpx.Client) -> None:
        self._broker = broker
        self._database_url = database_url
        self._http = http

    def publish(self, event: Event) -> None:
        """Send an event to the broker."""
        headers = {"content-type": "application/cloudevents+json"}
        answer = self._http.post(self._broker, content=json.dumps(to_structured(event)), headers=headers)
        require(answer.status_code == httpx.codes.ACCEPTED, f"the broker answered {answer.status_code}")

    def fire(self, ping_source: str) -> None:
        """Fire a schedule now."""
        self._http.post(f"{self._broker}/pingsources/{ping_source}")

    def event(self, event_type: str, subject: str) -> dict[str, Any] | None:
        """The last event of a type about a subject that the broker has seen."""
        query = {"type": event_type, "subject": subject}
        found = self._http.get(f"{self._broker}/events", params=query).json()["events"]
        return found[-1]["event"] if found else None

    def rows(self, sql: str, **parameters: Any) -> list[list[Any]]:
        """What the database says."""
        with connect(self._database_url) as connection:
            return list(connection.run(sql, **parameters) or ())

    def until(self, question: Callable[[], T | None]) -> T:
        """Ask until there is an answer.

        Raises:
            PromiseBroken: there was none for 20 seconds.
        """
        ends = time.monotonic() + _PATIENCE_S
        while not (answer := question()):
            require(time.monotonic() < ends, f"nothing happened for {_PATIENCE_S:.0f} s")
            time.sleep(0.02)
        return answer


def connect(url: str) -> Connection:
    """A connection of the story's own."""
    dsn = Dsn.parse(url)
    return Connection(
        dsn.user, host=dsn.host, port=dsn.port, database=dsn.database, password=dsn.password, unix_sock=dsn.unix_socket
    )
