"""Requests that can never work, made from good ones by one change each.

Every change is a row of a table: its name, how it spoils a good request, and the statuses that are right for it. Each
request carries a canary in what it says, so that a test can look for it in answers and logs.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from shared.domain.events import to_structured
from shared.testing.events import webhook, write_requested

CANARY: Final = "CANARY-hunter2-7f3a"
TOKEN: Final = "right-token-for-tests"  # noqa: S105 - a token of tests

_MALFORMED, _UNAUTHORIZED, _LARGE, _MEDIA, _CONTRACT = 400, 401, 413, 415, 422
_EVENT: Final = "application/cloudevents+json"
_BATCH: Final = "application/cloudevents-batch+json"
_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRequest:
    """A request and the statuses that are right for it."""

    name: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    expected: tuple[int, ...]


Spoil = Callable[[random.Random], BadRequest]


def bad_requests(seed: int, count: int) -> Iterator[BadRequest]:
    """``count`` bad requests; every kind comes before any comes twice."""
    chance = random.Random(seed)  # noqa: S311 - a seed that can be given again
    kinds = list(_KINDS.items())
    for number in range(count):
        name, spoil = kinds[number % len(kinds)]
        yield replace(spoil(chance), name=name)


def _request(
    body: bytes, *expected: int, path: str = "/", method: str = "POST", media: str = _EVENT, **headers: str
) -> BadRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    given = {"authorization": f"Bearer {TOKEN}", "content-type": media, **named}
    return BadRequest(name="", method=method, path=path, headers=given, body=body, expected=expected)


def _event(**changes: Any) -> dict[str, Any]:
    return {**to_structured(write_requested(text=CANARY)), **changes}


def _bytes(value: Any) -> bytes:
    return json.dumps(value).encode()


def _data(**changes: Any) -> dict[str, Any]:
    """The good event with its data changed; None takes a field away."""
    data = {**_event()["data"], **changes}
    return _event(data={name: value for name, value in data.items() if value is not None})


def _entry(**changes: Any) -> dict[str, Any]:
    entry = {**_event()["data"]["entry"], **changes}
    return _data(entry={name: value for name, value in entry.items() if value is not None})


def _attribute(name: str, values: tuple[Any, ...], *expected: int) -> Spoil:
    return lambda chance: _request(_bytes(_event(**{name: chance.choice(values)})), *expected)


def _without(name: str) -> Spoil:
    return lambda _: _request(_bytes({key: value for key, value in _event().items() if key != name}), _MALFORMED)


def _raw(text: Callable[[random.Random], bytes], *expected: int) -> Spoil:
    return lambda chance: _request(text(chance), *expected)


def _broken(make: Callable[[random.Random], dict[str, Any]]) -> Spoil:
    """A well-formed event whose data breaks the contract."""
    return lambda chance: _request(_bytes(make(chance)), _CONTRACT)


def _wrong(*values: Any) -> Callable[[random.Random], Any]:
    return lambda chance: chance.choice(values)


_NOT_TEXT: Final = _wrong(7, True, [CANARY], {"a": CANARY}, 1.5)
_LONG: Final = CANARY * 10_000


def _no_field(name: str) -> Spoil:
    return _broken(lambda _: _entry(**{name: None}))


def _field_is_no_text(name: str) -> Spoil:
    return _broken(lambda chance: _entry(**{name: _NOT_TEXT(chance)}))


def _binary(*expected: int, **headers: str) -> Spoil:
    event = {"ce_id": "1", "ce_source": "/bad", "ce_type": _event()["type"], "ce_specversion": "1.0"}
    given = {name: value for name, value in {**event, **headers}.items() if value}
    return lambda _: _request(_bytes(_event()["data"]), *expected, media=_JSON, **given)


def _bridge(body: Callable[[random.Random], Any], *expected: int) -> Spoil:
    def spoil(chance: random.Random) -> BadRequest:
        value = body(chance)
        raw = value if isinstance(value, bytes) else _bytes(value)
        return _request(raw, *expected, path="/alertmanager", media=_JSON)

    return spoil


_KINDS: Final[dict[str, Spoil]] = {
    # not JSON, or JSON that two readers would understand differently
    "truncated": _raw(lambda c: _bytes(_event())[: c.randrange(1, 300)], _MALFORMED),
    "trailing": _raw(lambda _: _bytes(_event()) + CANARY.encode(), _MALFORMED),
    "not UTF-8": _raw(lambda c: _bytes(_event())[:-2] + bytes([c.randrange(128, 192)]) + b'"}', _MALFORMED),
    "bytes": _raw(lambda c: c.randbytes(c.randrange(1, 200)) + CANARY.encode(), _MALFORMED),
    "duplicate key": _raw(lambda _: _bytes(_event())[:-1] + b',"id":"x"}', _MALFORMED),
    "NaN": _raw(lambda _: _bytes(_entry(confidence=float("nan"))), _MALFORMED),
    "infinity": _raw(lambda _: _bytes(_entry(confidence=float("inf"))), _MALFORMED),
    "overflowing float": _raw(
        lambda _: _bytes(_entry(confidence=0)).replace(b'"confidence": 0', b'"confidence": 1e999'), 400
    ),
    "NUL": _raw(lambda _: _bytes(_entry(title=CANARY + "\0")), _MALFORMED),
    "NUL in a key": _raw(lambda _: _bytes(_data(metadata={CANARY + "\0": 1})), _MALFORMED),
    "lone surrogate": _raw(lambda _: _bytes(_entry(title=CANARY + "\ud800")), _MALFORMED),
    "long integer": _raw(lambda c: _bytes(_data(metadata={"n": 10 ** c.randrange(19, 390)})), _MALFORMED),
    "very long integer": _raw(lambda _: b'{"id":' + b"9" * 5000 + b"}", _MALFORMED),
    "deep": _raw(lambda c: b'{"data":' + b"[" * (n := c.randrange(40, 400)) + b"]" * n + b"}", 400, _CONTRACT),
    "very deep": _raw(lambda _: b"[" * 100_000, _MALFORMED, _CONTRACT),
    "many values": _raw(lambda _: _bytes(_data(metadata={"n": [0] * 20_000})), _MALFORMED, _CONTRACT),
    "oversize": _raw(lambda _: b'"' + CANARY.encode() * 60_000, _LARGE),
    "not an object": _raw(lambda c: _bytes(c.choice([[], 1, CANARY, None, True])), _MALFORMED),
    # not a CloudEvent
    **{f"no {name}": _without(name) for name in ("specversion", "id", "source", "type")},
    "specversion": _attribute("specversion", ("0.3", "2.0", CANARY, 1, None, ""), _MALFORMED),
    "id": _attribute("id", ("", 7, None, CANARY * 20, CANARY + "\u00e9", CANARY + "\r\n"), _MALFORMED, _CONTRACT),
    "source": _attribute("source", ("", 7, None, CANARY * 40, CANARY + " \u00e9"), _MALFORMED, _CONTRACT),
    "type": _attribute("type", ("", 7, None, CANARY + "\u00e9"), _MALFORMED, _CONTRACT),
    "time": _attribute("time", ("now", "2026-01-31", "2026-01-31T12:00:00", 1769860800, CANARY), _MALFORMED, _CONTRACT),
    "extension name": _attribute("Bad_Name", (CANARY,), _MALFORMED, _CONTRACT),
    "extension value": _attribute("tier", ({"a": CANARY}, [CANARY]), _MALFORMED, _CONTRACT),
    "data and data_base64": _attribute("data_base64", ("e30=",), _MALFORMED, _CONTRACT),
    "content type of data": _attribute("datacontenttype", ("text/plain", "image/png"), _MEDIA, _MALFORMED),
    "unknown type": _attribute("type", ("com.example.x", f"com.{CANARY.lower()}", "dev.aftercare.no.v1"), _CONTRACT),
    "binary without id": _binary(_MALFORMED, ce_id=""),
    "binary without type": _binary(_MALFORMED, ce_type=""),
    "binary specversion": _binary(_MALFORMED, ce_specversion="0.1"),
    "binary time": _binary(_MALFORMED, _CONTRACT, ce_time="yesterday"),
    # the contract
    "no data": _broken(lambda _: _event(data=None)),
    "data of a wrong type": _broken(lambda c: _event(data=c.choice([7, CANARY, [CANARY], True]))),
    "unknown field": _broken(lambda _: _data(**{CANARY: CANARY})),
    "unknown field of the entry": _broken(lambda _: _entry(**{CANARY: CANARY})),
    "no entry": _broken(lambda _: _data(entry=None)),
    "no path": _broken(lambda _: _data(path_type=None)),
    "no incident": _broken(lambda _: _data(incident_id=None, path_type="approval_manual")),
    "path": _broken(lambda c: _data(path_type=c.choice([CANARY, "A", 7, ["approval_manual"]]))),
    "incident": _broken(lambda c: _data(incident_id=c.choice(["", CANARY * 20, 7, "a\nb", "\u00e9"]))),
    "approval": _broken(lambda c: _data(approval_id=c.choice(["", CANARY * 20, 7, " a"]))),
    "metadata": _broken(lambda c: _data(metadata=c.choice([CANARY, [CANARY], 7]))),
    **{f"no {name} of the entry": _no_field(name) for name in ("title", "content", "entry_type")},
    **{
        f"{name} is no text": _field_is_no_text(name)
        for name in ("title", "content", "entry_type", "category", "severity")
    },
    "empty title": _broken(lambda _: _entry(title="")),
    "long title": _broken(lambda _: _entry(title=CANARY * 20)),
    "long content": _broken(lambda _: _entry(content=_LONG)),
    "entry type": _broken(lambda _: _entry(entry_type=CANARY)),
    "tags": _broken(lambda c: _entry(tags=c.choice([CANARY, [7], [""], [CANARY] * 65, [CANARY * 10]]))),
    "confidence": _broken(lambda c: _entry(confidence=c.choice([-0.1, 1.1, "0.5", True, [0.5], 10**18]))),
    # batches
    "empty batch": lambda _: _request(b"[]", _MALFORMED, _CONTRACT, media=_BATCH),
    "batch that is an object": lambda _: _request(_bytes(_event()), _MALFORMED, media=_BATCH),
    "long batch": lambda _: _request(b"[" + b"{}," * 500 + b"{}]", 400, _LARGE, _CONTRACT, media=_BATCH),
    "bad event in a batch": lambda _: _request(_bytes([_event(), _event(id="")]), 400, _CONTRACT, media=_BATCH),
    "bad data in a batch": lambda _: _request(_bytes([_event(), _data(entry=None, id=1)]), _CONTRACT, media=_BATCH),
    # the request
    "no key": lambda _: _request(_bytes(_event()["data"]), _MALFORMED, media=_JSON),
    "bad key": lambda _: _request(_bytes(_event()["data"]), 400, 422, media=_JSON, idempotency_key=CANARY * 20),
    "empty key": lambda _: _request(_bytes(_event()["data"]), 400, 422, media=_JSON, idempotency_key=""),
    "media type": lambda c: _request(
        _bytes(_event()), _MEDIA, media=c.choice(["text/plain", "text/" + CANARY.lower(), "application/xml", "x"])
    ),
    "empty body": lambda _: _request(b"", _MALFORMED),
    "wrong token": lambda c: _request(
        _bytes(_event()), _UNAUTHORIZED, authorization=f"Bearer {CANARY}{c.randrange(10**9)}"
    ),
    "other scheme": lambda _: _request(_bytes(_event()), _UNAUTHORIZED, authorization=f"Basic {CANARY}"),
    "no token": lambda _: _request(_bytes(_event()), _UNAUTHORIZED, authorization=""),
    "half a token": lambda _: _request(_bytes(_event()), _UNAUTHORIZED, authorization=f"Bearer {TOKEN[:-1]}"),
    "method": lambda c: _request(b"", _MALFORMED, method=c.choice(["GET", "PUT", "DELETE", "PATCH"])),
    "path of the request": lambda _: _request(_bytes(_event()), _MALFORMED, path=f"/{CANARY}"),
    # Alertmanager's webhook
    "webhook that is not JSON": _bridge(lambda _: b"{" + CANARY.encode(), _MALFORMED),
    "webhook version": _bridge(lambda c: {**webhook(), "version": c.choice([CANARY, "3", 4, None])}, _CONTRACT),
    "webhook without alerts": _bridge(lambda c: {**webhook(), "alerts": c.choice([[], None, CANARY, {}])}, _CONTRACT),
    "webhook of wrong alerts": _bridge(lambda c: {**webhook(), "alerts": c.choice([[7], [CANARY], [[]]])}, _CONTRACT),
    "webhook without a group": _bridge(lambda c: {**webhook(), "groupKey": c.choice(["", None, 7])}, _CONTRACT),
    "webhook count": _bridge(lambda c: {**webhook(), "truncatedAlerts": c.choice([-1, "1", 0.5, None])}, _CONTRACT),
    "webhook with NUL": _bridge(lambda _: {**webhook(), "receiver": CANARY + "\0"}, _MALFORMED),
    "webhook as a form": lambda _: _request(
        b"a=" + CANARY.encode(), _MEDIA, path="/alertmanager", media="application/x-www-form-urlencoded"
    ),
    "webhook without a token": lambda _: _request(
        _bytes(webhook()), _UNAUTHORIZED, path="/alertmanager", media=_JSON, authorization=""
    ),
}
