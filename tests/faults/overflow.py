"""More is sent than the dead letter stream may hold, while it is the only store.

Up to its cap it takes letters, after it km-write refuses, and what it took comes out whole. Nothing here is a matter of
luck: the first refusal must find the stream exactly at its cap.
"""

from __future__ import annotations

import asyncio
from typing import Final

from tests.faults.evidence import Streams
from tests.faults.load import Load, Stuck
from tests.faults.rounds import Campaign, Round
from tests.faults.stage import Wiring
from tests.faults.traffic import BRIDGE, RECONCILER, WRITER

_CAP: Final = 120
_NO_DATABASE: Final = "while PostgreSQL was down"
_FULL: Final = "while the stream was full"
_PATIENCE_S: Final = 30.0
_LOOK_S: Final = 0.01


async def _script(round_: Round) -> None:
    """Fill the stream, go on sending as much again, and let it drain."""
    stage = round_.stage
    await round_.acknowledged(20, 40)
    await round_.kill9(stage.postgres.kill9)
    async with round_.banned(_NO_DATABASE, BRIDGE), Streams(stage) as streams:
        depth = await _filled(round_.load, streams)
        if depth != _CAP:
            round_.problems.append(f"{depth} letters were waiting, with a cap of {_CAP}, when events were refused")
        kept = await streams.letters()
        async with round_.banned(_FULL, WRITER, spared=kept.keys()):
            await round_.answered(_CAP, 2 * _CAP)
        round_.notes["letters at the cap"] += depth
    await round_.do(stage.postgres.start)
    await round_.acknowledged(30, 50)


async def _filled(load: Load, streams: Streams) -> int:
    """The length of km-write's stream once it has reached its cap, or once twice as many letters were acknowledged."""
    before = len(load.deliveries)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                depth, *_ = await streams.depths()
                told = [each for each in load.deliveries[before:] if each.deferred and each.post.function == WRITER]
                if depth >= _CAP or len({fact for each in told for fact in each.post.facts}) >= 2 * _CAP:
                    return depth
                await asyncio.sleep(_LOOK_S)
    except TimeoutError:
        raise Stuck("the dead letter stream neither filled nor overflowed") from None


CAMPAIGN: Final = Campaign(
    name="overflow",
    does="more events than the dead letter stream may hold, PostgreSQL kill -9",
    script=_script,
    share=6,
    whole=12,  # times twice as much as the stream may hold
    clients={WRITER: 40, BRIDGE: 1, RECONCILER: 1},
    shows=("deferred", "refused"),
    wiring=Wiring(settings={"DLQ_MAX_ENTRIES": str(_CAP)}),
)
