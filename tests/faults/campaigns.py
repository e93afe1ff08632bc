"""What is done to the servers and functions, at instants that the seed and the load decide.

A script begins and ends with everything up. Whatever it waits for is counted in answers of the load.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Final

from tests.faults import commits, overflow, redis_states
from tests.faults.brokered import BrokeredCampaign
from tests.faults.evidence import Evidence
from tests.faults.load import Load, until
from tests.faults.orders.campaign import OrdersCampaign
from tests.faults.races.campaign import RacesCampaign
from tests.faults.rounds import Campaign, Round, tick
from tests.faults.soak import SHORT_S, soak
from tests.faults.steps.campaign import StepsCampaign
from tests.faults.traffic import BRIDGE, RECONCILER, WRITER
from tests.faults.verification.campaign import VerificationCampaign

_NO_DATABASE: Final = "while PostgreSQL was down"
_NOTHING: Final = "while PostgreSQL and Redis were down"
_FORGETFUL: Final = "while Redis had no append-only file"
_202: Final = range(202, 203)
_IN_FLIGHT_S: Final = 0.1  # a request this old has been read by the function


async def _postgres(round_: Round) -> None:
    stage = round_.stage
    await round_.acknowledged(30, 90)
    await round_.kill9(stage.postgres.kill9)
    async with round_.banned(_NO_DATABASE, BRIDGE):
        await round_.answered(20, 60)
    await round_.do(stage.postgres.start)
    await round_.acknowledged(30, 50)


async def _writer(round_: Round) -> None:
    """km-write, at times while there is only the dead letter stream to write to."""
    stage = round_.stage
    if round_.random.random() < 0.5:
        await _killed(round_, WRITER)
        return
    await round_.acknowledged(10, 30)
    await round_.kill9(stage.postgres.kill9)
    async with round_.banned(_NO_DATABASE, BRIDGE):
        await _killed(round_, WRITER)
    await round_.do(stage.postgres.start)


async def _bridge(round_: Round) -> None:
    await _killed(round_, BRIDGE)


async def _killed(round_: Round, function: str) -> None:
    await round_.acknowledged(30, 90, function)
    await round_.kill9(lambda: round_.stage.functions.kill9(function))
    await round_.do(lambda: round_.stage.start(function))
    await round_.acknowledged(30, 50, function)


async def _drain(round_: Round) -> None:
    """Twice in one drain, backfill-reconcile is killed, or a store it needs."""
    stage = round_.stage
    victims: list[tuple[Callable[[], object], Callable[[], object]]] = [
        (lambda: stage.functions.kill9(RECONCILER), lambda: stage.start(RECONCILER)),
        (stage.postgres.kill9, stage.postgres.start),
        (stage.redis.kill9, stage.redis.start),
    ]
    await round_.acknowledged(10, 30)
    await round_.kill9(stage.postgres.kill9)
    await round_.deferred(100, 180)
    await round_.do(stage.postgres.start)
    await round_.load.finish()
    for kill, start in round_.random.choices(victims, weights=[2, 1, 1], k=2):
        ticking = await _drain_under_way(round_)
        await round_.kill9(kill)
        await ticking
        await round_.do(start)


async def _drain_under_way(round_: Round) -> asyncio.Task[None]:
    """A tick that has come some part of its way through the letters."""
    async with Evidence(round_.stage) as evidence:
        left = round_.random.uniform(0.1, 0.9) * await evidence.depth()
        ticking = asyncio.create_task(tick(round_.stage))
        while await evidence.depth() > left and not ticking.done():
            continue
    return ticking


async def _both(round_: Round) -> None:
    """Both stores down, in any order, Redis killed or stalled; back in any order."""
    stage, stalled = round_.stage, round_.random.random() < 0.5
    await round_.acknowledged(30, 90)
    down: list[Callable[[], object]] = [stage.postgres.kill9, stage.stall_redis if stalled else stage.redis.kill9]
    up: list[Callable[[], object]] = [stage.postgres.start, stage.resume_redis if stalled else stage.redis.start]
    round_.random.shuffle(down)
    round_.random.shuffle(up)
    for bring_down in down:
        await round_.do(bring_down)
    round_.notes["kill -9"] += 1 if stalled else 2
    async with round_.banned(_NOTHING, WRITER, BRIDGE, RECONCILER):
        await round_.answered(20, 40)
    for bring_up in up:
        await round_.do(bring_up)
    await round_.acknowledged(30, 50)


async def _redis(round_: Round) -> None:
    """Redis killed, or stalled, while it is the only store and events are being deferred."""
    stage, stalled = round_.stage, round_.random.random() < 0.5
    await round_.acknowledged(20, 40)
    await round_.kill9(stage.postgres.kill9)
    async with round_.banned(_NO_DATABASE, BRIDGE):
        await round_.deferred(60, 100)
        if stalled:
            await round_.do(stage.stall_redis)
        else:
            await round_.kill9(stage.redis.kill9)
        async with round_.banned(_NOTHING, WRITER, RECONCILER):
            await round_.answered(20, 30)
        await round_.do(stage.resume_redis if stalled else stage.redis.start)
        await round_.deferred(30, 60)
    await round_.do(stage.postgres.start)
    await round_.acknowledged(30, 50)


async def _forgetful(round_: Round) -> None:
    """Redis would forget what it takes, so nothing may be deferred to it."""
    stage = round_.stage
    async with AsyncExitStack() as restored:
        await asyncio.to_thread(restored.enter_context, stage.redis_without_aof())
        async with round_.banned(_FORGETFUL, WRITER, statuses=_202):
            await round_.acknowledged(20, 60)
            await round_.kill9(stage.postgres.kill9)
            async with round_.banned(_FORGETFUL, WRITER, BRIDGE, RECONCILER):
                await round_.answered(30, 60)
            await round_.do(stage.postgres.start)
            await round_.acknowledged(30, 50)


async def _sigterm(round_: Round) -> None:
    """Asked to end while every client waits for an answer: each gets one."""
    stage, load = round_.stage, round_.load
    await round_.acknowledged(30, 90)
    async with Evidence(stage) as evidence:
        held = await evidence.hold_inbox()
        await until(lambda: _in_flight(load) == load.clients[WRITER], lambda: "every client to wait for an answer")
        in_flight = list(load.under_way)
        ending = asyncio.create_task(asyncio.to_thread(stage.functions.terminate, WRITER))
        await asyncio.sleep(round_.random.uniform(0.05, 0.5))
        await held.rollback()
    code = await ending
    await round_.do(lambda: stage.start(WRITER))
    await round_.acknowledged(30, 50)
    unanswered = sum(delivery.status is None for delivery in in_flight)
    round_.notes["in flight at SIGTERM"] += len(in_flight)
    if unanswered:
        round_.problems.append(f"{unanswered} of {len(in_flight)} requests in flight at SIGTERM got no answer")
    if code != 0:
        round_.problems.append(f"km-write ended with {code} on SIGTERM")


def _in_flight(load: Load) -> int:
    return sum(time.monotonic() - delivery.began > _IN_FLIGHT_S for delivery in load.under_way)


AnyCampaign = Campaign | BrokeredCampaign | VerificationCampaign | RacesCampaign | OrdersCampaign | StepsCampaign

CAMPAIGNS: Final[tuple[AnyCampaign, ...]] = (
    Campaign(
        name="postgres",
        does="PostgreSQL kill -9 under load",
        script=_postgres,
        share=40,
        whole=300,  # kill -9 of PostgreSQL
        shows=("deferred",),
    ),
    Campaign(
        name="km-write",
        does="km-write kill -9 under load, with and without PostgreSQL",
        script=_writer,
        share=24,
        whole=300,  # with alert-bridge 500 kill -9 of a function, at any instant
        shows=("refused",),
    ),
    Campaign(
        name="alert-bridge",
        does="alert-bridge kill -9 under webhooks",
        script=_bridge,
        share=20,
        whole=200,  # see km-write
        clients={WRITER: 3, BRIDGE: 10},
        watched=BRIDGE,
        shows=("refused",),
    ),
    Campaign(
        name="drain",
        does="backfill-reconcile or a store kill -9, twice in a drain",
        script=_drain,
        share=16,
        whole=100,  # 200 kill -9 while letters are replayed
        shows=("deferred",),
    ),
    Campaign(
        name="both",
        does="PostgreSQL and Redis down together",
        script=_both,
        share=30,
        whole=60,  # outages of both stores
        shows=("refused",),
    ),
    Campaign(
        name="redis",
        does="Redis kill -9 or stalled while events are deferred to it",
        script=_redis,
        share=16,
        whole=66,  # with redis-states and no-aof 200 troubles of Redis
        shows=("deferred", "refused"),
    ),
    Campaign(
        name="no-aof",
        does="Redis without AOF, PostgreSQL kill -9",
        script=_forgetful,
        share=8,
        whole=32,  # see redis
        shows=("refused",),
    ),
    Campaign(
        name="sigterm",
        does="km-write SIGTERM with every client waiting",
        script=_sigterm,
        share=10,
        whole=200,  # SIGTERM
        clients={WRITER: 12},
    ),
    redis_states.CAMPAIGN,
    overflow.CAMPAIGN,
    commits.CAMPAIGN,
    soak(SHORT_S),  # as long as it takes to catch a bug; a run asks for its own
    VerificationCampaign(),
    RacesCampaign(),
    OrdersCampaign(),
    StepsCampaign(),
)
