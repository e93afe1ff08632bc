"""Tells km-write and alert-bridge what happened, one thing after the other, as a broker would deliver it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

from shared.domain.alerts import ALERT_RESOLVED
from shared.domain.events import to_structured
from shared.local.knative.posts import NoAnswer, Posts
from tests.faults.collector import Collector
from tests.faults.load import Service, Stuck, until
from tests.faults.orders.story import Step, Telling
from tests.faults.traffic import BRIDGE, WRITER

_EVENT: Final = "application/cloudevents+json"
_ACCEPTED: Final = range(200, 300)
_AT_ONCE: Final = 8
_PAUSE_S: Final = 0.02
_PATIENCE_S: Final = 30.0


class Narrator:
    """Tells incidents, several at once, each in its own order.

    Attributes:
        refused: answers that were no acknowledgement.
        resolutions: by incident, the id of the event that alert-bridge made.
    """

    def __init__(self, services: Mapping[str, Service], collector: Collector) -> None:
        self.refused = 0
        self.resolutions: Final[dict[str, str]] = {}
        self._services: Final = services
        self._collector: Final = collector
        self._posts: Final = Posts()
        self._places: Final = asyncio.Semaphore(_AT_ONCE)

    async def tell(self, telling: Telling) -> None:
        """All of it; each step is acknowledged before the next is told.

        Raises:
            Stuck: one is not acknowledged, or alert-bridge never announces the resolution.
        """
        async with self._places:
            for step in telling.steps:
                if step is Step.RESOLVED:
                    await self._deliver(BRIDGE, "/alertmanager", "application/json", telling.webhook())
                    await self._deliver(WRITER, "/", _EVENT, await self._resolution(telling.incident))
                else:
                    await self._deliver(WRITER, "/", _EVENT, to_structured(telling.event(step)))

    def close(self) -> None:
        """Close the idle connections."""
        self._posts.close()

    async def _resolution(self, incident: str) -> Any:
        """What alert-bridge announced of an incident."""

        def announced() -> list[Any]:
            found = self._collector.seen.values()
            return [event for event in found if event["type"] == ALERT_RESOLVED and event["subject"] == incident]

        if incident not in self.resolutions:
            await until(lambda: bool(announced()), lambda: f"alert-bridge to announce {incident}")
            self.resolutions[incident] = announced()[0]["id"]
        return self._collector.seen[self.resolutions[incident]]

    async def _deliver(self, function: str, path: str, media_type: str, document: Any) -> None:
        service = self._services[function]
        headers = {"content-type": media_type, **service.headers}
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while await self._status(service.url + path, headers, document) not in _ACCEPTED:
                    self.refused += 1
                    await asyncio.sleep(_PAUSE_S)
        except TimeoutError:
            raise Stuck(f"{function} does not take {document.get('id', 'a webhook')}") from None

    async def _status(self, url: str, headers: Mapping[str, str], document: Any) -> int | None:
        try:
            return (await self._posts.post(url, headers, json.dumps(document).encode())).status
        except NoAnswer:
            return None
