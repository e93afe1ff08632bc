"""A sink that keeps what it is sent."""

from __future__ import annotations

from collections import deque

from shared.domain.errors import UpstreamRejected, UpstreamUnavailable
from shared.domain.events import Event


class MemorySink:
    """See :class:`shared.domain.ports.EventSink`.

    Attributes:
        sent: what was delivered, in order.
        failures: raised for the next events, one each.
    """

    def __init__(self) -> None:
        self.sent: list[Event] = []
        self.failures: deque[UpstreamUnavailable | UpstreamRejected] = deque()

    async def send(self, event: Event) -> None:
        """Deliver."""
        if self.failures:
            raise self.failures.popleft()
        self.sent.append(event)
