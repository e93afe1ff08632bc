"""The event catalogue for machines, made from the models: JSON Schemas, an xRegistry document, an AsyncAPI document.

The models are the truth, and everything else follows; ``shared.local.reference`` writes these files beside the page
for people, and a test fails when they differ from what the code says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from shared.domain.events import PING

if TYPE_CHECKING:
    from shared.commands.catalogue import EventType
    from shared.domain.contract import Contract

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
# Where the schemas are published; `dataschema` of an event would be one of these.
BASE: Final = "https://aftercare.dev/schemas"

_GROUP: Final = "dev.aftercare"
_VERSION: Final = "1.0.0"


def documents(catalogue: Mapping[str, EventType]) -> dict[str, str]:
    """Every file: its path below ``docs/`` to its text.

    Args:
        catalogue: all event types. The ping is Knative's, and not ours to describe.
    """
    ours = {event_type: page for event_type, page in catalogue.items() if event_type != PING}
    schemas = {f"schemas/{event_type}.json": schema(event_type, page.model) for event_type, page in ours.items()}
    rest = {"catalog.xreg.json": registry(ours), "asyncapi.json": asyncapi(ours)}
    return {path: f"{json.dumps(document, indent=2)}\n" for path, document in {**schemas, **rest}.items()}


def schema(event_type: str, model: type[Contract]) -> dict[str, Any]:
    """The JSON Schema of an event's data, as it is accepted."""
    described = model.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": DIALECT, "$id": f"{BASE}/{event_type}.json", **described}


def registry(catalogue: Mapping[str, EventType]) -> dict[str, Any]:
    """The catalogue as xRegistry (message and schema definitions, 1.0-rc) has it."""
    messages = {
        event_type: {
            "messageid": event_type,
            "name": event_type,
            "description": page.about,
            "envelope": "CloudEvents/1.0",
            "envelopemetadata": {
                "specversion": {"value": "1.0"},
                "type": {"value": event_type},
                "source": {"type": "urireference", "required": True},
                "id": {"type": "string", "required": True},
                "time": {"type": "timestamp"},
                "subject": {"type": "string", "description": "The incident."},
                "datacontenttype": {"value": "application/json"},
            },
            "dataschemaformat": "JSONSchema/draft-2020-12",
            "dataschemauri": f"{BASE}/{event_type}.json",
        }
        for event_type, page in catalogue.items()
    }
    group = {"messagegroupid": _GROUP, "envelope": "CloudEvents/1.0", "messages": messages}
    return {"specversion": "1.0-rc4", "registryid": "aftercare", "messagegroups": {_GROUP: group}}


def asyncapi(catalogue: Mapping[str, EventType]) -> dict[str, Any]:
    """The catalogue as AsyncAPI 3.0 has it: a channel for each type, an operation for each function and type."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Aftercare", "version": _VERSION, "license": {"name": "Apache-2.0"}},
        "defaultContentType": "application/cloudevents+json",
        "channels": {event_type: _channel(event_type) for event_type in catalogue},
        "operations": dict(_operations(catalogue)),
        "components": {"messages": {event_type: _message(page) for event_type, page in catalogue.items()}},
    }


def _channel(event_type: str) -> dict[str, Any]:
    return {
        "address": event_type,
        "messages": {"event": {"$ref": f"#/components/messages/{event_type}"}},
    }


def _operations(catalogue: Mapping[str, EventType]) -> Iterator[tuple[str, dict[str, Any]]]:
    for event_type, page in catalogue.items():
        for action, functions in (("send", page.emitted_by), ("receive", page.accepted_by)):
            for function in functions:
                channel = {"$ref": f"#/channels/{event_type}"}
                yield f"{function}.{action}.{event_type}", {"action": action, "channel": channel}


def _message(page: EventType) -> dict[str, Any]:
    envelope = {
        "type": "object",
        "required": ["specversion", "id", "source", "type", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "minLength": 1, "maxLength": 128},
            "source": {"type": "string", "format": "uri-reference", "minLength": 1},
            "type": {"const": page.name},
            "time": {"type": "string", "format": "date-time"},
            "subject": {"type": "string"},
            "datacontenttype": {"const": "application/json"},
            "data": {"$ref": f"schemas/{page.name}.json"},
        },
    }
    return {"name": page.name, "summary": page.about, "payload": envelope}
