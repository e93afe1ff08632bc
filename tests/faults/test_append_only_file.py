"""Redis says that AOF is enabled as soon as it is switched on, and forgets everything until the file is whole.

And while it syncs that file it answers what it has not written yet.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from redis.asyncio import Redis

from shared.adapters.dead_letter_streams import RedisDeadLetters, connect
from shared.domain.dead_letters import KNOWLEDGE_STREAM, DeadLetter
from shared.domain.errors import QueueUnavailable
from shared.domain.events import Event
from shared.domain.failures import LOST_CONNECTION
from shared.local import redis_program
from shared.local.redis import EmbeddedRedis
from tests.faults.proxy.listener import Proxy
from tests.faults.proxy.redis import RedisDialect, writing_late

pytestmark = pytest.mark.skipif(
    redis_program.find() is None, reason="no Redis on this machine: install redis-server 6.2 or newer"
)

_NOW = datetime(2024, 5, 17, tzinfo=UTC)
_LETTER = DeadLetter(
    event=Event(id="ev-1", source="/chaos", type="com.example.thing.happened.v1", time=_NOW),
    fn="km-write",
    failure=LOST_CONNECTION,
    attempts=1,
    first_failed_at=_NOW,
)
_A_SECOND_US = 1_000_000


async def test_a_letter_is_refused_until_the_first_append_only_file_is_whole(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path / "redis", append_only=False) as server:
        redis: Any = Redis.from_url(server.url)
        client = connect(server.url)
        letters = RedisDeadLetters(client)
        await redis.set("anything", "to write")
        await redis.config_set("rdb-key-save-delay", _A_SECOND_US)
        await redis.config_set("appendonly", "yes")

        with pytest.raises(QueueUnavailable):
            await letters.put(KNOWLEDGE_STREAM, _LETTER)

        while (await redis.info("persistence"))["aof_rewrite_in_progress"]:
            continue
        await letters.put(KNOWLEDGE_STREAM, _LETTER)
        await redis.aclose()
        await client.aclose()
        server.kill9()

    with EmbeddedRedis(tmp_path / "redis") as server:
        client = connect(server.url)
        assert (await RedisDeadLetters(client).depth(KNOWLEDGE_STREAM)).entries == 1
        await client.aclose()


async def test_a_letter_is_refused_while_redis_has_answered_more_than_it_has_written(durable_redis: Any) -> None:
    with Proxy(Path(unquote(urlsplit(durable_redis.url).path)), RedisDialect) as proxy:
        client = connect(f"redis://127.0.0.1:{proxy.port}/0")
        letters = RedisDeadLetters(client)
        proxy.fault = writing_late()
        with pytest.raises(QueueUnavailable, match="slow to write"):
            await letters.put(KNOWLEDGE_STREAM, _LETTER)

        waiting = asyncio.create_task(letters.put(KNOWLEDGE_STREAM, _LETTER))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        proxy.fault = None
        await waiting
        assert (await letters.depth(KNOWLEDGE_STREAM)).entries == 1
        await client.aclose()
