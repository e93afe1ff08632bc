"""Three ways in, one event out: a CloudEvent, plain JSON with an ``Idempotency-Key``, or a tick.

Plain JSON is the same as the CloudEvent of the function's own request type with the key as id. The empty POST of a
cron connector is the same as a ping source's event: for both the slot is the identity, so their ids do not matter.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, assert_never

from shared.domain.contract import Contract, Id, validated
from shared.domain.errors import Malformed, Unprocessable, UnsupportedMedia
from shared.domain.events import PING, Event
from shared.domain.strict_json import EVENT_DATA, loads
from shared.runtime.cloudevents import ContentMode, kind, parse

_PLAIN_SOURCE: Final = "/http"
_CRON_SOURCE: Final = "/cron-connector"


class Style(StrEnum):
    """How the caller asked, and so how it is answered."""

    CLOUDEVENT = "cloudevent"
    BATCH = "batch"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Inbound:
    """What a request brought: at least one event."""

    style: Style
    events: Sequence[Event]


Reader = Callable[[Mapping[str, str], bytes], Inbound]
"""From lower-case headers and the body to events; raises InvalidEvent."""


class _Key(Contract):
    key: Id


@dataclass(frozen=True, slots=True)
class EventReader:
    """A reader for CloudEvents and what stands for them.

    Attributes:
        accepts: the types that are read; None reads any.
        request_type: the type of plain JSON requests; None when the function takes none.
        batch: whether several events may come at once.
        ticks: whether an empty POST is a tick.
    """

    accepts: Collection[str] | None
    request_type: str | None = None
    batch: bool = False
    ticks: bool = False

    def __call__(self, headers: Mapping[str, str], body: bytes) -> Inbound:
        """Read a request; see :data:`Reader`."""
        inbound = self._read(headers, body)
        for event in inbound.events:
            if self.accepts is not None and event.type not in self.accepts:
                raise Unprocessable(f"this type is not accepted here; send one of {', '.join(sorted(self.accepts))}")
        return inbound

    def _read(self, headers: Mapping[str, str], body: bytes) -> Inbound:
        match kind(headers, body):
            case ContentMode.STRUCTURED | ContentMode.BINARY:
                return Inbound(Style.CLOUDEVENT, parse(headers, body))
            case ContentMode.BATCH:
                if not self.batch:
                    raise UnsupportedMedia("batches are not read here; send one event per request")
                return Inbound(Style.BATCH, parse(headers, body))
            case ContentMode.PLAIN_JSON:
                return Inbound(Style.PLAIN, [self._plain(headers, body)])
            case ContentMode.TICK:
                if not self.ticks:
                    raise Malformed("the body is empty; send an event")
                return Inbound(Style.CLOUDEVENT, [Event(id=str(uuid.uuid4()), source=_CRON_SOURCE, type=PING)])
            case _ as never:
                assert_never(never)

    def _plain(self, headers: Mapping[str, str], body: bytes) -> Event:
        if self.request_type is None:
            raise UnsupportedMedia("send a CloudEvent: application/cloudevents+json, or ce-* headers")
        key: Any = headers.get("idempotency-key")
        if key is None:
            raise Malformed("Idempotency-Key is missing; send one, so that a repeated request takes effect once")
        id_ = validated(_Key, {"key": key}).key
        return Event(id=id_, source=_PLAIN_SOURCE, type=self.request_type, data=loads(body, EVENT_DATA))


def document(event_type: str) -> Reader:
    """A reader for a foreign webhook: its JSON body becomes the data of one event of ``event_type``."""

    def read(headers: Mapping[str, str], body: bytes) -> Inbound:
        if kind(headers, body) is not ContentMode.PLAIN_JSON:
            raise UnsupportedMedia("send application/json")
        return Inbound(
            Style.PLAIN,
            [Event(id=str(uuid.uuid4()), source=_PLAIN_SOURCE, type=event_type, data=loads(body, EVENT_DATA))],
        )

    return read


def style_of(headers: Mapping[str, str]) -> Style:
    """How to answer a request that could not be read: problem JSON only to those who did not send a CloudEvent."""
    media_type = headers.get("content-type", "").lower()
    is_event = media_type.startswith("application/cloudevents") or any(name.startswith("ce-") for name in headers)
    return Style.CLOUDEVENT if is_event else Style.PLAIN
