"""One cell: an event meets a trouble, and what is there in the end."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from tests.faults.matrix.scene import PATIENCE_S, Scene, until
from tests.faults.matrix.subjects import Ask, Subject
from tests.faults.matrix.table import TAKEN, UNTROUBLED, Outcome
from tests.faults.matrix.troubles import POSTGRES, Trouble
from tests.faults.proxy import Fault, Stall

_AT_ONCE: Final = 50
_THREADS: Final = 12  # of the pool, of the resolver, of what starts late; 50 calls that pile up are far more
_PAUSE_S: Final = 0.05
_STRIKES_S: Final = 5.0  # a relay needs milliseconds to ask its sink
_WARM: Final = 8
_marks: Final = (f"cell-{number:05}-x" for number in itertools.count(1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What came of it.

    Attributes:
        answer_s: the longest answer, in seconds.
        back_s: from the end of the trouble to the acknowledgement.
        problems: what did not hold, a sentence each.
    """

    name: str
    answer_s: float
    back_s: float
    problems: tuple[str, ...]


async def warm(scene: Scene, subject: Subject) -> None:
    """Let it open what it opens once."""
    await asyncio.gather(*(scene.post(subject.ask(next(_marks))) for _ in range(_WARM)))


async def play(scene: Scene, subject: Subject, trouble: Trouble, expected: Outcome) -> Cell:
    """Send an event into a trouble, and again when it is over."""
    await scene.clear()
    mark = next(_marks)
    ask = subject.ask(mark)
    with scene.trouble(trouble) as faults:
        began = time.monotonic()
        status = await scene.post(ask)
        answer_s = time.monotonic() - began
        is_durable = status not in TAKEN or scene.effects(subject, ask, mark) == 1 or scene.letters(mark) == 1
        has_struck = await _struck(faults, redis_last=subject.redis_last)
    again, back_s = await _redelivered(scene, subject, ask)
    problems = [
        *_judged(status, expected, again, UNTROUBLED[subject.function]),
        *([] if is_durable else [f"answered {status} with nothing durable"]),
        *([] if has_struck else ["the fault never struck"]),
        *([] if answer_s < subject.within_s else [f"answered after {answer_s:.1f} s"]),
        *_counted(scene, subject, ask, mark),
    ]
    return Cell(name=trouble.name, answer_s=answer_s, back_s=back_s, problems=tuple(problems))


async def pile_up(scene: Scene, subject: Subject, expected: Outcome) -> Cell:
    """Fifty calls into a black hole: each is answered, and no thread stays behind for each."""
    await scene.clear()
    black_hole = next(trouble for trouble in POSTGRES if trouble.postgres is Stall)
    asks = [subject.ask(next(_marks)) for _ in range(_AT_ONCE)]
    before = scene.threads()
    with scene.trouble(black_hole):
        began = time.monotonic()
        statuses = set(await asyncio.gather(*(scene.post(ask) for ask in asks)))
        answer_s = time.monotonic() - began
        after = scene.threads()
    again, back_s = await _redelivered(scene, subject, asks[0])
    problems = [
        *([] if statuses <= expected | {HTTPStatus.SERVICE_UNAVAILABLE} else [f"answered {sorted(statuses)}"]),
        *([] if after - before <= _THREADS else [f"{after - before} more threads"]),
        *([] if answer_s < subject.within_s else [f"answered after {answer_s:.1f} s"]),
        *_judged(0, frozenset({0}), again, UNTROUBLED[subject.function]),
    ]
    name = f"{_AT_ONCE} calls into a black hole"
    return Cell(name=name, answer_s=answer_s, back_s=back_s, problems=tuple(problems))


async def _struck(faults: tuple[Fault, ...], *, redis_last: bool) -> bool:
    """Whether each fault did that had to; of refused connections nobody knows how many there were."""
    postgres, redis, sink = faults
    asks_redis = redis_last == (type(postgres) is not Fault)
    asked = [postgres, sink, *([redis] if asks_redis else [])]
    wanted = [fault for fault in asked if type(fault) is not Fault and fault.listens]
    return await until(lambda: all(fault.hits for fault in wanted), patience_s=_STRIKES_S)


async def _redelivered(scene: Scene, subject: Subject, ask: Ask) -> tuple[tuple[int, int], float]:
    """The first acknowledgement after the trouble and the answer to one more, and how long the first one took."""
    began = time.monotonic()
    status = await scene.post(ask)
    while status not in UNTROUBLED[subject.function] and time.monotonic() - began < PATIENCE_S:
        await asyncio.sleep(_PAUSE_S)
        status = await scene.post(ask)
    return (status, await scene.post(ask)), time.monotonic() - began


def _judged(status: int, expected: Outcome, again: tuple[int, int], untroubled: Outcome) -> Iterator[str]:
    if status not in expected:
        yield f"answered {status}, not {_told(expected)}"
    for answer in again:
        if answer not in untroubled:
            yield f"answered {answer} after it was over, not {_told(untroubled)}"


def _counted(scene: Scene, subject: Subject, ask: Ask, mark: str) -> Iterator[str]:
    if (effects := scene.effects(subject, ask, mark)) != 1:
        yield f"took effect {effects} times"
    if (letters := scene.letters(mark)) > 1:
        yield f"is {letters} dead letters"
    if ask.trace is not None and (events := scene.announced(ask.trace)) != 1:
        yield f"was announced by {events} events"
    if scene.fickle:
        yield "an event was announced twice with different content"


def _told(outcome: Outcome) -> str:
    return " or ".join(str(status) for status in sorted(outcome))
