"""Sending one event by hand, and what is worth saying about it before it goes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from shared.adapters.endpoints import Endpoint
from shared.adapters.http import HttpClient
from shared.commands.catalogue import Catalogue
from shared.commands.installed import Trigger
from shared.domain.calls import CallFailed
from shared.domain.errors import UpstreamRejected, UpstreamUnavailable
from shared.domain.events import Event, to_structured
from shared.runtime.cloudevents import STRUCTURED_TYPE

_TIMEOUT_S: Final = 70.0  # a function asked directly may wait for a fix to settle before it answers
# As Knative's senders: these may be taken later, others never.
_LATER: Final = frozenset({404, 408, 409, 429})


@dataclass(frozen=True, slots=True)
class Taken:
    """What the receiver answered; ``reply`` is the result that came back, None without one."""

    status: int
    reply: Any


async def post(event: Event, url: str, headers: Mapping[str, str]) -> Taken:
    """Send an event in structured mode.

    Raises:
        UpstreamUnavailable: it was not taken, and may be later.
        UpstreamRejected: it was refused, and always will be.
    """
    async with HttpClient() as http:
        endpoint = Endpoint(http=http, url=url, authorize=lambda: headers, timeout_s=_TIMEOUT_S)
        try:
            answer = await endpoint.send("POST", "", to_structured(event), {"content-type": STRUCTURED_TYPE})
        except CallFailed as error:
            raise UpstreamUnavailable(f"nobody took it ({error}); start the broker, or correct the address") from error
    if answer.status == HTTPStatus.UNAUTHORIZED:
        raise UpstreamRejected("it asks for a token; set AUTH_TOKEN or AUTH_TOKEN_FILE, and add --bearer")
    if answer.status in _LATER or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise UpstreamUnavailable(f"it was not taken now (status {answer.status}); send it again later")
    if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
        raise UpstreamRejected(f"it was refused (status {answer.status}); the receiver's log says why")
    reply = None
    with suppress(ValueError):
        reply = json.loads(answer.body)
    return Taken(answer.status, reply)


def takers(event: Event, triggers: Sequence[Trigger]) -> list[str]:
    """The triggers that take an event."""
    attributes = {name: value for name, value in to_structured(event).items() if name != "data"}
    return sorted(trigger.name for trigger in triggers if trigger.takes(attributes))


def doubts(event: Event, catalogue: Catalogue, triggers: Sequence[Trigger] | None) -> list[str]:
    """Sentences about an event that probably does not do what its sender hopes for."""
    said = []
    if event.type not in catalogue:
        meant = catalogue.resembling(event.type)
        guess = f"; did you mean {meant}?" if meant else ", so its data was not checked."
        said.append(f"No function here speaks {event.type}{guess}")
    if triggers is not None and not takers(event, triggers):
        said.append("No trigger takes it: a broker accepts it, and nothing happens.")
    return said
