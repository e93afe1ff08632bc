"""Rows 29, 31, 34 and 35: the process ends in the middle, by an event that kills it, by SIGTERM, or as an owner."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from pg8000.native import Connection

from shared.adapters.dsn import Dsn
from shared.local.simulators.gitea_issues import Loss
from tests.faults.matrix.plays import Play, Problems, answered, claim, counted, ended, of_row, taken
from tests.faults.matrix.scene import Scene, new_mark, until
from tests.faults.matrix.subjects import Subject, asked, drift_requested
from tests.faults.matrix.table import DONE, promised
from tests.faults.proxy import Fault, Proxy, Unit, Way
from tests.faults.proxy.lines import Line

_DEATHS: Final = 2
_WRITES_S: Final = 5.0  # what is looked at first takes its time
_HELD_S: Final = 0.3  # shorter than any statement may wait for a lock
_WAITS: Final = """
SELECT count(*) FROM pg_locks
WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_NESTED: Final = 3_000


class Deadly(Fault):
    """Whoever says this word to the server, in a statement that reads so, is killed at it each time."""

    def __init__(self, scene: Scene, word: str, *, at: str = "") -> None:
        super().__init__()
        self._scene: Final = scene
        self._word: Final = word.encode()
        self._at: Final = at

    async def carry(self, unit: Unit, line: Line) -> None:
        """Kill, or pass it on."""
        if unit.way is Way.UP and self._word in unit.data and self._at in unit.said:
            self.hits += 1
            line.reset()  # what was to come after this word never left
            self._scene.signal_worker(signal.SIGKILL)
        else:
            await super().carry(unit, line)


@contextmanager
def deadly(scene: Scene, proxy: Proxy, word: str, *, at: str = "") -> Iterator[Deadly]:
    """Until the end of this, that word kills."""
    fault = Deadly(scene, word, at=at)
    proxy.fault = fault
    try:
        yield fault
    finally:
        proxy.fault = Fault()


def plays_of(subject: Subject) -> Sequence[Play]:
    """Of a function that is started as a process."""
    plays = list(of_row(31, [("SIGTERM while it writes", _terminated)]))
    match subject.function:
        case "drift_check":
            plays += of_row(29, [("a file that breaks its reader", _unreadable)])
        case "gitops_issue":
            plays += of_row(29, [("killed by its own event", _poisonous)])
            plays += of_row(34, [("its lease expires while it posts", _overtaken)])
            plays += of_row(35, [("killed while it posts", _widowed)])
        case "backfill_reconcile":
            pass  # its poison is a letter
        case _:
            plays += of_row(29, [("killed by its own event", _poisonous)])
    return plays


async def _poisonous(scene: Scene, subject: Subject) -> Problems:
    """Nothing is acknowledged, nobody else suffers, and it is counted by whoever delivers it."""
    mark, door, problems = new_mark(), subject.front, Problems()
    ask = door.ask(mark)
    for _ in range(_DEATHS):
        with deadly(scene, scene.postgres, mark) as fault:
            problems += answered(await scene.post(ask), promised(29, subject.function))
            problems += claim(fault.hits, "it was never killed")
        problems += claim(scene.effects(door, ask, mark) == 0, "it took effect, and was not acknowledged")
        problems += await taken(scene, subject, door.ask(new_mark()))
    return [
        *problems,
        *await taken(scene, subject, ask),
        *await ended(scene, door, mark),
        *counted(scene, door, ask, mark),
    ]


async def _terminated(scene: Scene, subject: Subject) -> Problems:
    """It is answered what is true; nothing is left half done."""
    mark, door = new_mark(), subject.front
    ask = door.ask(mark)
    dsn = Dsn.parse(scene.database_url)
    other = Connection(dsn.user, unix_sock=dsn.unix_socket, database=dsn.database, ssl_context=False)
    try:
        other.run("BEGIN")
        other.run(f"LOCK TABLE {door.writes} IN ACCESS EXCLUSIVE MODE")
        sending = asyncio.create_task(scene.post(ask))
        waits = await until(lambda: scene.rows(_WAITS) != [[0]], patience_s=_WRITES_S)
        scene.signal_worker(signal.SIGTERM)
        await asyncio.sleep(_HELD_S)
        other.run("ROLLBACK")
    finally:
        other.close()
    return [
        *claim(waits, "it was not writing"),
        *answered(await sending, promised(31, subject.function)),
        *await taken(scene, subject, ask),
        *await ended(scene, door, mark),
        *counted(scene, door, ask, mark),
    ]


async def _unreadable(scene: Scene, subject: Subject) -> Problems:
    """A result like any other, which says that it cannot tell; the process lives on."""
    mark = new_mark()
    source = f"class Settings(BaseSettings):\n    port: int = {'-' * _NESTED}1\n"
    event = drift_requested(mark, datetime.now(UTC), {"yaml": "kind: ConfigMap\ndata: {}\n"}, source)
    status = await scene.post(asked(event, mark))
    said = scene.rows("SELECT reply #>> '{data,status}' FROM inbox WHERE id = :mark", mark=mark)
    return [
        *answered(status, promised(29, subject.function)),
        *claim(said == [["error"]], f"reported as {said}"),
        *await taken(scene, subject, subject.door.ask(new_mark())),
    ]


async def _overtaken(scene: Scene, subject: Subject) -> Problems:
    """Another owner has taken the plan by the time the answer is there; the first one's word counts no more."""
    mark, door = new_mark(), subject.door
    ask = door.ask(mark)
    scene.outside.gitea.losses.append(Loss(how="hang"))
    sending = asyncio.create_task(scene.post(ask))
    posted = await until(lambda: any(mark in issue.body for issue in scene.outside.gitea.issues))
    scene.pass_time()
    ticked = await scene.tick()
    status = await sending
    return [
        *claim(posted and ticked in DONE, "nobody took it over"),
        *answered(status, promised(34, subject.function) | promised(22, subject.function)),
        *await taken(scene, subject, ask),
        *await ended(scene, door, mark),
        *_one_issue(scene, mark),
        *counted(scene, door, ask, mark),
    ]


async def _widowed(scene: Scene, subject: Subject) -> Problems:
    """Nobody knows whether the post arrived: it is looked for, and not posted again."""
    mark, door = new_mark(), subject.door
    ask = door.ask(mark)
    scene.outside.gitea.losses.append(Loss(how="hang"))
    sending = asyncio.create_task(scene.post(ask))
    opened = await until(lambda: any(mark in issue.body for issue in scene.outside.gitea.issues))
    scene.signal_worker(signal.SIGKILL)
    status = await sending
    completed = await ended(scene, door, mark)
    return [
        *claim(opened, "it did not post"),
        *answered(status, frozenset({0})),
        *completed,
        *answered(await scene.post(ask), promised(35, subject.function), " when it was sent again"),
        *_one_issue(scene, mark),
        *counted(scene, door, ask, mark),
    ]


def _one_issue(scene: Scene, mark: str) -> Problems:
    issues = sum(mark in issue.body for issue in scene.outside.gitea.issues)
    return claim(issues == 1, f"{issues} issues in the end")
