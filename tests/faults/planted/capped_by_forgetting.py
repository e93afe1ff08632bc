"""Keeps the stream within its cap by forgetting the oldest letters, as XADD with MAXLEN does, instead of refusing."""

from __future__ import annotations

import json
from typing import Any

from redis.exceptions import RedisError

from functions.km_write import main
from shared.adapters.dead_letter_streams import connect
from shared.domain.dead_letters import DeadLetter
from shared.domain.errors import QueueUnavailable
from tests.faults.planted.composition import compose


class CappedLetters:
    """A dead letter queue that is never full."""

    def __init__(self) -> None:
        self._redis: Any = connect(main.redis_url)
        self._most = main.settings.dlq_max_entries

    async def put(self, stream: str, letter: DeadLetter) -> None:
        """Append a letter; Redis makes room for it."""
        try:
            await self._redis.xadd(
                stream, {"letter": json.dumps(letter.document())}, maxlen=self._most, approximate=False
            )
        except (RedisError, OSError) as error:
            raise QueueUnavailable("Redis did not take the letter") from error


handle = compose(dead_letters=CappedLetters())
