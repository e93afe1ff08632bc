"""The heart of the local broker: an event comes in, every trigger that matches owes a delivery, couriers carry them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from shared.domain.errors import ConfigurationError, Malformed
from shared.local.knative import delivery_rules
from shared.local.knative.couriers import Courier, Office
from shared.local.knative.deliveries import Entry, Route
from shared.local.knative.delivery_rules import TTL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from shared.local.knative.deliveries import Deliveries
    from shared.local.knative.envelopes import Envelope
    from shared.local.knative.manifests import Manifests, Trigger
    from shared.local.knative.posts import Posts

_LOG: Final = logging.getLogger(__name__)


class Exchange:
    """Triggers, couriers, and the one way in.

    Args:
        manifests: who wants what.
        urls: where each service listens.
        deliveries: the store; stays the caller's to close.
        posts: for the couriers; stays the caller's to close.
        time_scale: what pauses before retries are multiplied by; timeouts are not.

    Raises:
        ConfigurationError: a trigger delivers to a service without an address.
    """

    def __init__(
        self,
        manifests: Manifests,
        urls: Mapping[str, str],
        deliveries: Deliveries,
        posts: Posts,
        time_scale: float,
    ) -> None:
        self._triggers = {trigger.name: trigger for trigger in manifests.triggers}
        self._deliveries = deliveries
        office = Office(
            deliveries=deliveries,
            posts=posts,
            triggers=self._triggers,
            urls=urls,
            admit=self._admit,
            ring=self._ring,
            time_scale=time_scale,
        )
        concurrency = {service.name: service.concurrency for service in manifests.services}
        self._couriers = {service: Courier(service, concurrency[service], office) for service in recipients(manifests)}
        for service in self._couriers:
            if service not in urls:
                raise ConfigurationError(f"A trigger delivers to {service}: say where it listens, {service}=http://...")
        self._runs: list[asyncio.Task[None]] = []

    async def start(self) -> int:
        """Begin to deliver, with what an earlier run still owed; returns how many those are."""
        owed = await self._deliveries.adopt({name: _sinks(trigger) for name, trigger in self._triggers.items()})
        for service, courier in self._couriers.items():
            run = asyncio.create_task(courier.run(), name=f"courier-{service}")
            run.add_done_callback(_report)
            self._runs.append(run)
        return owed

    async def stop(self, patience_s: float) -> None:
        """Begin nothing more, and wait for what is under way; what takes longer stays owed."""
        for courier in self._couriers.values():
            courier.stop()
        _, late = await asyncio.wait(self._runs, timeout=patience_s) if self._runs else ((), ())
        for run in late:
            run.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    @property
    def is_running(self) -> bool:
        """Whether every courier is at work."""
        return not any(run.done() for run in self._runs)

    async def accept(self, envelope: Envelope) -> None:
        """Take an event in; when this returns it will be delivered to everyone who wants it.

        Raises:
            Malformed: its replies are used up.
            sqlite3.Error: it was not stored.
        """
        entry = self._admit(envelope)
        if entry is None:
            raise Malformed(f"{TTL} is used up: two functions answer each other's replies")
        await self._deliveries.accept(entry)
        self._ring(route.service for route in entry.routes)

    def _admit(self, envelope: Envelope) -> Entry | None:
        ttl = delivery_rules.next_ttl(envelope.attributes)
        if ttl == 0:
            return None
        routes = tuple(
            Route(trigger.name, trigger.subscriber.service)
            for trigger in self._triggers.values()
            if trigger.takes(envelope.attributes)
        )
        return Entry(envelope.extended({TTL: str(ttl)}), routes)

    def _ring(self, services: Iterable[str]) -> None:
        for service in services:
            self._couriers[service].wake()


def recipients(manifests: Manifests) -> tuple[str, ...]:
    """The services that something is delivered to, dead letters included."""
    return tuple(sorted({sink for trigger in manifests.triggers for sink in _sinks(trigger) if sink is not None}))


def _sinks(trigger: Trigger) -> tuple[str, str | None]:
    dead_letter = trigger.delivery.dead_letter
    return trigger.subscriber.service, None if dead_letter is None else dead_letter.service


def _report(run: asyncio.Task[None]) -> None:
    if not run.cancelled() and (error := run.exception()) is not None:
        _LOG.critical("%s ended: nothing more is delivered there until a restart", run.get_name(), exc_info=error)
