"""Ping sources: an event on a schedule, or at once when asked.

As in Knative, each ping has a new id, so consumers recognise a slot by the clock and not by the event; and what was
missed while the broker was down is not made up for.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import uuid
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from shared.domain.events import PING
from shared.local.knative.envelopes import Envelope

if TYPE_CHECKING:
    from shared.local.knative.manifests import PingSource

_LOG: Final = logging.getLogger(__name__)


def ping(source: PingSource, namespace: str, at: datetime) -> Envelope:
    """The event a source sends."""
    attributes = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": f"/apis/v1/namespaces/{namespace}/pingsources/{source.name}",
        "type": PING,
        "time": at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    }
    return Envelope({**attributes, "datacontenttype": source.content_type} if source.data else attributes, source.data)


def due(sources: Iterable[PingSource], minute: datetime) -> list[PingSource]:
    """The sources that fire in this minute, each by its own time zone."""
    return [source for source in sources if source.schedule.matches(minute.astimezone(source.timezone))]


async def keep_time(sources: Iterable[PingSource], fire: Callable[[PingSource], Awaitable[object]]) -> None:
    """Fire each source in its minutes, until cancelled."""
    while True:
        minute = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        while (wait_s := (minute - datetime.now(UTC)).total_seconds()) > 0:  # noqa: ASYNC110 - clocks are set back
            await asyncio.sleep(wait_s)
        for source in due(sources, minute):
            try:
                await fire(source)
            except sqlite3.Error as error:
                _LOG.warning("The ping of %s is lost: the broker's file cannot be written (%s)", source.name, error)
