"""Rows 24 to 29, 36 and 37 for letters: what km-write keeps in Redis, and what a broker gives up on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from shared.adapters.dead_letter_streams import RedisDeadLetters, connect
from shared.domain.dead_letters import BROKER_STREAM, KNOWLEDGE_STREAM, DeadLetter
from shared.domain.events import Event
from shared.domain.failures import Failure, FailureClass
from shared.testing.clocks import NOON
from shared.testing.events import write_requested
from tests.faults.matrix.ends import deadly
from tests.faults.matrix.plays import Play, Problems, answered, changed, claim, counted, of_row, taken
from tests.faults.matrix.scene import Scene, new_mark
from tests.faults.matrix.subjects import Subject, asked
from tests.faults.matrix.table import DONE, KEPT, promised
from tests.faults.proxy import Fault, Refuse

_AT_ONCE: Final = 8
_DEATHS: Final = 5
_TRIES: Final = 5
_IDLE_S: Final = 0.1  # longer than DRAIN_IDLE_SECONDS
_OTHER: Final = {"metadata": {"added": "later"}}
_GIVEN_UP: Final = {"knativeerrordest": "http://km-write.aftercare.svc", "knativeerrorcode": "500"}
_WHOLE: Final = "SELECT count(*) FROM dead_letters WHERE event::text LIKE '%' || :mark || '%'"
_HELD: Final = "SELECT content, revision FROM knowledge_entries WHERE incident_id = :mark"


def plays_of(subject: Subject) -> Sequence[Play]:
    """Of those who keep letters, or drain them."""
    match subject.function:
        case "km_write":
            return [
                *of_row(25, [("the same id with other content, while PostgreSQL is down", _both_kept)]),
                *of_row(36, [("the stream is full, and PostgreSQL is down", _full)]),
            ]
        case "backfill_reconcile":
            return [
                *of_row(24, [("/dead-letter gets it twice", _kept_once)]),
                *of_row(25, [("/dead-letter gets the same id with other content", _both_kept_at_the_door)]),
                *of_row(25, [("two letters with the same id and other content", _one_of_them)]),
                *of_row(26, [(f"/dead-letter gets it {_AT_ONCE} times at once", _kept_at_once)]),
                *of_row(27, [("an old letter after a new one", _newest)]),
                *of_row(29, [("a letter that kills", _poisonous), ("sent again five times", _given_up)]),
                *of_row(36, [("the stream of /dead-letter is full", _into_the_outbox)]),
                *of_row(37, [("killed between COMMIT and XACK", _between)]),
            ]
        case _:
            return []


async def _both_kept(scene: Scene, subject: Subject) -> Problems:
    """Without PostgreSQL nobody can say which is forged: what is acknowledged is kept."""
    mark, door = new_mark(), subject.door
    ask = door.ask(mark)
    scene.postgres.fault = Refuse()
    statuses = [await scene.post(each) for each in (ask, changed(ask, door.other))]
    scene.postgres.fault = Fault()
    kept = scene.letters(mark)
    return [
        *claim(kept == statuses.count(202), f"answered {statuses} with {kept} letters kept"),
        *await taken(scene, subject, ask),
    ]


async def _full(scene: Scene, subject: Subject) -> Problems:
    """One more is not acknowledged, and none is trimmed to make room."""
    cap, mark, door = int(subject.settings["DLQ_MAX_ENTRIES"]), new_mark(), subject.door
    ask = door.ask(mark)
    await _deferred(scene, *(write_requested(id=new_mark()) for _ in range(cap - 1)))
    scene.postgres.fault = Refuse()
    last = await scene.post(door.ask(new_mark()))
    status = await scene.post(ask)
    scene.postgres.fault = Fault()
    length = scene.redis.xlen(KNOWLEDGE_STREAM)
    return [
        *answered(last, KEPT, " while there was room for one"),
        *answered(status, promised(36, subject.function)),
        *claim(length == cap, f"{length} of {cap} letters are there"),
        *await taken(scene, subject, ask),
        *counted(scene, door, ask, mark),
    ]


def _gave_up(mark: str, **more: str) -> Mapping[str, Any]:
    """What a broker sends to its dead letter sink."""
    event = write_requested(id=mark, incident=mark)
    return asked(replace(event, extensions={**_GIVEN_UP, **more}), mark).request


async def _status(scene: Scene, request: Mapping[str, Any]) -> int:
    answer = await scene.answer("/dead-letter", **request)
    return 0 if answer is None else answer.status_code


async def _kept_once(scene: Scene, _subject: Subject) -> Problems:
    mark = new_mark()
    statuses = [await _status(scene, _gave_up(mark)) for _ in range(2)]
    kept = scene.letters(mark, BROKER_STREAM)
    return [*claim(set(statuses) == KEPT, f"answered {statuses}"), *claim(kept == 1, f"{kept} letters kept")]


async def _kept_at_once(scene: Scene, _subject: Subject) -> Problems:
    mark = new_mark()
    statuses = await asyncio.gather(*(_status(scene, _gave_up(mark)) for _ in range(_AT_ONCE)))
    kept = scene.letters(mark, BROKER_STREAM)
    return [*claim(set(statuses) == KEPT, f"answered {statuses}"), *claim(kept == 1, f"{kept} letters kept")]


async def _both_kept_at_the_door(scene: Scene, subject: Subject) -> Problems:
    mark = new_mark()
    ask = asked(replace(write_requested(id=mark, incident=mark), extensions=_GIVEN_UP), mark)
    statuses = [await _status(scene, each.request) for each in (ask, changed(ask, _OTHER))]
    kept = scene.letters(mark, BROKER_STREAM)
    return [
        *(problem for status in statuses for problem in answered(status, promised(25, subject.function))),
        *claim(kept == statuses.count(202), f"answered {statuses} with {kept} letters kept"),
    ]


async def _one_of_them(scene: Scene, subject: Subject) -> Problems:
    """PostgreSQL knows: the first takes effect, the other is whole in quarantine."""
    mark = new_mark()
    first = write_requested(id=mark, incident=mark, text="first")
    await _deferred(scene, first, write_requested(id=mark, incident=mark, text="second"))
    status = await scene.post(subject.door.ask(mark))
    held, whole = scene.rows(_HELD, mark=mark), scene.rows(_WHOLE, mark=mark)
    return [
        *answered(status, DONE),
        *claim(held == [["first", 1]], f"held is {held}"),
        *claim(whole == [[1]], f"{whole} whole in quarantine"),
        *_empty(scene),
    ]


async def _newest(scene: Scene, subject: Subject) -> Problems:
    mark, later = new_mark(), NOON + timedelta(minutes=1)
    new = write_requested(id=f"{mark}-new", incident=mark, at=later, text="new")
    await _deferred(scene, new, write_requested(id=f"{mark}-old", incident=mark, text="old"))
    status = await scene.post(subject.door.ask(mark))
    held = scene.rows(_HELD, mark=mark)
    return [
        *answered(status, promised(27, subject.function)),
        *claim(held == [["new", 2]], f"held is {held}"),
        *_empty(scene),
    ]


async def _poisonous(scene: Scene, subject: Subject) -> Problems:
    """After five deaths it is for a person to look at, and the letter beside it has taken effect."""
    mark, beside, problems = new_mark(), new_mark(), Problems()
    await _deferred(scene, *(write_requested(id=each, incident=each) for each in (mark, beside)))
    for _ in range(_DEATHS):
        with deadly(scene, scene.postgres, mark, at="INTO inbox") as fault:
            problems += answered(await _tick(scene), frozenset({0}))
            problems += claim(fault.hits, "it was never killed")
    with deadly(scene, scene.postgres, mark, at="INTO inbox"):
        status = await _ticked(scene)
    whole, held = scene.rows(_WHOLE, mark=mark), scene.rows(_HELD, mark=beside)
    return [
        *problems,
        *answered(status, promised(29, subject.function)),
        *claim(whole == [[1]], f"{whole} whole in quarantine"),
        *claim(len(held) == 1, "the letter beside it took no effect"),
        *_empty(scene),
    ]


async def _given_up(scene: Scene, subject: Subject) -> Problems:
    """What five redrives did not cure is for a person as well, and so is what was refused for good."""
    problems = Problems()
    for more in ({"redrivecount": "5"}, {"knativeerrorcode": "422"}):
        mark = new_mark()
        problems += answered(await _status(scene, _gave_up(mark, **more)), promised(29, subject.function))
        problems += claim(scene.rows(_WHOLE, mark=mark) == [[1]], "it is not whole in quarantine")
    return problems


async def _into_the_outbox(scene: Scene, subject: Subject) -> Problems:
    """Redis takes no more, so PostgreSQL keeps it; it is sent again all the same."""
    cap, mark = int(subject.settings["DLQ_MAX_ENTRIES"]), new_mark()
    kept = {await _status(scene, _gave_up(new_mark())) for _ in range(cap)}
    status = await _status(scene, _gave_up(mark))
    told = len(scene.announcements(mark))
    return [
        *claim(kept == KEPT, f"answered {kept} before it was full"),
        *answered(status, KEPT),
        *claim(told == 1, f"{told} events on their way"),
        *claim(scene.redis.xlen(BROKER_STREAM) == cap, "a letter was trimmed, or added"),
        *answered(await _tick(scene), promised(36, subject.function)),
    ]


async def _between(scene: Scene, subject: Subject) -> Problems:
    """Its effect is there and its letter as well: the next drain finds that nothing is left to do."""
    mark = new_mark()
    await _deferred(scene, write_requested(id=mark, incident=mark))
    with deadly(scene, scene.redis_line, "EVALSHA") as fault:
        first = await _tick(scene)
    between = scene.rows(_HELD, mark=mark), scene.letters(mark)
    status = await _ticked(scene)
    after = scene.rows(_HELD, mark=mark)
    return [
        *claim(fault.hits, "it was never killed"),
        *answered(first, frozenset({0})),
        *claim(len(between[0]) == 1 and between[1] == 1, f"in between: {between}"),
        *answered(status, promised(37, subject.function)),
        *claim(after == between[0], f"its effect became {after}"),
        *_empty(scene),
    ]


async def _tick(scene: Scene) -> int:
    """The first one of a slot; whoever held it, or a letter, has been silent for long."""
    scene.rows("DELETE FROM cron_slots")
    await asyncio.sleep(_IDLE_S)
    return await scene.tick()


async def _ticked(scene: Scene) -> int:
    """Again while it says that it cannot: it has just been started."""
    status = 0
    for _ in range(_TRIES):
        status = await _tick(scene)
        if status in DONE:
            break
    return status


def _empty(scene: Scene) -> Problems:
    left = scene.redis.xlen(KNOWLEDGE_STREAM)
    return claim(left == 0, f"{left} letters are left")


async def _deferred(scene: Scene, *events: Event) -> None:
    """Letters as km-write leaves them."""
    client = connect(f"redis://127.0.0.1:{scene.redis_line.port}/0")
    letters = RedisDeadLetters(client)
    failure = Failure(FailureClass.CONNECTION)
    for event in events:
        letter = DeadLetter(event=event, fn="km-write", failure=failure, attempts=1, first_failed_at=datetime.now(UTC))
        await letters.put(KNOWLEDGE_STREAM, letter)
    await letters.close()
