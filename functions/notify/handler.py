"""notify: what people must see reaches them.

An event becomes a card, and the card one row per destination, in the transaction that remembers the event. The answer
is given then; sending happens right after it, and a tick sends what is still due. No channel can hold anything up.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from functions.notify.core.attempts import Letter, Settlement
from functions.notify.core.cards import Card
from functions.notify.core.describing import card_of
from functions.notify.core.destinations import Destination
from shared.domain.events import PING, Event
from shared.runtime.answers import Answer, UseCase, one

_UNHEARD: Final = "no channel is configured; set TELEGRAM_BOT_TOKEN and SRE_GROUP_CHAT_ID, or NOTIFY_DESTINATIONS"


@dataclass(frozen=True, slots=True)
class Planned:
    """A card is kept: for these destinations; at the others it was told a while ago already."""

    names: Sequence[str]


class Deliveries(Protocol):
    """Cards on their way; every call may raise DatabaseUnavailable."""

    async def plan(self, event: Event, card: Card, names: Sequence[str]) -> Planned:
        """Commit the event and a letter for each destination; a repeated event gets the first answer.

        Raises:
            Unprocessable: the event's id was used before with other content.
        """

    async def claim(self, name: str) -> Sequence[Letter]:
        """Take the letters to a destination that are due, or whose owner fell silent."""

    async def settle(self, settlements: Mapping[str, tuple[Letter, Settlement]]) -> None:
        """Write down what became of letters, by key; one that has a newer owner stays as it is."""

    async def give_up(self, *, after_s: float) -> int:
        """Mark letters failed that were planned longer ago; how many there were."""

    async def waiting(self) -> int:
        """How many letters are still to be delivered."""


class Courier(Protocol):
    """Delivers to one destination."""

    destination: Destination

    def nudge(self) -> None:
        """Deliver soon, in the background."""

    async def sweep(self, *, budget_s: float) -> Mapping[str, int]:
        """Deliver what is due, for at most about that long; counts of what became of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What notify needs.

    Attributes:
        give_up_s: seconds after which a letter that cannot be delivered has failed.
        sweep_s: seconds that a tick delivers for.
    """

    deliveries: Deliveries
    couriers: Sequence[Courier]
    give_up_s: float = 86_400.0
    sweep_s: float = 10.0


def create_handler(ports: Ports) -> UseCase:
    """The use case: tell people of an event, or deliver what is due."""

    async def handle(event: Event) -> Answer:
        return await (_deliver(ports) if event.type == PING else _tell(event, ports))

    return one(handle)


async def _tell(event: Event, ports: Ports) -> Answer:
    card = card_of(event)
    if card is None:
        return Answer(outcome="nothing_new", facts={"why": "people were told of this before"})
    said = {"card": card.kind.value, "severity": card.level.value, "about": card.about}
    if not ports.couriers:
        return Answer(outcome="no_channel", facts={**said, "why": _UNHEARD})
    listening = [courier for courier in ports.couriers if card.level.reaches(courier.destination.floor)]
    if not listening:
        return Answer(outcome="below_floor", facts={**said, "why": "no destination wants to hear of this level"})
    planned = await ports.deliveries.plan(event, card, [courier.destination.name for courier in listening])
    for courier in listening:
        courier.nudge()
    outcome = "planned" if planned.names else "repeated"
    return Answer(outcome=outcome, deferred=True, facts={**said, "destinations": list(planned.names)})


async def _deliver(ports: Ports) -> Answer:
    """All destinations at once, each for itself; a failure of the database is told after all had their turn."""
    sweeps = (courier.sweep(budget_s=ports.sweep_s) for courier in ports.couriers)
    results = await asyncio.gather(*sweeps, return_exceptions=True)
    counts: Counter[str] = Counter()
    for result in results:
        if isinstance(result, BaseException):
            raise result
        counts.update(result)
    facts: dict[str, Any] = dict(counts)
    facts["given_up"] = await ports.deliveries.give_up(after_s=ports.give_up_s)
    facts["waiting"] = await ports.deliveries.waiting()
    return Answer(outcome="ticked", facts=facts)
