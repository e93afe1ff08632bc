"""The dead letter streams, for a function that writes to them only while PostgreSQL is out.

Redis' client takes a tenth of a cold start, so the first letter loads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.domain.dead_letters import Caps, DeadLetter

if TYPE_CHECKING:
    from shared.adapters.dead_letter_streams import RedisDeadLetters


class LateDeadLetters:
    """See :class:`shared.domain.ports.DeadLetterQueue`.

    Args:
        url: of Redis.
        caps: limits of each stream.
        timeout_s: the longest wait for Redis.
    """

    def __init__(self, url: str, caps: Caps, *, timeout_s: float) -> None:
        self._url = url
        self._caps = caps
        self._timeout_s = timeout_s
        self._streams: RedisDeadLetters | None = None

    async def put(self, stream: str, letter: DeadLetter) -> None:
        """Keep a letter durably."""
        if self._streams is None:
            self._streams = self._connected()
        await self._streams.put(stream, letter)

    async def close(self) -> None:
        """Close the client, if there is one."""
        if self._streams is not None:
            await self._streams.close()

    def _connected(self) -> RedisDeadLetters:
        from shared.adapters.dead_letter_streams import RedisDeadLetters, connect  # noqa: PLC0415

        return RedisDeadLetters(connect(self._url, timeout_s=self._timeout_s), self._caps)
