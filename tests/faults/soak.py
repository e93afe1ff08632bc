"""Everything at once, for as long as one likes: two Alertmanagers, producers behind a broker, ticks, and troubles.

Nothing is counted until the end, and then everything has to be there. On the way, nobody may be without an answer for
longer than a trouble lasted and five seconds more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from itertools import count, pairwise
from random import Random
from typing import Any, Final

from shared.domain.knowledge import KNOWLEDGE_WRITE_REQUESTED
from tests.faults.audit import Ban
from tests.faults.brokered import BrokeredCampaign, BrokeredRound
from tests.faults.doubles.alertmanager import AlertmanagerDouble, Timing
from tests.faults.load import Delivery, until
from tests.faults.rounds import tick
from tests.faults.stage import Wiring
from tests.faults.stories import DAY
from tests.faults.traffic import BRIDGE, WRITER
from tests.faults.troubles import schedule

NAME: Final = "soak"
USUAL_S: Final = 60.0
WHOLE_S: Final = 1_800.0
SHORT_S: Final = 20.0
"""For a planted bug, which needs every trouble once and none of them for long."""

_EVENTS_PER_S: Final = 50.0
_HOPELESS: Final = 0.01
_ALERT_EVERY_S: Final = 0.2
_FIRES_S: Final = 3.0
_TICK_EVERY_S: Final = 0.5
_RECOVERS_S: Final = 5.0
_GROUPS: Final = ("KubePodCrashLooping", "HostOutOfMemory", "TargetDown", "HighErrorRate")
_TIMING: Final = Timing(group_wait_s=0.05, group_interval_s=0.4, repeat_interval_s=3.0, flush_s=2.0, pause_s=0.05)
_2XX: Final = range(200, 300)

Span = tuple[float, float]
"""From when to when, in monotonic seconds."""


def soak(seconds: float) -> BrokeredCampaign:
    """The campaign: a round lasts about so many seconds."""
    return BrokeredCampaign(
        name=NAME,
        does="every trouble, with a broker and two Alertmanagers that never rest",
        script=partial(_script, seconds=seconds),
        share=1,
        whole=1,  # of WHOLE_S
        time_scale=0.004,
        shows=("acknowledged", "refused", "deferred"),
        wiring=Wiring(proxied=True, brokered=True, settings={"KM_WRITE_TIMEOUT_SECONDS": "1.5"}),
    )


async def _script(round_: BrokeredRound, *, seconds: float) -> None:
    began = time.monotonic()
    async with _alertmanagers(round_) as alertmanagers, AsyncExitStack() as ended:
        for busy in (_produce(round_), _alert(Random(round_.random.random()), alertmanagers), _keep_time(round_)):
            task = asyncio.create_task(busy)
            ended.push_async_callback(_end, task)
        spans = await _suffer(round_, seconds)
        await ended.aclose()
        await until(lambda: not any(each.has_news for each in alertmanagers), lambda: "alerts to be told")
    round_.notes["troubles"] += len(spans)
    round_.notes["seconds"] += round(time.monotonic() - began)
    for function in (WRITER, BRIDGE):
        round_.problems += silences(function, round_.deliveries(), spans)


@asynccontextmanager
async def _alertmanagers(round_: BrokeredRound) -> AsyncIterator[Sequence[AlertmanagerDouble]]:
    """Two that do not see each other, so that everything is told twice."""
    bridge = round_.stage.services[BRIDGE]
    pair = [
        AlertmanagerDouble(f"{bridge.url}/alertmanager", bridge.headers, _TIMING, Random(round_.random.random()))
        for _ in range(2)
    ]
    async with pair[0], pair[1]:
        yield pair
    round_.notified += [made for each in pair for made in each.tries]


async def _produce(round_: BrokeredRound) -> None:
    """Producers, who do not wait for anybody."""
    for number, document in enumerate(round_.documents()):
        await round_.send(document)
        if round_.random.random() < _HOPELESS:
            await _send_hopeless(round_, number)
        await asyncio.sleep(round_.random.uniform(0, 2 / _EVENTS_PER_S))


async def _send_hopeless(round_: BrokeredRound, number: int) -> None:
    document: dict[str, Any] = {
        "specversion": "1.0",
        "id": f"hopeless-{round_.number}-{number}",
        "source": round_.source,
        "type": KNOWLEDGE_WRITE_REQUESTED,
        "data": {"path_type": "nobody knows"},
    }
    round_.hopeless.add(document["id"])
    await round_.send(document)


async def _alert(random: Random, alertmanagers: Sequence[AlertmanagerDouble]) -> None:
    """Alerts begin, and most of them end, on the day of all other events."""
    firing: list[str] = []
    for number in count():
        moment = DAY + timedelta(seconds=number)
        labels = {"alertname": random.choice(_GROUPS), "pod": f"api-{random.getrandbits(64):016x}"}
        firing += {each.fire(labels, moment) for each in alertmanagers}
        if random.random() < len(firing) * _ALERT_EVERY_S / _FIRES_S:
            fingerprint = firing.pop(random.randrange(len(firing)))
            for each in alertmanagers:
                each.resolve(fingerprint, moment)
        await asyncio.sleep(random.uniform(0, 2 * _ALERT_EVERY_S))


async def _keep_time(round_: BrokeredRound) -> None:
    while True:
        await asyncio.sleep(_TICK_EVERY_S)
        await tick(round_.stage)


async def _suffer(round_: BrokeredRound, seconds: float) -> list[Span]:
    """One trouble after the other; when each was there."""
    spans: list[Span] = []
    for turn in schedule(Random(round_.random.random()), seconds):
        await asyncio.sleep(turn.calm_s)
        began = time.monotonic()
        await asyncio.to_thread(turn.trouble.begin, round_.stage)
        there = time.monotonic()
        try:
            await asyncio.sleep(turn.lasts_s)
            leaves = time.monotonic()
        finally:
            await asyncio.to_thread(turn.trouble.end, round_.stage)
        spans.append((began, time.monotonic()))
        why = f"in: {turn.trouble.name}"
        round_.bans += [Ban(function, _2XX, there, leaves, why) for function in turn.trouble.forbids]
    return spans


def silences(function: str, deliveries: Sequence[Delivery], spans: Sequence[Span]) -> list[str]:
    """Times without an acknowledgement that no trouble explains."""
    acknowledged = sorted(each.ended for each in deliveries if each.accepted and each.post.function == function)
    found = []
    for earlier, later in pairwise(acknowledged):
        if later - earlier <= _RECOVERS_S:  # needs no excuse; half an hour has too many to look for one each time
            continue
        troubled_s = sum(max(0.0, min(later, end) - max(earlier, begin)) for begin, end in spans)
        if later - earlier > troubled_s + _RECOVERS_S:
            found.append(f"{function} acknowledged nothing for {later - earlier:.1f} s, {troubled_s:.1f} s of trouble")
    return found


async def _end(task: asyncio.Task[None]) -> None:
    """Stop what would go on for ever; what went wrong with it is not to be lost."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
