"""Rows 24 to 28 and 30: how events arrive: twice, forged, all at once, out of order, spoiled, from another time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from shared.adapters.tables import metadata
from tests.faults.matrix.plays import Act, Play, Problems, answered, changed, claim, counted, of_row, taken
from tests.faults.matrix.scene import Scene, new_mark
from tests.faults.matrix.subjects import Ask, Subject
from tests.faults.matrix.table import REFUSED, TAKEN, UNTROUBLED, promised
from tests.senders import plain

_AT_ONCE: Final = 8
_SKEWS: Final = {
    "ten minutes ahead": timedelta(minutes=10),
    "ten minutes late": timedelta(minutes=-10),
    "fifty years ahead": timedelta(days=18_262),
    "forty years late": timedelta(days=-14_610),
}
_COUNTS: Final = " UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in sorted(metadata.tables))


def _with(value: bytes) -> Callable[[bytes], bytes]:
    """One more member."""
    return lambda body: body[:-1] + b',"x":' + value + b"}"


_SPOILED: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "half of it": lambda body: body[: len(body) // 2],
    "not UTF-8": _with(b'"\xff"'),
    "over 1 MiB": lambda body: body + b" " * 1_100_000,
    "100,000 levels deep": _with(b"[" * 100_000 + b"]" * 100_000),
    "20,000 values": _with(b"[" + b"0," * 20_000 + b"0]"),
    "NUL in a string": _with(rb'"\u0000"'),
    "half of a surrogate pair": _with(rb'"\ud800"'),
    "the same key twice": _with(b'1,"x":2'),
    "an integer of 5,000 digits": _with(b"9" * 5_000),
    "NaN": _with(b"NaN"),
}


def plays_of(subject: Subject) -> Sequence[Play]:
    """For every function that takes events."""
    skews: list[tuple[str, Act]] = [(name, partial(_skewed, by=by)) for name, by in _SKEWS.items()]
    repeats: list[tuple[str, Act]] = [("sent twice", _twice)]
    if subject.front.other:
        repeats.append(("asked twice in plain JSON", _asked_twice))
    return [
        *of_row(24, repeats),
        *of_row(25, [("the same id with other content", _forged)] if subject.front.other else []),
        *of_row(26, [(f"{_AT_ONCE} times at once", _at_once)]),
        *of_row(28, [(name, partial(_spoiled, spoil=name)) for name in _SPOILED]),
        *of_row(30, skews),
    ]


async def _twice(scene: Scene, subject: Subject) -> Problems:
    mark, door = new_mark(), subject.front
    ask = door.ask(mark)
    first, second = [await scene.post(ask) for _ in range(2)]
    expected = promised(24, subject.function)
    return [*answered(first, expected), *answered(second, expected), *counted(scene, door, ask, mark)]


async def _asked_twice(scene: Scene, subject: Subject) -> Problems:
    """The second answer is the first one: perhaps that was lost on the way."""
    mark, door = new_mark(), subject.front
    ask = door.ask(mark)
    assert ask.event is not None
    first, second = [await scene.answer(**plain(ask.event)) for _ in range(2)]
    same = first is not None and second is not None and first.is_success and first.json() == second.json()
    said = [None if answer is None else answer.text for answer in (first, second)]
    return [*claim(same, f"answered {said[0]}, then {said[1]}"), *counted(scene, door, ask, mark)]


async def _forged(scene: Scene, subject: Subject) -> Problems:
    mark, door = new_mark(), subject.front
    ask = door.ask(mark)
    first = await scene.post(ask)
    forged = await scene.post(changed(ask, door.other))
    return [
        *answered(first, UNTROUBLED[subject.function]),
        *answered(forged, promised(25, subject.function), " to the forged one"),
        *answered(await scene.post(ask), UNTROUBLED[subject.function], " to the true one again"),
        *counted(scene, door, ask, mark),
    ]


async def _at_once(scene: Scene, subject: Subject) -> Problems:
    """One of them takes effect; the others are told so, or to come again."""
    mark, door = new_mark(), subject.front
    ask = door.ask(mark)
    statuses = set(await asyncio.gather(*(scene.post(ask) for _ in range(_AT_ONCE))))
    allowed = promised(26, subject.function) | TAKEN | REFUSED
    return [
        *claim(statuses <= allowed and statuses & TAKEN, f"answered {sorted(statuses)}"),
        *await taken(scene, subject, ask),
        *counted(scene, door, ask, mark),
    ]


async def _skewed(scene: Scene, subject: Subject, *, by: timedelta) -> Problems:
    """It takes effect, and its clock decides nothing for whoever comes after it."""
    mark, door = new_mark(), subject.front
    ask = door.at(mark, datetime.now(UTC) + by)
    return [
        *answered(await scene.post(ask), promised(30, subject.function)),
        *await taken(scene, subject, ask),
        *counted(scene, door, ask, mark),
    ]


async def _spoiled(scene: Scene, subject: Subject, *, spoil: str) -> Problems:
    """It is refused, nothing is kept of it, and the next one is taken."""
    ask = subject.front.ask(new_mark())
    before = _stored(scene)
    status = await scene.post(replace(ask, request=_body(ask, spoil)))
    good = subject.front.ask(new_mark())
    return [
        *answered(status, promised(28, subject.function)),
        *claim(_stored(scene) == before, "something was stored"),
        *await taken(scene, subject, good),
    ]


def _stored(scene: Scene) -> Any:
    return scene.rows(_COUNTS), scene.redis.dbsize()


def _body(ask: Ask, spoil: str) -> Mapping[str, Any]:
    """The good request with its body spoiled."""
    given = ask.request
    body = given["content"] if "content" in given else json.dumps(given["json"])
    headers = given.get("headers", {"content-type": "application/json"})
    return {"headers": headers, "content": _SPOILED[spoil](body.encode())}
