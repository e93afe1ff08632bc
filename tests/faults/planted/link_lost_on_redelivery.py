"""Writes path A again when it comes again, with the approval it came with: none. The link is gone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from functions.km_write import main
from shared.adapters.postgres import Connection, Database, json_rows
from shared.domain.knowledge import PathType, Receipt, Write
from shared.domain.ports import KnowledgeStore
from tests.faults.planted.composition import compose

_OVERWRITE: Final = """
UPDATE knowledge_entries SET approval_id = NULL
WHERE path_type = 'incident_resolve'
  AND incident_key IN (SELECT jsonb_array_elements_text((:incidents)::jsonb))
"""


class OverwritingKnowledge:
    """A knowledge store whose upsert copies every column, also those the event says nothing about."""

    def __init__(self, sound: KnowledgeStore, database: Database) -> None:
        self._sound = sound
        self._database = database

    async def write(self, writes: Sequence[Write], *, deadline_s: float) -> Sequence[Receipt]:
        """Write them; for a path A that was there already, with what this event says of approvals."""
        receipts = await self._sound.write(writes, deadline_s=deadline_s)
        again = [
            write.incident_id
            for write, receipt in zip(writes, receipts, strict=True)
            if receipt.duplicate and write.path is PathType.INCIDENT_RESOLVE and write.approval_id is None
        ]

        def overwrite(connection: Connection) -> None:
            connection.rows(_OVERWRITE, incidents=json_rows(again))

        if again:
            await self._database.run(overwrite)
        return receipts


handle = compose(knowledge=OverwritingKnowledge(main.ports.knowledge, main.database))
