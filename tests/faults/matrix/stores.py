"""Rows 1 to 14 and 38: an event meets a trouble of the stores or of the sink, and what is there in the end."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from tests.faults.matrix.plays import Play, Problems, answered, claim, counted, ended, taken
from tests.faults.matrix.scene import Scene, new_mark, until
from tests.faults.matrix.subjects import Subject
from tests.faults.matrix.table import REFUSED, TAKEN, Outcome, promised
from tests.faults.matrix.troubles import POSTGRES, Asked, Trouble, troubles_of
from tests.faults.proxy import Fault, Stall

_AT_ONCE: Final = 50
_THREADS: Final = 12  # of the pool, of the resolver, of what starts late; 50 calls that pile up are far more
_STRIKES_S: Final = 5.0  # a relay needs milliseconds to ask its sink
_WARM: Final = 8


async def warm(scene: Scene, subject: Subject) -> None:
    """Let it open what it opens once."""
    scene.outside.heal()
    await asyncio.gather(*(scene.post(subject.door.ask(new_mark())) for _ in range(_WARM)))


def plays_of(subject: Subject) -> list[Play]:
    """All troubles of a function, and the crowd."""
    plays = [
        Play(row=trouble.row, name=trouble.name, act=partial(_play, trouble=trouble))
        for trouble in troubles_of(subject.redis)
    ]
    return [*plays, Play(row=2, name=f"{_AT_ONCE} calls into a black hole", act=pile_up)]


async def _play(scene: Scene, subject: Subject, *, trouble: Trouble) -> Problems:
    return await play(scene, subject, trouble, promised(trouble.row, subject.function, once=trouble.once))


async def play(scene: Scene, subject: Subject, trouble: Trouble, expected: Outcome) -> Problems:
    """Send an event into a trouble, and again when it is over."""
    mark, door = new_mark(), subject.door
    ask = door.ask(mark)
    with scene.trouble(trouble) as faults:
        status = await scene.post(ask)
        answer_s = scene.answer_s
        is_durable = status not in TAKEN or scene.effects(door, ask, mark) == 1 or scene.letters(mark) == 1
        has_struck = await _struck(faults, trouble, subject)
    return [
        *answered(status, expected),
        *await taken(scene, subject, ask),
        *claim(is_durable, f"answered {status} with nothing durable"),
        *claim(has_struck, "the fault never struck"),
        *claim(answer_s < subject.within_s, f"answered after {answer_s:.1f} s"),
        *await ended(scene, door, mark),
        *counted(scene, door, ask, mark),
    ]


async def pile_up(scene: Scene, subject: Subject) -> Problems:
    """Fifty calls into a black hole: each is answered, and no thread stays behind for each."""
    black_hole = next(trouble for trouble in POSTGRES if trouble.postgres is Stall)
    expected = promised(black_hole.row, subject.function) | REFUSED
    asks = [subject.door.ask(new_mark()) for _ in range(_AT_ONCE)]
    before = scene.threads()
    with scene.trouble(black_hole):
        statuses = await asyncio.gather(*(scene.post(ask) for ask in asks))
        answer_s, after = scene.answer_s, scene.threads()
    return [
        *(problem for status in set(statuses) for problem in answered(status, expected)),
        *claim(after - before <= _THREADS, f"{after - before} more threads"),
        *claim(answer_s < subject.within_s, f"answered after {answer_s:.1f} s"),
        *await taken(scene, subject, asks[0]),
    ]


async def _struck(faults: tuple[Fault, ...], trouble: Trouble, subject: Subject) -> bool:
    """Whether each fault did that had to; of refused connections nobody knows how many there were."""
    postgres, redis, sink = faults
    when = Asked.FIRST if trouble.spares_postgres else Asked.LAST
    heard = [postgres, sink, *([redis] if subject.redis is when and when in trouble.heeds else [])]
    wanted = [fault for fault in heard if type(fault) is not Fault and fault.listens]
    return await until(lambda: all(fault.hits for fault in wanted), patience_s=_STRIKES_S)
