"""What is written: an approval of about 2.3 KB for an incident of its own.

Everybody who is measured writes the same text, so that nobody gains by compression. ``run`` is in every id and keeps
the events of one measurement apart from all others.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from shared.domain.events import Event, from_structured
from shared.domain.knowledge import KNOWLEDGE_WRITE_REQUESTED, Write
from shared.domain.writes import write_of

TITLE = "Approved: kubectl rollout restart deployment/checkout -n production"
CONTENT = "\n".join(
    f"- {minute:02d}:{minute * 37 % 60:02d} checkout-{minute * 7919 % 65_536:04x} restarted after exit code 137,"
    f" {minute * 104_729 % 1_000} of {minute * 15_485_863 % 9_973} requests failed"
    for minute in range(21)
)
APPROVED_AT = datetime(2026, 1, 31, 12, tzinfo=UTC)


def document(run: str, number: int) -> dict[str, Any]:
    """A structured CloudEvent."""
    incident = f"INC-{run}-{number:08d}"
    return {
        "specversion": "1.0",
        "id": f"evt-{run}-{number:08d}",
        "source": "/benchmarks",
        "type": KNOWLEDGE_WRITE_REQUESTED,
        "time": APPROVED_AT.isoformat(),
        "subject": incident,
        "datacontenttype": "application/json",
        "traceparent": f"00-4bf92f3577b34da6a3ce929d0e0e{number % 65_536:04x}-00f067aa0ba902b7-01",
        "data": {
            "path_type": "approval_manual",
            "incident_id": incident,
            "approval_id": f"apr-{run}-{number:08d}",
            "metadata": {"proposal_id": f"p-{number:08d}", "cluster": "eu-1"},
            "entry": {
                "title": TITLE,
                "content": CONTENT,
                "entry_type": "note",
                "category": "kubernetes",
                "tags": ["approval", "checkout"],
                "severity": "critical",
                "confidence": 0.8,
            },
        },
    }


def event(run: str, number: int) -> Event:
    """The same as :func:`document`, read."""
    return from_structured(document(run, number))


def writes(run: str, count: int) -> list[Write]:
    """What the events say."""
    return [write_of(event(run, number)) for number in range(count)]


def post(run: str, number: int) -> bytes:
    """An HTTP request with one event."""
    return _post("/", "application/cloudevents+json", document(run, number))


def post_batch(run: str, number: int, *, size: int) -> bytes:
    """An HTTP request with ``size`` events; consecutive numbers bring different ones."""
    events = [document(run, number * size + position) for position in range(size)]
    return _post("/", "application/cloudevents-batch+json", events)


def _post(path: str, media_type: str, value: Any) -> bytes:
    body = json.dumps(value, separators=(",", ":")).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: f\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
