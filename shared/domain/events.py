"""A CloudEvent, as this software sees it: attributes and JSON data, nothing of HTTP.

Ids are derived, never random: an event that follows from another carries ``uuid5(cause, step)``, so a retry repeats
the id and every consumer recognises it (CloudEvents primer: source + id identify duplicates).
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

TYPE_PREFIX: Final = "dev.aftercare."
PING: Final = "dev.knative.sources.ping"

_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_DNS, "aftercare.dev")
# What a broker or a tracer adds on the way. Not part of what the producer said, so not part of the digest:
# a redelivery through a dead letter sink must not look like a forgery.
_TRANSPORT_EXTENSIONS: Final = ("knative", "trace", "redrivecount")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One CloudEvent 1.0 with JSON data.

    Attributes:
        id: 1-128 printable ASCII characters; unique within ``source``.
        source: who says so; a stable URI-reference per producer.
        type: ``dev.aftercare.<noun>.<past-participle>.v<major>`` or a foreign type.
        time: when it happened, aware; None when the producer did not say.
        subject: the incident, fingerprint or resource it is about.
        data: the JSON value; None when the event has no data.
        extensions: lower-case alphanumeric names; values are strings.
    """

    id: str
    source: str
    type: str
    time: datetime | None = None
    subject: str | None = None
    data: Any = None
    extensions: dict[str, str] = field(default_factory=dict)

    def digest(self) -> str:
        """SHA-256 (hex) of what the producer said: core attributes and data, without transport extensions."""
        said = {
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "time": None if self.time is None else self.time.astimezone(UTC).isoformat(),
            "subject": self.subject,
            "data": self.data,
            "extensions": {k: v for k, v in self.extensions.items() if not k.startswith(_TRANSPORT_EXTENSIONS)},
        }
        return hashlib.sha256(canonical_json(said)).hexdigest()

    def follow(self, step: str, *, type: str, source: str, time: datetime, data: Any) -> Event:  # noqa: A002
        """The event that ``step`` makes of this one; the same cause and step give the same id."""
        carried = {k: v for k, v in self.extensions.items() if k in ("traceparent", "tracestate", "correlationid")}
        if self.subject is not None:
            carried.setdefault("correlationid", self.subject)
        return Event(
            id=derived_id(self.source, self.id, step),
            source=source,
            type=type,
            time=time,
            subject=self.subject,
            data=data,
            extensions={**carried, "causationid": self.id},
        )


def derived_id(*parts: str) -> str:
    """A UUID (version 5) of the parts; the same parts give the same id on every machine."""
    return str(uuid.uuid5(_NAMESPACE, "\x1f".join(parts)))


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys and no spaces, UTF-8: equal values have equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def to_structured(event: Event) -> dict[str, Any]:
    """The event in CloudEvents' JSON format (``application/cloudevents+json``)."""
    document: dict[str, Any] = {"specversion": "1.0", "id": event.id, "source": event.source, "type": event.type}
    if event.time is not None:
        document["time"] = event.time.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if event.subject is not None:
        document["subject"] = event.subject
    document.update(event.extensions)
    if event.data is not None:
        document["datacontenttype"] = "application/json"
        document["data"] = event.data
    return document


def from_structured(document: Mapping[str, Any]) -> Event:
    """Read back what :func:`to_structured` wrote. For our own documents: it trusts them.

    Raises:
        KeyError, ValueError: the document is not one of ours.
    """
    known = ("specversion", "id", "source", "type", "time", "subject", "datacontenttype", "data")
    return Event(
        id=document["id"],
        source=document["source"],
        type=document["type"],
        time=None if document.get("time") is None else datetime.fromisoformat(document["time"]),
        subject=document.get("subject"),
        data=document.get("data"),
        extensions={name: value for name, value in document.items() if name not in known},
    )
