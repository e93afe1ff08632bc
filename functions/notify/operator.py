"""What a person may do with letters that were given up: see them, and have them tried anew.

A letter that was given up may have been shown all the same, when the answer to it was lost: who has it tried anew
decides that twice is better than never.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from functions.notify.model import FUNCTION
from shared.adapters.postgres import Database, json_rows

# Keys hold what a card says, in any language; a piece of their digest is what people can copy.
_FAILED: Final = """
SELECT left(md5(key), 12), request ->> 'destination', request -> 'card' ->> 'kind', request -> 'card' ->> 'about',
       response ->> 'error', created_at
FROM effects WHERE state = 'failed' AND kind = :fn
ORDER BY created_at DESC LIMIT :most
"""
_REDO: Final = """
UPDATE effects
SET state = 'planned', attempts = 0, response = NULL, next_at = now(), created_at = now(), updated_at = now()
WHERE state = 'failed' AND kind = :fn
  AND ((:every)::boolean OR left(md5(key), 12) IN (SELECT jsonb_array_elements_text((:ids)::jsonb)))
RETURNING left(md5(key), 12)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A letter that was given up.

    Attributes:
        kind: of its card.
        about: the incident, or what stands for it.
        reason: what the channel said last, if anything.
        since: when it was planned.
    """

    id: str
    destination: str
    kind: str
    about: str
    reason: str | None
    since: datetime

    def cells(self) -> list[str]:
        """One row of the table."""
        since = self.since.astimezone(UTC).isoformat(timespec="seconds")
        return [self.id, self.destination, self.kind, self.about, self.reason or "", since]

    def document(self) -> dict[str, Any]:
        """For JSON output."""
        return {**asdict(self), "since": self.since.isoformat()}


class LetterDesk:
    """List what was given up, and have it tried anew; every call may raise DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def failed(self, *, most: int) -> list[Failed]:
        """What was given up; newest first."""
        names = ("id", "destination", "kind", "about", "reason", "since")
        rows = await self._database.run(lambda connection: connection.rows(_FAILED, fn=FUNCTION, most=most))
        return [Failed(**dict(zip(names, row, strict=True))) for row in rows]

    async def redo(self, ids: Sequence[str], *, every: bool) -> list[str]:
        """Plan letters anew, with their attempts forgotten; the ids of those that were given up."""
        rows = await self._database.run(
            lambda connection: connection.rows(_REDO, fn=FUNCTION, every=every, ids=json_rows(list(ids)))
        )
        return [id_ for (id_,) in rows]
