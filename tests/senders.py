"""The ways in which callers send the same event; each gives the arguments of an httpx request."""

from __future__ import annotations

import json
from typing import Any

from shared.domain.events import Event, to_structured
from shared.runtime.cloudevents import binary_body, binary_headers

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
PROBLEM = "application/problem+json"


def structured(event: Event) -> dict[str, Any]:
    return {"content": json.dumps(to_structured(event)), "headers": {"content-type": STRUCTURED}}


def binary(event: Event) -> dict[str, Any]:
    return {"content": binary_body(event), "headers": binary_headers(event)}


def batch(*events: Event) -> dict[str, Any]:
    return {"content": json.dumps([to_structured(event) for event in events]), "headers": {"content-type": BATCH}}


def plain(event: Event) -> dict[str, Any]:
    headers = {"content-type": "application/json", "idempotency-key": event.id}
    return {"content": json.dumps(event.data), "headers": headers}


def tick(_event: Event | None = None) -> dict[str, Any]:
    """The empty POST of a cron connector."""
    return {"headers": {"x-topic": "cron-function"}}


def with_headers(request: dict[str, Any], **more: str) -> dict[str, Any]:
    return {**request, "headers": {**request["headers"], **{k.replace("_", "-"): v for k, v in more.items()}}}
