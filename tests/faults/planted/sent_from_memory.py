"""alert-bridge that acknowledges a webhook and sends its alerts from memory, without an outbox."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from functions.alert_bridge import main
from functions.alert_bridge.core import Bridged
from functions.alert_bridge.handler import Ports, create_handler
from functions.alert_bridge.model import WEBHOOK_TYPE
from shared.domain.errors import UpstreamUnavailable
from shared.domain.ports import EventSink
from shared.runtime.requests import document
from shared.runtime.serving import Route, serve


class HastyAnnouncements:
    """Keeps nothing."""

    def __init__(self, sink: EventSink) -> None:
        self._sink = sink
        self._sending: set[asyncio.Task[None]] = set()

    async def keep(self, bridged: Bridged) -> int:
        """Begin to send the alerts."""
        sending = asyncio.create_task(self._send(bridged))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)
        return len(bridged.events)

    async def _send(self, bridged: Bridged) -> None:
        for event in bridged.events:
            with suppress(UpstreamUnavailable):
                await self._sink.send(event)


assert main.sink is not None
ports = Ports(announcements=HastyAnnouncements(main.sink), clock=main.ports.clock)
route = Route(read=document(WEBHOOK_TYPE), use_case=create_handler(ports))
handle = serve("alert-bridge", main.settings, {"/alertmanager": route})
