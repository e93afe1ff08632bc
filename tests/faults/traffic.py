"""What clients say during a round: endless, seeded streams of posts, one for each function.

Each incident is a small story told in random order, an approval before or after the resolution, with times that say
nothing about the order of arrival. Posts are repeated on purpose, alone and in batches, as brokers and highly
available pairs repeat them.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any, ClassVar, Final

from shared.domain.alerts import ALERT_RESOLVED
from shared.domain.events import Event, to_structured
from shared.domain.executions import EXECUTION_VERIFIED
from shared.domain.knowledge import KNOWLEDGE_WRITE_REQUESTED
from shared.domain.remediations import REMEDIATION_APPROVED
from tests.faults import stories

WRITER: Final = "km-write"
BRIDGE: Final = "alert-bridge"
RECONCILER: Final = "backfill-reconcile"
UNREADABLE: Final = "422"
"""The answer that makes a dead letter hopeless."""

_EVENT: Final = "application/cloudevents+json"
_BATCH: Final = "application/cloudevents-batch+json"
_REPEATED: Final = 0.2
_BATCHED: Final = 0.15
_LARGEST_BATCH: Final = 6
_IMPATIENT: Final = 0.25
_INCIDENTS: Final = 4  # told at the same time
_EPISODES: Final = 8
_LARGEST_GROUP: Final = 4
_LETTERS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A request.

    Attributes:
        function: who gets it.
        facts: what must come out when it was acknowledged: ids of events, or episodes of alerts.
        patient: whether its client sends it again until it is acknowledged, as brokers do.
    """

    function: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    facts: tuple[str, ...]
    patient: bool


class Talk(ABC):
    """What is sent to one function.

    Args:
        random: everything follows from it, whatever the other clients do meanwhile.
        source: says so in every event.
    """

    function: ClassVar[str]
    path: ClassVar[str] = "/"

    def __init__(self, random: Random, source: str) -> None:
        self.events: Final[dict[str, Event]] = {}
        self._random = random
        self._source = source

    def __iter__(self) -> Iterator[Post]:
        """Posts, without end."""
        while True:
            posts = list(self._posts())
            posts += [post for post in posts if self._random.random() < _REPEATED]
            self._random.shuffle(posts)
            yield from posts

    @abstractmethod
    def _posts(self) -> Iterator[Post]:
        """Some posts; they are repeated and shuffled."""

    def _post(self, media_type: str, document: Any, facts: list[str]) -> Post:
        return Post(
            function=self.function,
            path=self.path,
            headers={"content-type": media_type},
            body=json.dumps(document).encode(),
            facts=tuple(facts),
            patient=self._random.random() >= _IMPATIENT,
        )

    def _event(self, event_type: str, subject: str | None, data: dict[str, Any], **extensions: str) -> Event:
        # A coarse clock, so that some events of an incident share their time and only their ids tell them apart.
        event = Event(
            id=stories.token(self._random, "ev"),
            source=self._source,
            type=event_type,
            time=stories.DAY + timedelta(seconds=10 * self._random.randrange(60)),
            subject=subject,
            data=data,
            extensions=extensions,
        )
        self.events[event.id] = event
        return event


class Knowledge(Talk):
    """Events for km-write, single and in batches."""

    function = WRITER

    def _posts(self) -> Iterator[Post]:
        events = [event for _ in range(_INCIDENTS) for event in self._story()]
        self._random.shuffle(events)
        while events:
            size = self._random.randint(2, _LARGEST_BATCH) if self._random.random() < _BATCHED else 1
            group, events = events[:size], events[size:]
            documents = [to_structured(event) for event in group]
            facts = [event.id for event in group]
            yield self._post(_EVENT, documents[0], facts) if size == 1 else self._post(_BATCH, documents, facts)

    def _story(self) -> Iterator[Event]:
        """An incident's events, and perhaps one that belongs to no incident."""
        random, incident = self._random, stories.token(self._random, "INC")
        yield self._event(REMEDIATION_APPROVED, incident, stories.approved(random, incident))
        verified = self._event(EXECUTION_VERIFIED, incident, stories.verified(incident, "success", None))
        yield verified
        for _ in range(random.randint(1, 2)):
            yield self._event(ALERT_RESOLVED, incident, stories.resolved(random, incident))
        if random.random() < 0.5:
            yield self._event(EXECUTION_VERIFIED, incident, stories.verified(incident, "failed", verified.id))
        if random.random() < 0.5:
            yield self._event(KNOWLEDGE_WRITE_REQUESTED, incident, stories.requested_approval(random, incident))
        if random.random() < 0.3:
            yield self._event(KNOWLEDGE_WRITE_REQUESTED, None, stories.requested_playbook(random))


class Webhooks(Talk):
    """Webhooks for alert-bridge that share their alerts, with other words each time."""

    function = BRIDGE
    path = "/alertmanager"

    def _posts(self) -> Iterator[Post]:
        episodes = [stories.episode(self._random) for _ in range(_EPISODES)]
        for _ in range(_EPISODES // 2):
            told = self._random.sample(episodes, self._random.randint(1, _LARGEST_GROUP))
            alerts = [{**alert, "annotations": {"summary": stories.words(self._random, 3)}} for alert in told]
            document = {"version": "4", "groupKey": "{}:{alertname}", "truncatedAlerts": 0, "alerts": alerts}
            yield self._post("application/json", document, [episode_of(alert) for alert in alerts])


class DeadLetters(Talk):
    """Events a broker gave up on: some for another try, some for a person."""

    function = RECONCILER
    path = "/dead-letter"

    def _posts(self) -> Iterator[Post]:
        for _ in range(_LETTERS):
            code = self._random.choice(["503", UNREADABLE])
            said = {"knativeerrordest": "http://some.where", "knativeerrorcode": code}
            event = self._event(
                "com.example.thing.happened.v1", None, {"words": stories.words(self._random, 9)}, **said
            )
            yield self._post(_EVENT, to_structured(event), [event.id])


TALKS: Final = (Knowledge, Webhooks, DeadLetters)


def episode_of(alert: Mapping[str, Any]) -> str:
    """What makes it the same news, whoever sends it: who fires, and whether it is over."""
    return f"{alert['fingerprint']}/{alert['status']}"
