"""Keeps the stream short by trimming it after each letter, as LTRIM did with the first design's list."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from redis.exceptions import RedisError

from functions.km_write import main
from shared.adapters.dead_letter_streams import connect
from shared.domain.dead_letters import DeadLetter
from shared.domain.ports import DeadLetterQueue
from tests.faults.planted.composition import compose

_MOST: Final = 50


class TrimmedLetters:
    """A dead letter queue that keeps the newest few."""

    def __init__(self, sound: DeadLetterQueue) -> None:
        self._sound = sound
        self._redis: Any = connect(main.redis_url)

    async def put(self, stream: str, letter: DeadLetter) -> None:
        """Keep a letter, and drop another."""
        await self._sound.put(stream, letter)
        with suppress(RedisError):
            await self._redis.xtrim(stream, maxlen=_MOST, approximate=False)


handle = compose(dead_letters=TrimmedLetters(main.ports.dead_letters))
