"""Redis is there and takes nothing, or takes and is not heard, while PostgreSQL is up and while it is down.

No process dies here: what a server says in a bad state comes from the proxies, in the servers' own words. So every
state is met in every round that is its turn, and the round ends with a look at whether it was.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from tests.faults.load import until
from tests.faults.proxy import Fault, Mute, Proxy, Refuse, Stall, redis
from tests.faults.proxy.postgres import NoLogin, Sqlstate
from tests.faults.rounds import Campaign, Round
from tests.faults.stage import Wiring
from tests.faults.traffic import BRIDGE, RECONCILER, WRITER

_STATES: Final[tuple[tuple[str, Callable[[], Fault]], ...]] = (
    ("OOM", lambda: redis.error("OOM")),
    ("READONLY", lambda: redis.error("READONLY")),
    ("MISCONF", lambda: redis.error("MISCONF")),
    ("LOADING", lambda: redis.error("LOADING")),
    ("stall", Stall),
    ("answer lost", lambda: Mute("^EVALSHA$")),
)
_OUTAGES: Final[tuple[Callable[[], Fault], ...]] = (Refuse, lambda: NoLogin("57P03"), lambda: Sqlstate("25006"))
_NO_DATABASE: Final = "while PostgreSQL took nothing"
_NOTHING: Final = "while PostgreSQL and Redis took nothing"


async def _script(round_: Round) -> None:
    """One state of Redis: beside a sound PostgreSQL, beside none, and once more while letters are being kept."""
    stage = round_.stage
    name, state = _STATES[round_.number % len(_STATES)]
    outage = round_.random.choice(_OUTAGES)
    await round_.acknowledged(20, 40)
    async with _fault(round_, stage.to_redis, state(), must_strike=False):
        await round_.acknowledged(20, 40)
    async with (
        _fault(round_, stage.to_postgres, outage(), must_strike=outage is not Refuse),
        round_.banned(_NO_DATABASE, BRIDGE),
    ):
        await round_.deferred(30, 60)
        async with (
            _fault(round_, stage.to_redis, state(), must_strike=True),
            round_.banned(_NOTHING, WRITER, RECONCILER),
        ):
            await round_.answered(25, 40)
        await round_.deferred(30, 60)
    round_.notes[name] += 1
    await round_.acknowledged(30, 50)


@asynccontextmanager
async def _fault(round_: Round, proxy: Proxy, fault: Fault, *, must_strike: bool) -> AsyncIterator[None]:
    """Inside, a line is bad."""

    def begin() -> None:
        proxy.fault = fault

    def end() -> None:
        proxy.fault = Fault()

    await round_.do(begin)
    yield
    if must_strike:
        await until(lambda: fault.hits > 0, lambda: f"{type(fault).__name__} to strike")
    await round_.do(end)


CAMPAIGN: Final = Campaign(
    name="redis-states",
    does="Redis full, read only, loading, stalled or not heard, PostgreSQL up and down",
    script=_script,
    share=36,
    whole=102,  # each state 17 times; see redis
    shows=("deferred", "refused"),
    wiring=Wiring(proxied=True),
)
