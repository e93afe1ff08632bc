"""What goes wrong during a soak, one thing at a time, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.faults.proxy import Fault, Latency, Mute, Proxy, Refuse, Stall, http, redis
from tests.faults.proxy.postgres import Cut, NoLogin, Sqlstate
from tests.faults.stage import Stage
from tests.faults.traffic import BRIDGE, RECONCILER, WRITER

_LONGEST_TURN_S: Final = 3.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something that begins and is over.

    Attributes:
        forbids: functions that can acknowledge nothing while it lasts.
    """

    name: str
    begin: Callable[[Stage], object]
    end: Callable[[Stage], object]
    forbids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """When a trouble comes: seconds of calm before it, and seconds that it lasts."""

    trouble: Trouble
    calm_s: float
    lasts_s: float


def _lines(
    name: str, *faults: tuple[Callable[[Stage], Proxy], Callable[[], Fault]], forbids: tuple[str, ...] = ()
) -> Trouble:
    """Lines through the proxies that are bad together."""

    def begin(stage: Stage) -> None:
        for proxy, fault in faults:
            proxy(stage).fault = fault()

    def end(stage: Stage) -> None:
        stage.heal()

    return Trouble(name=name, begin=begin, end=end, forbids=forbids)


def _kill(function: str) -> Trouble:
    return Trouble(
        name=f"{function} kill -9",
        begin=lambda stage: stage.functions.kill9(function),
        end=lambda stage: stage.start(function),
    )


def _postgres(stage: Stage) -> Proxy:
    return stage.to_postgres


def _redis(stage: Stage) -> Proxy:
    return stage.to_redis


def _broker(stage: Stage) -> Proxy:
    return stage.to_broker


TROUBLES: Final = (
    _lines("PostgreSQL refuses connections", (_postgres, Refuse), forbids=(BRIDGE,)),
    _lines("PostgreSQL is a black hole", (_postgres, Stall), forbids=(BRIDGE,)),
    _lines("PostgreSQL is slow", (_postgres, lambda: Latency(0.1))),
    _lines("57P03 starting up", (_postgres, lambda: NoLogin("57P03")), forbids=(BRIDGE,)),
    _lines("25006 read only", (_postgres, lambda: Sqlstate("25006")), forbids=(BRIDGE,)),
    _lines("40001 serialization failure", (_postgres, lambda: Sqlstate("40001", times=20))),
    _lines("cut before COMMIT", (_postgres, lambda: Cut(times=20))),
    _lines("cut after COMMIT", (_postgres, lambda: Cut(after=True, times=20))),
    _lines("Redis: OOM", (_redis, lambda: redis.error("OOM"))),
    _lines("Redis is a black hole", (_redis, Stall)),
    _lines("broker answers 503", (_broker, lambda: http.status(503))),
    _lines("broker is a black hole", (_broker, Stall)),
    _lines(
        "PostgreSQL and Redis refuse connections",
        (_postgres, Refuse),
        (_redis, Refuse),
        forbids=(WRITER, BRIDGE, RECONCILER),
    ),
    _lines(
        "PostgreSQL refuses connections, Redis keeps letters and is not heard",
        (_postgres, Refuse),
        (_redis, lambda: Mute("^EVALSHA$")),
        forbids=(WRITER, BRIDGE),
    ),
    Trouble(
        name="PostgreSQL kill -9",
        begin=lambda stage: stage.postgres.kill9(),
        end=lambda stage: stage.postgres.start(),
        forbids=(BRIDGE,),
    ),
    Trouble(name="Redis kill -9", begin=lambda stage: stage.redis.kill9(), end=lambda stage: stage.redis.start()),
    _kill(WRITER),
    _kill(BRIDGE),
    _kill(RECONCILER),
)


def schedule(random: Random, seconds: float) -> Iterator[Turn]:
    """Every trouble in an order of chance, again and again if there is time, for about so many seconds."""
    turn_s = min(_LONGEST_TURN_S, seconds / len(TROUBLES))
    left_s = seconds
    while left_s > 0:
        for trouble in random.sample(TROUBLES, len(TROUBLES)):
            if left_s <= 0:
                return
            left_s -= turn_s
            yield Turn(trouble, calm_s=turn_s * random.uniform(0.2, 0.5), lasts_s=turn_s * random.uniform(0.2, 0.7))
