"""A sink that keeps what it is sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from shared.domain.errors import UpstreamRejected, UpstreamUnavailable
from shared.domain.events import Event


class MemorySink:
    """See :class:`shared.domain.ports.EventSink`.

    Attributes:
        routes: see the port.
        sent: what was delivered, in order.
        destinations: where each of them went.
        failures: raised for the next events, one each.
    """

    def __init__(self, routes: Mapping[str, Sequence[str]] | None = None) -> None:
        self.routes = routes
        self.sent: list[Event] = []
        self.destinations: list[str] = []
        self.failures: deque[UpstreamUnavailable | UpstreamRejected] = deque()

    async def send(self, event: Event, destination: str = "") -> None:
        """Deliver."""
        if self.failures:
            raise self.failures.popleft()
        self.sent.append(event)
        self.destinations.append(destination)
