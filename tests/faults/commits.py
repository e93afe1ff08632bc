"""The line to PostgreSQL breaks at COMMIT: before the server has it, or after it was done and before anybody knows.

Both look the same from here, so km-write refuses and the broker sends the event again. It may neither be lost nor take
effect twice. km-write has one try and keeps nothing in Redis, so that each cut is a redelivery.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any, Final

from tests.faults.brokered import BrokeredCampaign, BrokeredRound
from tests.faults.load import Stuck, until
from tests.faults.proxy.postgres import Cut
from tests.faults.stage import Wiring

CUTS: Final = 25  # of each kind, in a round
_BETWEEN_EVENTS_S: Final = 0.02
_PATIENCE_S: Final = 30.0


async def _script(round_: BrokeredRound) -> None:
    kinds = [True, False] * CUTS
    round_.random.shuffle(kinds)
    documents = round_.documents()
    for after in kinds:
        await _cut_once(round_, documents, after=after)
        round_.notes["cuts after COMMIT" if after else "cuts before COMMIT"] += 1


async def _cut_once(round_: BrokeredRound, documents: Iterator[dict[str, Any]], *, after: bool) -> None:
    """Send events until a COMMIT was cut, and let the next ones through: what was cut off meets what came meanwhile."""
    cut = Cut(after=after, times=1)
    round_.stage.to_postgres.fault = cut
    deadline = time.monotonic() + _PATIENCE_S
    while not cut.hits:
        await round_.send(next(documents))
        await asyncio.sleep(round_.random.uniform(0, _BETWEEN_EVENTS_S))
        if time.monotonic() > deadline:
            raise Stuck(f"nothing was committed in {_PATIENCE_S:.0f} s")
    delivered = round_.broker.stats["delivered"]
    await until(lambda: round_.broker.stats["delivered"] > delivered, lambda: "a delivery after a cut")


CAMPAIGN: Final = BrokeredCampaign(
    name="commit",
    does="the line to PostgreSQL cut before or after COMMIT, events sent again by a broker",
    script=_script,
    share=20,
    whole=500 // CUTS,  # 500 cuts of each kind
    time_scale=0.01,
    wiring=Wiring(proxied=True, brokered=True, settings={"DEFER": "off", "KM_RETRY_MAX": "1"}),
)
