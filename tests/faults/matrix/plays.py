"""A play: one way for a fault to happen to a function, and the sentences of what did not hold."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from tests.faults.matrix.scene import PATIENCE_S, Scene, until
from tests.faults.matrix.subjects import Ask, Door, Subject, asked
from tests.faults.matrix.table import UNTROUBLED, Outcome

_PAUSE_S: Final = 0.05
_SOON_S: Final = 0.3
_TICKS: Final = 10

Problems = list[str]
Act = Callable[[Scene, Subject], Awaitable[Problems]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """A part of a cell.

    Attributes:
        row: of the fault model.
        name: the fault, as exactly as it is played.
        act: plays it, and says what did not hold.
    """

    row: int
    name: str
    act: Act


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of it.

    Attributes:
        answer_s: the longest answer, in seconds.
        back_s: from the end of the fault to the acknowledgement.
        problems: what did not hold.
    """

    row: int
    function: str
    name: str
    answer_s: float
    back_s: float
    problems: tuple[str, ...]


async def perform(scene: Scene, subject: Subject, play: Play) -> Played:
    """Play it on a scene that has been cleared."""
    await scene.clear()
    problems = await play.act(scene, subject)
    return Played(
        row=play.row,
        function=subject.function,
        name=play.name,
        answer_s=scene.answer_s,
        back_s=scene.back_s,
        problems=tuple(problems),
    )


def claim(held: object, problem: str) -> Problems:
    """The problem, unless it held."""
    return [] if held else [problem]


def answered(status: int, expected: Outcome, when: str = "") -> Problems:
    """What is wrong with an answer."""
    told = " or ".join(str(each) for each in sorted(expected))
    return claim(status in expected, f"answered {status}{when}, not {told}")


async def taken(scene: Scene, subject: Subject, ask: Ask) -> Problems:
    """Send it until it is acknowledged, as a broker does, and once more in the same way."""
    problems = Problems()
    for _ in range(2):
        began, expected = time.monotonic(), UNTROUBLED[subject.function]
        status = await scene.post(ask)
        while status not in expected and time.monotonic() - began < PATIENCE_S:
            await asyncio.sleep(_PAUSE_S)
            status = await scene.post(ask)
        scene.back_s = max(scene.back_s, time.monotonic() - began)
        problems += answered(status, expected, " after it was over")
    return problems


async def ended(scene: Scene, door: Door, mark: str) -> Problems:
    """Let time pass, and ticks come, until what was promised is done."""
    if not door.ends:
        return []
    for _ in range(_TICKS):
        if await until(lambda: scene.rows(door.ends, mark=mark) == [[1]], patience_s=_SOON_S):
            return []
        scene.pass_time()
        await scene.tick()
    return [f"did not come to its end in {_TICKS} ticks"]


def counted(scene: Scene, door: Door, ask: Ask, mark: str) -> Problems:
    """Whether it took effect once and is announced once, by one event of each type."""
    effects, letters = scene.effects(door, ask, mark), scene.letters(mark)
    types = Counter() if ask.trace is None else Counter(event["type"] for event in scene.announcements(ask.trace))
    return [
        *claim(effects == 1, f"took effect {effects} times"),
        *claim(letters <= 1, f"is {letters} dead letters"),
        *claim(ask.trace is None or set(types.values()) == {1}, f"was announced by {dict(types)}"),
        *claim(not scene.fickle, "an event was announced twice with different content"),
    ]


def changed(ask: Ask, other: Any) -> Ask:
    """A request with the same id and other data."""
    assert ask.event is not None
    event = replace(ask.event, data={**ask.event.data, **other})
    return replace(ask, request=asked(event, ask.id).request, event=event)


def of_row(row: int, plays: Collection[tuple[str, Act]]) -> Sequence[Play]:
    """Plays of one row, by their names."""
    return [Play(row=row, name=name, act=act) for name, act in plays]
