"""Bad requests by the number: the same seed, function and number make the same request, however many there are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any, Final

from tests.fuzz.documents import TEXTS, Text, broken
from tests.fuzz.doors import FUNCTIONS, Door, Function
from tests.fuzz.envelopes import Kind, envelopes, typed
from tests.fuzz.exchanges import exchanges
from tests.fuzz.requests import CONTRACT, Request, http

_BROKEN: Final = "data that breaks its model"
_DRAWN: Final = 5


def bad_requests(function: Function, seed: int, count: int) -> Iterator[Request]:
    """``count`` bad requests; every kind comes before any but broken data comes twice."""
    for number in range(count):
        yield bad_request(function, seed, number)


def bad_request(function: Function, seed: int, number: int) -> Request:
    """One of them. Of every two for a door that reads data, one has data that breaks its model."""
    chance = Random(f"{seed}/{function.name}/{number}")
    turn, which = divmod(number, len(function.doors))
    door = function.doors[which]
    if door.models and turn % 2:
        return replace(_broken(chance, door), name=_BROKEN)
    kinds = _kinds(function.name, which)
    name = list(kinds)[(turn // 2 if door.models else turn) % len(kinds)]
    return replace(kinds[name](chance, door), name=name)


def of_each_kind(function: Function, seed: int, often: int) -> Iterator[list[Request]]:
    """Each kind ``often``, as a list: the largest of several times as many."""
    for which, door in enumerate(function.doors):
        for name, kind in _kinds(function.name, which).items():
            drawn = [kind(Random(f"{seed}/{name}/{n}"), door) for n in range(often * _DRAWN)]
            largest = sorted(drawn, key=lambda request: len(request.raw))[-often:]
            yield [replace(request, name=name) for request in largest]


@cache
def _kinds(function: str, which: int) -> Mapping[str, Kind]:
    door = FUNCTIONS[function].doors[which]
    if door.is_page:
        return exchanges(door)
    texts = {name: _text(make, expected) for name, (make, expected) in TEXTS.items()}
    return {**texts, **exchanges(door), **({} if door.is_webhook else envelopes(door))}


def _text(make: Text, expected: tuple[int, ...]) -> Kind:
    def kind(chance: Random, door: Door) -> Request:
        body = make(chance, door.document(chance))
        chunk = chance.choice((0, 0, 0, 997)) if body else 0
        return http(body, *expected, path=door.path, headers={"content-type": door.media}, chunk=chunk)

    return kind


def _broken(chance: Random, door: Door) -> Request:
    event = chance.choice([event for event in door.samples if event.type in door.models])
    data: Any = broken(chance, event.data, door.models[event.type])
    if not door.is_webhook:
        return typed(chance, door, event.type, data, CONTRACT)
    return http(json.dumps(data).encode(), CONTRACT, path=door.path, headers={"content-type": door.media})
