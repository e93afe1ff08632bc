"""Snapshots as JSON and back: what was seen before must be comparable with what is seen after, hours later.

What is stored is redacted, text by text: the names around them are ours. And it can be stored: a sensor may report
text that no database takes, and a verdict that cannot be committed would be tried for ever.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from functools import singledispatch
from typing import Any, Final

from pydantic import TypeAdapter

from functions.verify_execution.core.readings import (
    AlertState,
    Attempt,
    Container,
    HttpProbe,
    Metric,
    Neighbours,
    Reading,
    Sample,
    SensorFailure,
    SensorKind,
    Snapshot,
    Termination,
    Workload,
)
from shared.domain.calls import FailureKind
from shared.domain.redaction import redact_text

_READINGS: Final = (Workload, Container, HttpProbe, Metric, AlertState, Neighbours)
_KINDS: Final[dict[str, TypeAdapter[Any]]] = {kind.__name__: TypeAdapter(kind) for kind in _READINGS}
_FIELDS: Final = {kind: tuple(field.name for field in fields(kind)) for kind in (*_READINGS, Sample, Termination)}
_AS_THEY_ARE: Final = frozenset({int, bool, type(None)})
# PostgreSQL takes no NUL in text, and UTF-8 has no surrogates.
_NOT_TEXT: Final = re.compile("[\\x00\\ud800-\\udfff]")


def snapshot_document(taken_at: datetime, attempts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A snapshot, from the documents of its attempts."""
    return {"taken_at": taken_at.isoformat(), "attempts": list(attempts)}


def attempt_documents(snapshot: Snapshot) -> list[dict[str, Any]]:
    """The ledger of one look: every sensor, what it said or why it said nothing."""
    return [_document(attempt) for attempt in snapshot.attempts]


def snapshot_from(document: dict[str, Any]) -> Snapshot:
    """Read back what :func:`snapshot_document` made; what it does not know it leaves aside."""
    return Snapshot(
        taken_at=datetime.fromisoformat(document["taken_at"]),
        attempts=tuple(
            Attempt(
                sensor=given["sensor"],
                kind=None if given["kind"] is None else SensorKind(given["kind"]),
                about_target=given["about_target"],
                required=given["required"],
                duration_s=given["duration_s"],
                result=_read(given),
            )
            for given in document["attempts"]
        ),
    )


def _document(attempt: Attempt) -> dict[str, Any]:
    result = attempt.result
    about = {
        "sensor": storable(attempt.sensor),
        "kind": attempt.kind,
        "about_target": attempt.about_target,
        "required": attempt.required,
        "duration_s": attempt.duration_s,
    }
    if isinstance(result, SensorFailure):
        return {**about, "failure": result.kind}
    return {**about, "reading": {"type": type(result).__name__, **storable(result)}}


def _read(given: dict[str, Any]) -> Reading | SensorFailure:
    if "failure" in given:
        return SensorFailure(FailureKind(given["failure"]))
    seen = dict(given["reading"])
    reading: Reading = _KINDS[seen.pop("type")].validate_python(seen)
    return reading


@singledispatch
def storable(value: Any) -> Any:
    """A value as JSON that may be stored and that a database takes."""
    names = _FIELDS.get(type(value))
    if names is None:
        return value
    found = {name: getattr(value, name) for name in names}
    # Most fields are counts: looking here is half the cost of asking for them one by one.
    return {name: item if type(item) in _AS_THEY_ARE else storable(item) for name, item in found.items()}


@storable.register
def _(value: str) -> str:
    return redact_text(_NOT_TEXT.sub("\ufffd", value))


@storable.register
def _(value: float) -> float | str:
    """JSON has no NaN and no infinity, and both are findings: they become words, which are read as numbers again."""
    return value if math.isfinite(value) else str(value)


@storable.register
def _(value: datetime) -> str:
    return value.isoformat()


@storable.register
def _(value: Mapping) -> dict[str, Any]:  # type: ignore[type-arg] # a class of its own for the dispatch
    return {_NOT_TEXT.sub("\ufffd", name): storable(item) for name, item in value.items()}


@storable.register(list)
@storable.register(tuple)
def _(value: Sequence[Any]) -> list[Any]:
    return [storable(item) for item in value]
