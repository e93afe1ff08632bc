"""What goes wrong with PostgreSQL, with Redis, and with whoever is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.faults.proxy import Fault, Latency, Mute, Refuse, Slice, Stall, Way, http, redis
from tests.faults.proxy.postgres import Cut, NoLogin, Sqlstate

_LONGER_THAN_ANY_LIMIT_S: Final = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """The faults of a cell, made anew for each; ``sink`` is whoever the function tells, a broker or a chat."""

    name: str
    postgres: Callable[[], Fault] = Fault
    redis: Callable[[], Fault] = Fault
    sink: Callable[[], Fault] = Fault


def _slow() -> Fault:
    return Latency(_LONGER_THAN_ANY_LIMIT_S, ways=[Way.DOWN])


POSTGRES: Final = (
    Trouble(name="PostgreSQL refuses connections", postgres=Refuse),
    Trouble(name="PostgreSQL is a black hole", postgres=Stall),
    Trouble(name="PostgreSQL answers too late", postgres=_slow),
    Trouble(name="cut before COMMIT", postgres=Cut),
    Trouble(name="cut after COMMIT", postgres=lambda: Cut(after=True)),
    Trouble(name="COMMIT is never answered", postgres=lambda: Mute(r"^COMMIT\b")),
    Trouble(name="40001 serialization failure", postgres=lambda: Sqlstate("40001")),
    Trouble(name="53300 too many connections", postgres=lambda: NoLogin("53300")),
    Trouble(name="57P03 starting up", postgres=lambda: NoLogin("57P03")),
    Trouble(name="25006 read only", postgres=lambda: Sqlstate("25006")),
    Trouble(name="53100 disk full", postgres=lambda: Sqlstate("53100")),
    Trouble(name="42P01 table missing", postgres=lambda: Sqlstate("42P01")),
)
ONCE: Final = (
    Trouble(name="cut before COMMIT, once", postgres=lambda: Cut(times=1)),
    Trouble(name="cut after COMMIT, once", postgres=lambda: Cut(after=True, times=1)),
    Trouble(name="40001 serialization failure, once", postgres=lambda: Sqlstate("40001", times=1)),
)
PIECES: Final = Trouble(name="PostgreSQL in small pieces", postgres=lambda: Slice(7))
REDIS: Final = (
    Trouble(name="Redis refuses connections", redis=Refuse),
    Trouble(name="Redis is a black hole", redis=Stall),
    Trouble(name="Redis: OOM", redis=lambda: redis.error("OOM")),
    Trouble(name="Redis: READONLY", redis=lambda: redis.error("READONLY")),
    Trouble(name="Redis: MISCONF", redis=lambda: redis.error("MISCONF")),
    Trouble(name="Redis: LOADING", redis=lambda: redis.error("LOADING")),
)
NO_AOF: Final = Trouble(name="Redis without AOF", redis=redis.without_aof)
SINK: Final = (
    Trouble(name="sink refuses connections", sink=Refuse),
    Trouble(name="sink is a black hole", sink=Stall),
    Trouble(name="sink answers too late", sink=_slow),
    Trouble(name="sink answers 400", sink=lambda: http.status(400)),
    Trouble(name="sink answers 503", sink=lambda: http.status(503)),
)
BOTH: Final = (
    *(
        Trouble(name=f"PostgreSQL refuses; {trouble.name}", postgres=Refuse, redis=trouble.redis)
        for trouble in (*REDIS, NO_AOF)
    ),
    Trouble(
        name="PostgreSQL refuses; Redis keeps the letter and is not heard",
        postgres=Refuse,
        redis=lambda: Mute("^EVALSHA$"),
    ),
    Trouble(name="PostgreSQL and Redis are black holes", postgres=Stall, redis=Stall),
    Trouble(name="53100 disk full; Redis: OOM", postgres=lambda: Sqlstate("53100"), redis=lambda: redis.error("OOM")),
)
