"""alert-bridge: Alertmanager's webhook in, one CloudEvent per alert out.

All alerts of a post become durable in one transaction, or the answer is 503 and Alertmanager posts again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from functions.alert_bridge.core import Bridged, bridge
from functions.alert_bridge.model import Webhook
from shared.domain.contract import validated
from shared.domain.events import Event
from shared.domain.ports import Clock
from shared.runtime.answers import Answer, UseCase, one


class Announcements(Protocol):
    """Keeps events until they are sent, once each."""

    async def keep(self, bridged: Bridged) -> int:
        """Commit them all, or none; returns how many were new.

        Raises:
            DatabaseUnavailable: nothing is kept.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What alert-bridge needs."""

    announcements: Announcements
    clock: Clock


def create_handler(ports: Ports) -> UseCase:
    """The use case: keep what Alertmanager says, then send it on."""

    async def bridge_alerts(webhook: Event) -> Answer:
        bridged = bridge(validated(Webhook, webhook.data), ports.clock.now())
        new = await ports.announcements.keep(bridged)
        facts = {"alerts": len(bridged.events), "new": new, "quarantined": len(bridged.refused)}
        return Answer(outcome="accepted", deferred=True, facts=facts)

    return one(bridge_alerts)
