"""What goes wrong with PostgreSQL, with Redis, and with whoever is told: rows 1 to 14 and 38 of the fault model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Final

from tests.faults.proxy import Fault, Instead, Latency, Mute, Refuse, Slice, Stall, Way, http, redis
from tests.faults.proxy.postgres import Cut, NoLogin, Sqlstate

_LONGER_THAN_ANY_LIMIT_S: Final = 12.0


class Asked(Enum):
    """When a function asks Redis."""

    NEVER = "never"
    FIRST = "while PostgreSQL is well"
    LAST = "when PostgreSQL has failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Faults that come together, made anew for each play; ``sink`` is whoever the function tells, a broker or a chat.

    Attributes:
        once: it passes while it is met: the first of what the table promises, where it promises two things.
        heeds: functions that ask Redis at these times meet its fault; to the others it makes no difference.
    """

    row: int
    name: str
    postgres: Callable[[], Fault] = Fault
    redis: Callable[[], Fault] = Fault
    sink: Callable[[], Fault] = Fault
    once: bool = False
    heeds: tuple[Asked, ...] = (Asked.FIRST, Asked.LAST)

    @property
    def spares_postgres(self) -> bool:
        """Whether PostgreSQL is well."""
        return self.postgres is Fault


def _slow() -> Fault:
    return Latency(_LONGER_THAN_ANY_LIMIT_S, ways=[Way.DOWN])


def _sqlstates(row: int, **named: str) -> tuple[Trouble, ...]:
    """The server raises each of them, every time."""
    return tuple(
        Trouble(row=row, name=f"{code[1:]} {name.replace('_', ' ')}", postgres=partial(Sqlstate, code[1:]))
        for code, name in named.items()
    )


POSTGRES: Final = (
    Trouble(row=1, name="PostgreSQL refuses connections", postgres=Refuse),
    Trouble(row=2, name="PostgreSQL is a black hole", postgres=Stall),
    Trouble(row=2, name="PostgreSQL answers too late", postgres=_slow),
    Trouble(row=2, name="PostgreSQL in small pieces", postgres=lambda: Slice(7), once=True),
    Trouble(row=3, name="cut before COMMIT", postgres=Cut),
    Trouble(row=3, name="cut before COMMIT, once", postgres=lambda: Cut(times=1), once=True),
    Trouble(row=3, name="57P03 starting up", postgres=lambda: NoLogin("57P03")),
    Trouble(row=4, name="cut after COMMIT", postgres=lambda: Cut(after=True)),
    Trouble(row=4, name="cut after COMMIT, once", postgres=lambda: Cut(after=True, times=1), once=True),
    Trouble(row=4, name="COMMIT is never answered", postgres=lambda: Mute(r"^COMMIT\b")),
    *_sqlstates(5, _40001="serialization failure", _40P01="deadlock", _55P03="lock not available"),
    Trouble(row=5, name="40001 serialization failure, once", postgres=lambda: Sqlstate("40001", times=1), once=True),
    Trouble(row=6, name="53300 too many connections", postgres=lambda: NoLogin("53300")),
    *_sqlstates(7, _53100="disk full", _53200="out of memory"),
    *_sqlstates(8, _25006="read only"),
    *_sqlstates(9, _42P01="table missing"),
    Trouble(row=9, name="28P01 wrong password", postgres=lambda: NoLogin("28P01")),
)
REDIS: Final = (
    Trouble(row=10, name="Redis refuses connections", redis=Refuse),
    Trouble(row=10, name="Redis is a black hole", redis=Stall),
    Trouble(row=10, name="Redis: LOADING", redis=lambda: redis.error("LOADING")),
    Trouble(row=11, name="Redis without AOF", redis=redis.without_aof, heeds=(Asked.LAST,)),
    Trouble(row=12, name="Redis: OOM", redis=lambda: redis.error("OOM")),
    Trouble(row=12, name="Redis: MISCONF", redis=lambda: redis.error("MISCONF")),
    Trouble(row=13, name="Redis: READONLY", redis=lambda: redis.error("READONLY")),
)
FORGETFUL: Final = Trouble(
    row=1,
    name="PostgreSQL refuses; Redis was restarted and knows no script",
    postgres=Refuse,
    redis=lambda: Instead(b"-NOSCRIPT No matching script. Please use EVAL.\r\n", of="^EVALSHA$", times=1),
)
"""Of those who keep letters."""

BOTH: Final = (
    *(
        Trouble(row=14, name=f"PostgreSQL refuses; {trouble.name}", postgres=Refuse, redis=trouble.redis)
        for trouble in REDIS
    ),
    Trouble(
        row=14,
        name="PostgreSQL refuses; Redis keeps the letter and is not heard",
        postgres=Refuse,
        redis=lambda: Mute("^EVALSHA$"),
    ),
    Trouble(row=14, name="PostgreSQL and Redis are black holes", postgres=Stall, redis=Stall),
    Trouble(
        row=14,
        name="53100 disk full; Redis: OOM",
        postgres=lambda: Sqlstate("53100"),
        redis=lambda: redis.error("OOM"),
    ),
)
SINK: Final = (
    Trouble(row=38, name="sink refuses connections", sink=Refuse),
    Trouble(row=38, name="sink is a black hole", sink=Stall),
    Trouble(row=38, name="sink answers too late", sink=_slow),
    Trouble(row=38, name="sink answers 400", sink=lambda: http.status(400)),
    Trouble(row=38, name="sink answers 503", sink=lambda: http.status(503)),
)


def troubles_of(asked: Asked) -> tuple[Trouble, ...]:
    """All that a function meets; of both stores out, what makes a difference to one that never asks Redis."""
    if asked is Asked.NEVER:
        both = tuple(trouble for trouble in BOTH if trouble.redis is Refuse or trouble.postgres is not Refuse)
    else:
        both = BOTH
    letters = (FORGETFUL,) if asked is Asked.LAST else ()
    return (*POSTGRES, *letters, *REDIS, *both, *SINK)
