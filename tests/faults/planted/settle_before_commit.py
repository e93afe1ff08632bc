"""backfill-reconcile that forgets letters as soon as their replay is on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from functions.backfill_reconcile import main
from functions.backfill_reconcile.drain import Replay
from shared.domain.dead_letters import KNOWLEDGE_STREAM, DeadLetter
from shared.domain.knowledge import Outcome


class HastyReplay:
    """A replay that reports what it has not done."""

    def __init__(self, sound: Replay) -> None:
        self._sound = sound
        self._replaying: set[asyncio.Future[Sequence[str]]] = set()

    async def __call__(self, letters: Sequence[DeadLetter]) -> Sequence[str]:
        """Begin to replay them, and say that it is done."""
        replay = asyncio.ensure_future(self._sound(letters))
        self._replaying.add(replay)
        replay.add_done_callback(self._replaying.discard)
        return [Outcome.CREATED] * len(letters)


main.replays[KNOWLEDGE_STREAM] = HastyReplay(main.replays[KNOWLEDGE_STREAM])
handle = main.handle
