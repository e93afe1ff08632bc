"""CloudEvents that are none: attributes that are missing or wrong, in every mode, and events of other types."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final
from urllib.parse import quote

from shared.domain.events import Event, to_structured
from tests.fuzz.doors import FUNCTIONS, Door, enveloped
from tests.fuzz.requests import BATCH, CANARY, CONTRACT, EVENT, JSON, LARGE, MALFORMED, MEDIA, Request, http

Kind = Callable[[Random, Door], Request]

_NO_TEXT: Final = ("", 7, True, 1.5, [CANARY], {CANARY: CANARY})
_UNPRINTABLE: Final = (
    f"{CANARY}\u00e9",
    f"{CANARY}\r\nx: y",
    f"{CANARY}\x1b[31m",
    f" {CANARY}",
    f"{CANARY} ",
    "\u202e",
)
_TIMES: Final = (
    *("now", "", "2026-01-31", "2026-01-31T12:00:00", "2026-02-30T12:00:00Z", "2026-01-31T12:00:00+25:00", 1769860800),
    *("1969-12-31T23:59:59Z", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "2026-01-31T12:00:60Z", CANARY),
)
_ATTRIBUTES: Final[Mapping[str, tuple[Any, ...]]] = {
    "specversion": ("0.3", "1.1", "2.0", CANARY, 1, 1.0, *_NO_TEXT),
    "id": (*_NO_TEXT, *_UNPRINTABLE, CANARY * 20),
    "source": (*_NO_TEXT, *_UNPRINTABLE, f"/{CANARY}" * 40, f"/{CANARY}%zz", f"/{CANARY} x", f"<{CANARY}>"),
    "type": (*_NO_TEXT, *_UNPRINTABLE, CANARY * 40),
    "subject": (*_NO_TEXT, *_UNPRINTABLE, CANARY * 40),
    "time": _TIMES,
    "dataschema": _NO_TEXT[1:],
    "Bad_Name": (CANARY,),
    "": (CANARY,),
    f"{CANARY.lower().replace('-', '')}" * 5: ("a name that is too long",),
    "tier": (1.5, [CANARY], {CANARY: CANARY}, *_UNPRINTABLE[:3], CANARY * 250),
    "data_base64": ("e30=", CANARY, 7),
}


def typed(chance: Random, door: Door, kind: str, data: Any, *expected: int) -> Request:
    """Data of a type in one of the modes that the door reads."""
    note: dict[str, str | None] = {"ce-note": CANARY, "content-type": JSON}
    body, name = json.dumps(data).encode(), f"{chance.getrandbits(64):x}"
    mode = chance.randrange(5)
    if mode == 0:
        named = {"ce-id": name, "ce-source": "/fuzz", "ce-type": kind, "ce-specversion": "1.0"}
        return http(body, *expected, path=door.path, headers={**named, **note})
    if mode == 1 and door.plain == kind:
        return http(body, *expected, path=door.path, headers={"content-type": JSON, "idempotency-key": name})
    event = enveloped(chance, Event(id=name, source="/fuzz", type=kind), data=data)
    batch = mode == 2 and door.batch
    content = json.dumps([door.document(chance), event] if batch else event).encode()
    return http(content, *expected, path=door.path, headers={"content-type": BATCH if batch else EVENT})


def _structured(change: Callable[[Random, dict[str, Any]], Any], *expected: int) -> Kind:
    def make(chance: Random, door: Door) -> Request:
        body = json.dumps(change(chance, door.document(chance))).encode()
        chunk = chance.choice((0, 0, 0, 1, 100))
        return http(body, *expected, path=door.path, headers={"content-type": EVENT}, chunk=chunk)

    return make


def _attribute(name: str, values: tuple[Any, ...]) -> Kind:
    return _structured(lambda chance, document: document | {name: chance.choice(values)}, MALFORMED)


def _without(name: str) -> Kind:
    return _structured(lambda _, document: {key: document[key] for key in document if key != name}, MALFORMED)


def _encoded(text: str) -> Kind:
    """Data in Base64 that is not JSON, or not Base64."""

    def change(_: Random, document: dict[str, Any]) -> dict[str, Any]:
        return {key: document[key] for key in document if key != "data"} | {"data_base64": text}

    return _structured(change, MALFORMED)


def _binary(*expected: int, **changes: str | None) -> Kind:
    """Attributes as headers, percent-encoded as senders do it; ``content_type`` as it stands, None takes one away."""

    def make(chance: Random, door: Door) -> Request:
        event = chance.choice(door.samples)
        attributes: dict[str, Any] = {**to_structured(event), "note": CANARY}
        attributes.pop("datacontenttype", None)
        body = json.dumps(attributes.pop("data", {})).encode()
        given = {f"ce-{name}": quote(value, safe="/:+") for name, value in attributes.items()}
        headers = {name.replace("_", "-"): value for name, value in changes.items()}
        return http(body, *expected, path=door.path, headers={"content-type": JSON, **given, **headers})

    return make


def _of_another_type(chance: Random, door: Door) -> Request:
    strangers = [
        event
        for function in FUNCTIONS.values()
        for other in function.doors
        for event in other.samples
        if event.type not in {sample.type for sample in door.samples}
    ]
    stranger = chance.choice(strangers)
    kind = chance.choice([stranger.type, stranger.type, f"com.{CANARY}", stranger.type + ".v2", stranger.type.upper()])
    return typed(chance, Door(samples=door.samples, path=door.path), kind, stranger.data, CONTRACT)


def _key(*keys: str) -> Kind:
    def make(chance: Random, door: Door) -> Request:
        (data, *_) = [event.data for event in door.samples if event.type == door.plain]
        headers: dict[str, str | None] = {
            "content-type": JSON,
            "idempotency-key": chance.choice(keys) if keys else None,
        }
        return http(json.dumps(data).encode(), CONTRACT if keys else MALFORMED, path=door.path, headers=headers)

    return make


def _plain_where_none_is_read(chance: Random, door: Door) -> Request:
    data = json.dumps(chance.choice(door.samples).data).encode()
    return http(data, MEDIA, path=door.path, headers={"content-type": JSON, "idempotency-key": "key-1"})


def _batch(make: Callable[[Random, Door], Any], *expected: int) -> Kind:
    def kind(chance: Random, door: Door) -> Request:
        body = json.dumps(make(chance, door)).encode()
        return http(body, *expected, path=door.path, headers={"content-type": BATCH})

    return kind


_ENVELOPES: Final[dict[str, Kind]] = {
    **{f"no {name}": _without(name) for name in ("specversion", "id", "source", "type")},
    **{f"attribute {name[:16] or 'without a name'}": _attribute(name, values) for name, values in _ATTRIBUTES.items()},
    "many extensions": _structured(lambda _, d: d | {f"x{n}": CANARY for n in range(65)}, MALFORMED),
    "data of another type": _structured(lambda c, d: d | {"datacontenttype": c.choice(("text/plain", "x"))}, MEDIA),
    "type of data is no text": _structured(lambda c, d: d | {"datacontenttype": c.choice((7, [CANARY]))}, MALFORMED),
    "not Base64": _encoded(CANARY),
    "Base64 of no JSON": _encoded(base64.b64encode(CANARY.encode()).decode()),
    **{f"binary without {name}": _binary(MALFORMED, **{f"ce_{name}": None}) for name in ("id", "type", "source")},
    **{f"binary with an empty {name}": _binary(MALFORMED, **{f"ce_{name}": ""}) for name in ("id", "type", "source")},
    **{
        f"binary with a line break in {name}": _binary(MALFORMED, **{f"ce_{name}": f"a%0d%0aset-cookie:%20{CANARY}"})
        for name in ("id", "type", "source", "subject", "tier")
    },
    "binary with no UTF-8": _binary(MALFORMED, ce_id="%ff%fe"),
    "binary with Latin-1": _binary(MALFORMED, ce_subject="\u00e9\u00ff"),
    "binary with a long id": _binary(MALFORMED, ce_id="a" * 129),
    "binary of another version": _binary(MALFORMED, ce_specversion="0.3"),
    "binary with a bad time": _binary(MALFORMED, ce_time="yesterday"),
    "binary with a bad name": _binary(MALFORMED, ce_bad_name=CANARY),
    "binary with data in a header": _binary(MALFORMED, ce_data=CANARY),
    "binary with text": _binary(MEDIA, content_type="text/plain"),
}
_PLAIN: Final[dict[str, Kind]] = {
    "no key": _key(),
    "bad key": _key("", CANARY * 20, "a" * 129, f"{CANARY}\u00e9", "a\tb"),
}
_BATCHES: Final[dict[str, Kind]] = {
    "empty batch": _batch(lambda _, __: [], MALFORMED),
    "batch that is an object": _batch(lambda c, door: door.document(c), MALFORMED),
    "long batch": _batch(lambda _, __: [{}] * 501, LARGE),
    "bad event in a batch": _batch(lambda c, door: [door.document(c), door.document(c) | {"id": ""}], MALFORMED),
    "no event in a batch": _batch(lambda c, door: [door.document(c), c.choice([7, None, CANARY, []])], MALFORMED),
}


def envelopes(door: Door) -> dict[str, Kind]:
    """What can be wrong with an event at this door, by name."""
    plain = _PLAIN if door.plain else {"plain where none is read": _plain_where_none_is_read}
    batches = _BATCHES if door.batch else {"batch where none is read": _batch(lambda c, d: [d.document(c)], MEDIA)}
    others = {} if door.takes_any else {"of another type": _of_another_type}
    return {**_ENVELOPES, **plain, **batches, **others}
