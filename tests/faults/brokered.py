"""Rounds in which nobody is kinder than in production: a broker stands before km-write, Alertmanager before the bridge.

Whatever is sent goes to the broker; what alert-bridge announces goes there as well and comes back to km-write. The
audit is the same as everywhere, with the tries of the doubles in the place of the clients' and one more question:
is everything there that a producer handed to the broker?
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from shared.domain.events import Event
from shared.runtime.cloudevents import parse
from tests.faults.audit import Aftermath, Ban, Figures, audit, longest_silence
from tests.faults.collector import Collector
from tests.faults.doubles.broker import DEAD_LETTER, BrokerDouble, between
from tests.faults.doubles.tries import Try
from tests.faults.evidence import Evidence, Tables
from tests.faults.load import Delivery, Stuck
from tests.faults.rounds import Report, drain
from tests.faults.stage import Stage, Wiring
from tests.faults.traffic import BRIDGE, RECONCILER, WRITER, Knowledge, Post, episode_of

_PATIENCE_S: Final = 60.0


@dataclass(slots=True)
class BrokeredRound:
    """What a script works with.

    Attributes:
        number: of the round, from 0.
        random: decides when and how, from the seed.
        sent: ids of events that were handed to the broker.
        hopeless: those of them that no function can read.
        notified: tries of Alertmanagers.
        bans: answers that must not be given.
        problems: what the script itself found broken.
        notes: what is worth a figure in the report.
    """

    stage: Stage
    broker: BrokerDouble
    number: int
    random: Random
    source: str
    sent: set[str] = field(default_factory=set)
    hopeless: set[str] = field(default_factory=set)
    notified: list[Try] = field(default_factory=list)
    bans: list[Ban] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)

    def documents(self) -> Iterator[dict[str, Any]]:
        """Structured events for km-write, without end, some of them twice."""
        for post in Knowledge(Random(self.random.random()), self.source):
            told = json.loads(post.body)
            yield from told if isinstance(told, list) else [told]

    async def send(self, document: dict[str, Any]) -> None:
        """Hand an event to the broker."""
        await self.broker.send(document)
        self.sent.add(document["id"])

    def deliveries(self) -> list[Delivery]:
        """Every try of the doubles, as a client's; those of hopeless events are told apart by their sink alone."""
        places = {service.url: name for name, service in self.stage.services.items()}
        found = [_delivery(made, places) for made in [*self.broker.tries, *self.notified]]
        return [each for each in found if each.post.function != WRITER or not self.hopeless.issuperset(each.post.facts)]


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokeredCampaign:
    """See :class:`tests.faults.rounds.Campaign`.

    Attributes:
        time_scale: of the broker's pauses between tries, which are a second and more.
    """

    name: str
    does: str
    script: Callable[[BrokeredRound], Awaitable[None]]
    share: int
    whole: int
    time_scale: float
    shows: tuple[str, ...] = ("acknowledged", "refused")
    wiring: Wiring = field(default_factory=lambda: Wiring(proxied=True, brokered=True))

    async def play(self, stage: Stage, collector: Collector, *, seed: str, number: int) -> Report:
        """Play one round; the same seed and number decide the same things.

        Raises:
            Stuck: something did not recover, or could not be drained.
            ProcessFailed: a process did not come back.
        """
        collector.forget()
        async with Evidence(stage) as evidence:
            await evidence.empty()
        urls = {name: stage.services[name].url for name in (WRITER, RECONCILER)}
        deployed = between(stage.manifests, urls)
        async with BrokerDouble(
            deployed, urls, stage.logs, port=stage.broker_port, time_scale=self.time_scale
        ) as broker:
            random = Random(f"{seed} {self.name} {number}")
            round_ = BrokeredRound(stage, broker, number, random, f"/chaos/{self.name}/{number}")
            began = time.monotonic()
            try:
                await self.script(round_)
            finally:
                stage.heal()
            ended = time.monotonic()
            async with Evidence(stage) as evidence:
                await _settled(round_, evidence)
                figures = _figures(round_, await evidence.unlinked(), await evidence.tables())
        watched = [each for each in round_.deliveries() if each.post.function == WRITER]
        figures.unavailable_s = longest_silence(watched, began=began, ended=ended)
        round_.notes["redeliveries"] += len(watched) - len({each.post.facts for each in watched})
        return Report(figures, round_.notes)


async def _settled(round_: BrokeredRound, evidence: Evidence) -> None:
    """Until nothing is owed to anybody, neither by the broker nor by the functions.

    What a broker cannot read it sends again for minutes, and then for ever as a dead letter: that is not waited for.
    """
    if round_.broker.unreadable:
        return
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                await drain(round_.stage, evidence)
                await round_.broker.settled()
                if not await evidence.waiting():
                    return
    except TimeoutError:
        raise Stuck(f"after {_PATIENCE_S:.0f} s the broker is still not rid of {round_.broker.stats}") from None


def _figures(round_: BrokeredRound, unlinked: frozenset[str], tables: Tables) -> Figures:
    broker = round_.broker
    deliveries = round_.deliveries()
    figures = audit(
        Aftermath(
            events=dict(_events(broker.tries, dead=False)),
            given_up=dict(_events(broker.tries, dead=True)),
            deliveries=deliveries,
            bans=round_.bans,
            letters=Counter(),
            unlinked=unlinked,
            tables=tables,
            announced=broker.announced,
        )
    )
    nowhere = round_.sent - round_.hopeless - tables.written
    figures.blame("lost", nowhere, "events that the broker was given had no effect")
    figures.blame("lost", round_.hopeless - tables.quarantined, "unreadable events were not kept for a person")
    dropped = (f"number {number + 1}" for number in range(broker.stats["dropped"]))
    figures.blame("lost", dropped, "events were refused by their function and by its dead letter sink")
    unreadable = {str(made.answer and made.answer.body[:20]) for made in broker.unreadable}
    figures.blame("wrong", unreadable, "successes are no events, and count as 502")
    figures.blame("wrong", broker.fickle, "events were announced again with other content")
    figures.blame("wrong", round_.problems, "promises were not kept")
    return figures


def _events(tries: Iterable[Try], *, dead: bool) -> Iterator[tuple[str, Event]]:
    for made in tries:
        if made.url.endswith(DEAD_LETTER) is dead and "ce-id" in made.headers:
            (event,) = parse(dict(made.headers), made.body)
            yield event.id, event


def _delivery(made: Try, places: Mapping[str, str]) -> Delivery:
    """A try as a client's; ``places`` are functions by their addresses."""
    function = next(name for url, name in places.items() if made.url.startswith(f"{url}/"))
    facts = (
        [episode_of(each) for each in json.loads(made.body)["alerts"]]
        if function == BRIDGE
        else [made.headers["ce-id"]]
    )
    answer = made.answer
    is_json = answer is not None and "json" in answer.headers.get("content-type", "")
    return Delivery(
        Post(function=function, path="/", headers=made.headers, body=made.body, facts=tuple(facts), patient=True),
        began=made.began,
        ended=made.ended,
        status=None if answer is None else answer.status,
        reply=json.loads(answer.body) if answer is not None and is_json else None,
    )
