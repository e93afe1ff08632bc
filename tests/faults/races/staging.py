"""Everything that a round needs, started: replicas that each have a proxy, a clock that is ours, and a journal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final
from urllib.parse import quote

from redis import Redis

from functions.governance_check.lease import KEY
from shared.adapters.dsn import Dsn
from tests.faults.proxy import Proxy
from tests.faults.proxy.postgres import PostgresDialect
from tests.faults.races.broker import Broker
from tests.faults.races.clock import Clock
from tests.faults.races.heats import Track, Trouble
from tests.faults.races.jobs import Job
from tests.faults.races.journal import Journal
from tests.faults.replicas import Replicas
from tests.tables import reading

_REPLICAS: Final = ("replica_1", "replica_2", "replica_3", "replica_4")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a round is about.

    Attributes:
        job: what is ticked.
        replicas: how many processes, 2 to 4.
        troubles: what happens in each slot; None leaves it to chance.
        source: the composition that is started, if not the one that ships.
    """

    job: Job
    replicas: int
    troubles: Sequence[Trouble | None]
    source: str | None = None

    @property
    def names(self) -> Sequence[str]:
        """Of the processes, and under which they log in."""
        return _REPLICAS[: self.replicas]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a round is played.

    Attributes:
        database_url: PostgreSQL, migrated and empty; its clock is ours from now on.
        redis_url: where the lease is.
        sink: where events go.
        folder: for files and logs.
    """

    database_url: str
    redis_url: str
    sink: str
    folder: Path


@asynccontextmanager
async def staged(plan: Plan, place: Place, random: Random) -> AsyncIterator[Track]:
    """The replicas of a plan, and what is around them."""
    dsn = Dsn.parse(place.database_url)
    async with AsyncExitStack() as stack:
        clock = Clock(stack.enter_context(reading(place.database_url)))
        journal = Journal(stack.enter_context(reading(place.database_url)), plan.job.function, plan.names)
        redis = stack.enter_context(Redis.from_url(place.redis_url))
        proxies = {name: stack.enter_context(Proxy(Path(str(dsn.unix_socket)), PostgresDialect)) for name in plan.names}
        shared = {"REDIS_URL": place.redis_url, "EVENT_SINK": place.sink, **plan.job.environment(place.folder)}
        database = f"{quote(dsn.database)}?sslmode=disable"
        settings = {
            name: {**shared, "DATABASE_URL": f"postgresql://{name}@127.0.0.1:{proxy.port}/{database}"}
            for name, proxy in proxies.items()
        }
        replicas = Replicas(plan.source or plan.job.source, place.folder, settings)
        await asyncio.to_thread(replicas.__enter__)
        stack.push(replicas.__exit__)
        broker = Broker(replicas, random, journal.is_done)
        stack.callback(broker.close)
        yield Track(random, clock, replicas, proxies, broker, journal, lambda: redis.delete(KEY))
