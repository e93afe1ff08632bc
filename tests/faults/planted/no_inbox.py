"""Does not know an event that it has seen before, so a redelivery takes effect again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from functions.km_write import main
from shared.adapters.postgres import Connection, Database, json_rows
from shared.domain.knowledge import Receipt, Write
from shared.domain.ports import KnowledgeStore
from tests.faults.planted.composition import compose

_FORGET: Final = """
DELETE FROM inbox AS i USING jsonb_to_recordset((:events)::jsonb) AS e(source text, id text)
WHERE i.fn = 'km-write' AND i.source = e.source AND i.id = e.id
"""


class ForgetfulKnowledge:
    """A knowledge store that takes every event for a new one."""

    def __init__(self, sound: KnowledgeStore, database: Database) -> None:
        self._sound = sound
        self._database = database

    async def write(self, writes: Sequence[Write], *, deadline_s: float) -> Sequence[Receipt]:
        """Forget the events, and write them."""
        events = json_rows([{"source": write.event.source, "id": write.event.id} for write in writes])

        def forget(connection: Connection) -> None:
            connection.rows(_FORGET, events=events)

        await self._database.run(forget)
        return await self._sound.write(writes, deadline_s=deadline_s)


handle = compose(knowledge=ForgetfulKnowledge(main.ports.knowledge, main.database))
