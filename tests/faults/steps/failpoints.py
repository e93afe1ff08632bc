"""One failpoint: killed there, started again, told again; in the end everything is as if nothing had happened."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tests.faults.load import Stuck
from tests.faults.races.holding import Tally
from tests.faults.steps.scene import Scene

_NEVER: Final = 1_000_000
_LEASE_S: Final = 150.0  # longer than any lease, and any pause after a lost answer
_SLOT_S: Final = 3600.0
_TRIES: Final = 20
_ACCEPTED: Final = range(200, 300)
_marks: Final = (f"mark-{number:05}-x" for number in itertools.count(1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What there is in the end.

    Attributes:
        killed: whether the failpoint was reached.
        acknowledged: whether the answer was heard before that.
        again: the answer to the same event once more.
        state: what lasts in PostgreSQL.
        seen: what everybody out there knows.
        repeats: messages that were labelled as perhaps shown twice.
    """

    killed: bool
    acknowledged: bool
    again: int
    state: Sequence[str]
    seen: Counter[str]
    repeats: int


async def undisturbed(scene: Scene) -> Ending:
    """How it ends when nothing happens."""
    return await play(scene, _NEVER)


async def play(scene: Scene, at: int) -> Ending:
    """Kill the function at a turn, and see it through.

    Raises:
        Stuck: it does not come to an end.
        ProcessFailed: the function did not come back.
    """
    await _warm(scene)
    mark = next(_marks)
    # At every other failpoint Gitea's search knows nothing, as while its index is made anew.
    await scene.begin(mark, searchable=at % 2 == 0)
    tally = Tally(at)
    scene.hold(tally)
    asking = asyncio.create_task(scene.ask(mark))
    try:
        if killed := await scene.is_caught(tally, asking):
            await scene.kill()
        status = await asking
    finally:
        asking.cancel()
        scene.let_go()
    acknowledged = status in _ACCEPTED
    if not acknowledged:
        await _redeliver(scene, mark)
    await _settle(scene)
    again = await scene.ask(mark)
    await _settle(scene)
    return Ending(
        killed=killed,
        acknowledged=acknowledged,
        again=again,
        state=scene.stores.state(mark),
        seen=scene.outside.seen(mark if scene.subject.traced else None),
        repeats=scene.outside.repeats,
    )


def differences(ending: Ending, usual: Ending) -> Iterator[tuple[str, str]]:
    """What is not as it is when nothing happens: a counter, and a sentence."""
    yield from (("lost", f"lost {row}") for row in (Counter(usual.state) - Counter(ending.state)).elements())
    yield from (
        ("duplicated", f"one too many: {row}") for row in (Counter(ending.state) - Counter(usual.state)).elements()
    )
    yield from (("lost", f"nobody was told: {what}") for what in (usual.seen - ending.seen).elements())
    yield from (("duplicated", f"told once more: {what}") for what in (ending.seen - usual.seen).elements())
    if ending.again not in _ACCEPTED:
        yield "wrong", f"answered {ending.again} in the end"


async def _warm(scene: Scene) -> None:
    """Let it open and prepare what it does once, on the way it will go and on the way of a repeat."""
    mark = next(_marks)
    await scene.begin(mark)
    for _ in range(2):
        await scene.is_caught(Tally(_NEVER), asyncio.create_task(scene.ask(mark)))


async def _redeliver(scene: Scene, mark: str) -> None:
    """As a broker: at once, and then again after a while."""
    for _ in range(_TRIES):
        if await scene.ask(mark) in _ACCEPTED:
            return
        scene.stores.pass_time(_LEASE_S)
    raise Stuck(f"{scene.subject.name} does not take its event again")


async def _settle(scene: Scene) -> None:
    """As a platform: ticks and sweeps, until nothing waits."""
    for _ in range(_TRIES):
        if scene.stores.are_settled():
            return
        scene.stores.pass_time(_SLOT_S if scene.subject.ticked else _LEASE_S)
        if scene.subject.ticked:
            await scene.tick()
        await scene.sweep()
    raise Stuck(f"{scene.subject.name} leaves something that waits for ever")
