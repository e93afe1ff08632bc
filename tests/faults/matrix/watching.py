"""The console's column: it writes nothing, and says which store does not answer instead of not answering itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from typing import Final

from tests.faults.matrix.plays import Play, Problems, answered, claim, of_row
from tests.faults.matrix.scene import Scene
from tests.faults.matrix.subjects import Ask, Door, Subject
from tests.faults.matrix.table import is_absent, promised
from tests.faults.matrix.troubles import BOTH, POSTGRES, REDIS, Asked, Trouble
from tests.faults.proxy import Fault, Latency, Refuse, Stall
from tests.faults.proxy.postgres import NoLogin

_AT_ONCE: Final = 8
_DEAF: Final = (Refuse, Stall, Latency, NoLogin)
"""Faults in which a store surely cannot be read."""
_FINDS_OUT_S: Final = 10.0
_PAUSE_S: Final = 0.05


def _nothing(mark: str, _time: object = None) -> Ask:
    return Ask({"json": {}}, mark, None)


CONSOLE: Final = Subject(
    function="console",
    door=Door(ask=_nothing, effect="SELECT 1", at=_nothing),
    redis=Asked.FIRST,
    settings={"QUEUE_TIMEOUT_SECONDS": "1"},
)


def plays_of(subject: Subject) -> Sequence[Play]:
    """What can happen to who only looks."""
    looks = [
        Play(row=trouble.row, name=trouble.name, act=partial(_look, trouble=trouble))
        for trouble in (*POSTGRES, *REDIS, *BOTH)
        if not is_absent(trouble.row, subject.function)
    ]
    return [*looks, *of_row(28, [("anything is posted", _posted)])]


async def _look(scene: Scene, subject: Subject, *, trouble: Trouble) -> Problems:
    """A page in spite of it, for everybody who asks, and what it says is true."""
    with scene.trouble(trouble) as (postgres, redis, _):
        pages = await asyncio.gather(*(_page(scene) for _ in range(_AT_ONCE)))
        answer_s = scene.answer_s
    faults = {"postgresql": postgres, "redis": redis}
    down = {store for store, fault in faults.items() if isinstance(fault, _DEAF)}
    up = {store for store, fault in faults.items() if type(fault) is Fault}
    wrong = [said for _, said in pages if not up <= said or down & said]
    after = await _recovered(scene, set(faults))
    return [
        *(problem for status, _ in pages for problem in answered(status, promised(trouble.row, subject.function))),
        *claim(not wrong, f"said only {wrong} up, while {up} were and {down} were not"),
        *claim(answer_s < subject.within_s, f"answered after {answer_s:.1f} s"),
        *claim(after == set(faults), f"says only {after} up after it was over"),
    ]


async def _recovered(scene: Scene, stores: set[str]) -> set[str]:
    """What is said when it is over, given some seconds to find that out."""
    began, said = time.monotonic(), set[str]()
    while said != stores and time.monotonic() - began < _FINDS_OUT_S:
        _, said = await _page(scene)
        await asyncio.sleep(_PAUSE_S)
    return said


async def _page(scene: Scene) -> tuple[int, set[str]]:
    """The status, and the stores that are said to answer."""
    answer = await scene.answer("/metrics", "GET")
    if answer is None:
        return 0, set()
    lines = [line for line in answer.text.splitlines() if line.startswith("aftercare_up{")]
    return answer.status_code, {line.split('"')[1] for line in lines if float(line.rpartition(" ")[2]) > 0}


async def _posted(scene: Scene, subject: Subject) -> Problems:
    paths = ("/", "/metrics", "/livez", "/nowhere")
    answers = [await scene.answer(path, json={}) for path in paths]
    statuses = [0 if answer is None else answer.status_code for answer in answers]
    return [problem for status in statuses for problem in answered(status, promised(28, subject.function))]
