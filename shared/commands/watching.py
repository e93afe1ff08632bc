"""What happens, as it happens: polled from PostgreSQL, or from the broker of a laptop.

PostgreSQL knows of each event that a function took (the inbox), of those on their way out, and of what people decided.
Rows carry the time their transaction began and are seen when it commits, so each look reaches back a little, and what
was seen before is left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from pydantic import BaseModel

from shared.adapters.endpoints import Endpoint
from shared.adapters.postgres import Connection, Database
from shared.domain.calls import CallFailed
from shared.domain.errors import DatabaseUnavailable

_LOOK_BACK: Final = timedelta(seconds=30)  # longer than any transaction here may take
_ONE_TRANSACTION: Final = timedelta(microseconds=1)  # its rows carry one time, and a look may end among them
_MOST: Final = 1000
_SINCE: Final = """
SELECT * FROM (
    SELECT received_at AS at, 'in' AS way, fn AS who, coalesce(reply ->> 'type', reply ->> 'outcome', state) AS what,
           source, id
    FROM inbox WHERE received_at > :since
    UNION ALL
    SELECT created_at, 'out', coalesce(nullif(destination, ''), 'sink'), event_type, event_source, event_id
    FROM outbox WHERE created_at > :since
    UNION ALL
    SELECT at, 'audit', actor, action, 'audit_log', subject
    FROM (SELECT * FROM audit_log ORDER BY id DESC LIMIT :most) AS latest WHERE at > :since
) AS seen ORDER BY at LIMIT :most
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One line.

    Attributes:
        way: ``in`` (a function took it), ``out`` (on its way), ``audit`` (somebody decided) or ``event`` (a broker's).
        who: the function, the destination, the actor or the source.
        what: the type or the outcome.
        source: of the event.
        id: of the event, or the subject of a decision.
    """

    at: datetime
    way: str
    who: str
    what: str
    source: str
    id: str

    def line(self) -> str:
        """For people."""
        return f"{self.at:%H:%M:%S.%f}"[:-3] + f"  {self.way:<5}  {self.who:<20}  {self.what}  {self.source}  {self.id}"

    def document(self) -> dict[str, Any]:
        """For scripts."""
        return {**asdict(self), "at": self.at.isoformat()}


class Feed(Protocol):
    """Where occurrences come from."""

    async def fresh(self) -> list[Occurrence]:
        """What was not seen before, oldest first.

        Raises:
            DatabaseUnavailable: not now.
            CallFailed: not now.
        """
        ...


class PostgresFeed:
    """Follows the tables.

    Args:
        database: where they are.
        since: where to begin.
    """

    def __init__(self, database: Database, since: datetime) -> None:
        self._database = database
        self._since = since
        self._seen: dict[tuple[str, ...], datetime] = {}

    async def fresh(self) -> list[Occurrence]:
        """See :class:`Feed`."""

        def look(connection: Connection) -> list[Occurrence]:
            rows = connection.rows(_SINCE, since=self._since, most=_MOST)
            return [
                Occurrence(at=at, way=way, who=who, what=what, source=source, id=id_)
                for at, way, who, what, source, id_ in rows
            ]

        new = []
        found = await self._database.run(look)
        for each in found:
            key = (each.way, each.who, each.source, each.id, each.what if each.way == "audit" else "")
            if key not in self._seen:
                self._seen[key] = each.at
                new.append(each)
        if found:
            # More than one look takes: then going on comes before looking back.
            reach = _LOOK_BACK if len(found) < _MOST else _ONE_TRANSACTION
            self._since = max(self._since, found[-1].at - reach)
            self._seen = {key: at for key, at in self._seen.items() if at > self._since}
        return new


class _Arrival(BaseModel):
    seq: int
    received_at: float
    event: dict[str, Any]


class _Arrivals(BaseModel):
    events: list[_Arrival]


class BrokerFeed:
    """Follows the broker of a laptop, which remembers the events that came in.

    Args:
        endpoint: its address.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._after = 0

    async def fresh(self) -> list[Occurrence]:
        """See :class:`Feed`."""
        page = await self._endpoint.ask(_Arrivals, "/events", {"after": str(self._after), "limit": str(_MOST)})
        self._after = max([self._after, *(arrival.seq for arrival in page.events)])
        return [
            Occurrence(
                at=datetime.fromtimestamp(arrival.received_at, UTC),
                way="event",
                who=str(arrival.event.get("subject", "")),
                what=str(arrival.event["type"]),
                source=str(arrival.event["source"]),
                id=str(arrival.event["id"]),
            )
            for arrival in page.events
        ]


async def follow(
    feed: Feed, *, interval_s: float, on_outage: Callable[[str], None]
) -> AsyncGenerator[Occurrence, None]:
    """Occurrences without end. After the first look an outage is told once, and waited out.

    Raises:
        DatabaseUnavailable: the first look failed.
        CallFailed: the first look failed.
    """
    for each in await feed.fresh():
        yield each
    is_well = True
    while True:
        await asyncio.sleep(interval_s)
        try:
            found = await feed.fresh()
        except (CallFailed, DatabaseUnavailable) as error:
            if is_well:
                on_outage(f"Nothing to be seen now ({error}); still trying.")
            is_well = False
            continue
        is_well = True
        for each in found:
            yield each
