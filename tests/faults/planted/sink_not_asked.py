"""alert-bridge that forgets an announcement once it was posted, whatever the sink answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from functions.alert_bridge import main
from functions.alert_bridge.announcements import PostgresAnnouncements
from functions.alert_bridge.handler import Ports, create_handler
from functions.alert_bridge.model import WEBHOOK_TYPE
from shared.adapters.relay import Relay
from shared.domain.errors import UpstreamUnavailable
from shared.domain.events import Event
from shared.domain.ports import EventSink
from shared.runtime.requests import document
from shared.runtime.serving import Route, serve


class DeafSink:
    """A sink that takes everything."""

    def __init__(self, sound: EventSink) -> None:
        self.routes: Mapping[str, Sequence[str]] | None = sound.routes
        self._sound = sound

    async def send(self, event: Event, destination: str = "") -> None:
        """Post it, and do not listen."""
        with suppress(UpstreamUnavailable):
            await self._sound.send(event, destination)


assert main.sink is not None
announcements = PostgresAnnouncements(main.database, Relay(main.database, DeafSink(main.sink)))
ports = Ports(announcements=announcements, clock=main.ports.clock)
route = Route(read=document(WEBHOOK_TYPE), use_case=create_handler(ports))
handle = serve("alert-bridge", main.settings, {"/alertmanager": route})
