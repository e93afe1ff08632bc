"""Logs that Redis did not take a letter, and acknowledges the event all the same: the first design's dead letters."""

from __future__ import annotations

import logging
from typing import Final

from functions.km_write import main
from shared.domain.dead_letters import DeadLetter
from shared.domain.errors import QueueUnavailable
from shared.domain.ports import DeadLetterQueue
from tests.faults.planted.composition import compose

_LOG: Final = logging.getLogger(__name__)


class HopefulLetters:
    """A dead letter queue that never fails."""

    def __init__(self, sound: DeadLetterQueue) -> None:
        self._sound = sound

    async def put(self, stream: str, letter: DeadLetter) -> None:
        """Keep a letter, or say in the log that it is gone."""
        try:
            await self._sound.put(stream, letter)
        except QueueUnavailable as error:
            _LOG.warning("a letter for %s was not kept: %s", stream, error)


handle = compose(dead_letters=HopefulLetters(main.ports.dead_letters))
