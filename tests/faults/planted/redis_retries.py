"""Leaves the Redis client its own retries and appends without asking what is there: one stall, two letters."""

from __future__ import annotations

import json
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from functions.km_write import main
from shared.domain.dead_letters import DeadLetter
from shared.domain.errors import QueueUnavailable
from tests.faults.planted.composition import compose


class RetriedLetters:
    """A dead letter queue on the client as it comes."""

    def __init__(self) -> None:
        url, timeout_s = main.settings.redis_url.get_secret_value(), main.settings.queue_timeout_seconds
        self._redis: Any = Redis.from_url(url, protocol=2, socket_timeout=timeout_s)

    async def put(self, stream: str, letter: DeadLetter) -> None:
        """Append a letter."""
        try:
            await self._redis.xadd(stream, {"letter": json.dumps(letter.document())})
        except (RedisError, OSError) as error:
            raise QueueUnavailable("Redis did not take the letter") from error


handle = compose(dead_letters=RetriedLetters())
