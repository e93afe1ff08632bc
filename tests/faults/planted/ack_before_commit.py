"""Answers first and commits in the background, which is faster until something is killed in between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from functions.km_write import main
from shared.domain.errors import AftercareError
from shared.domain.incidents import entry_id
from shared.domain.knowledge import KnowledgeWritten, Outcome, Receipt, Write
from shared.domain.ports import KnowledgeStore
from tests.faults.planted.composition import compose


class HastyKnowledge:
    """A knowledge store that promises what it has not done."""

    def __init__(self, sound: KnowledgeStore) -> None:
        self._sound = sound
        self._committing: set[asyncio.Task[None]] = set()

    async def write(self, writes: Sequence[Write], *, deadline_s: float) -> Sequence[Receipt]:
        """Say that it is written, and begin to write it."""
        commit = asyncio.create_task(self._commit(writes, deadline_s))
        self._committing.add(commit)
        commit.add_done_callback(self._committing.discard)
        return [_promise(write) for write in writes]

    async def _commit(self, writes: Sequence[Write], deadline_s: float) -> None:
        with suppress(AftercareError):
            await self._sound.write(writes, deadline_s=deadline_s)


def _promise(write: Write) -> Receipt:
    written = KnowledgeWritten(
        entry_id=entry_id(write.key, write.path),
        incident_id=write.incident_id,
        path_type=write.path,
        approval_id=write.approval_id,
        outcome=Outcome.CREATED,
        revision=1,
        linked=False,
    )
    return Receipt(written=written, at=datetime.now(UTC))


handle = compose(knowledge=HastyKnowledge(main.ports.knowledge))
