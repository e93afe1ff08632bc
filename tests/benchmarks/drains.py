"""Dead letters into PostgreSQL: the drain, and what it is compared with.

``python -m tests.benchmarks.drains <way> <database url> <redis url> <letters> <run>``. ``drain`` is the one of
backfill-reconcile. ``list`` pops letters off a Redis list and writes them one by one, through the same store.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import uvloop
from redis.asyncio import Redis

from functions.backfill_reconcile.drain import Drain, DrainPolicy
from functions.backfill_reconcile.upkeep import KnowledgeReplay, PostgresQuarantine
from shared.adapters.dead_letter_streams import RedisDeadLetters, connect
from shared.adapters.dsn import Dsn
from shared.adapters.knowledge_store import PostgresKnowledge
from shared.adapters.postgres import Database
from shared.adapters.system import SystemClock
from shared.domain.dead_letters import KNOWLEDGE_STREAM, Caps, DeadLetter
from shared.domain.events import from_structured
from shared.domain.failures import LOST_CONNECTION
from shared.domain.knowledge import WRITER
from shared.domain.writes import write_of
from tests.benchmarks import samples
from tests.benchmarks.results import Failed, Run

_LIST = "benchmark:list"
_FILLERS = 32
_DEADLINE_S = 30.0
_NO_BUDGET_S = 3600.0


def letters(run: str, count: int) -> Iterator[DeadLetter]:
    """Letters as km-write leaves them when PostgreSQL is out."""
    now = datetime.now(UTC)
    for number in range(count):
        event = samples.event(run, number)
        yield DeadLetter(event=event, fn=WRITER, failure=LOST_CONNECTION, attempts=2, first_failed_at=now)


async def drain(redis: Redis, database: Database, count: int, run: str) -> float:
    """Seconds to drain a stream of ``count`` letters."""
    caps = Caps(entries=2 * count, bytes=2**40, durability_asserted=True)
    queue = RedisDeadLetters(redis, caps, consumer="benchmark")
    todo = letters(run, count)

    async def fill() -> None:
        for letter in todo:
            await queue.put(KNOWLEDGE_STREAM, letter)

    await asyncio.gather(*(fill() for _ in range(_FILLERS)))
    replay = KnowledgeReplay(PostgresKnowledge(database, announce=False), deadline_s=_DEADLINE_S)
    policy = DrainPolicy(budget_s=_NO_BUDGET_S)
    began = time.perf_counter()
    done = await Drain(KNOWLEDGE_STREAM, queue, PostgresQuarantine(database), replay, SystemClock(), policy).run()
    seconds = time.perf_counter() - began
    if (done.replayed, done.remaining) != (count, 0):
        raise Failed(f"of {count} letters the drain replayed {done.replayed} and left {done.remaining}")
    return seconds


async def replay_list(redis: Redis, database: Database, count: int, run: str) -> float:
    """Seconds to replay a list of ``count`` letters one by one."""
    for letter in letters(run, count):
        await redis.rpush(_LIST, json.dumps(letter.document()))
    knowledge = PostgresKnowledge(database, announce=False)
    began = time.perf_counter()
    while (raw := await redis.lpop(_LIST)) is not None:
        letter = json.loads(str(raw))
        await knowledge.write([write_of(from_structured(letter["event"]))], deadline_s=_DEADLINE_S)
    return time.perf_counter() - began


async def main(way: str, database_url: str, redis_url: str, count: int, run: str) -> None:
    redis = connect(redis_url, timeout_s=_DEADLINE_S)
    database = Database(Dsn.parse(database_url), application="benchmark")
    seconds = await (drain if way == "drain" else replay_list)(redis, database, count, run)
    rows = await database.run(lambda connection: connection.rows("SELECT count(*) FROM knowledge_entries"))
    if rows[0][0] != count:
        raise Failed(f"of {count} letters {rows[0][0]} are in PostgreSQL")
    database.close()
    await redis.aclose()
    Run(count / seconds).report()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5]))
