"""Cards in PostgreSQL: the event in the inbox and a row of ``effects`` for each destination, in one transaction.

A row's key is the destination, what the card says, and the stretch of time it is said in: a card that says the same
again within the stretch meets its own row. A process takes rows with a lease and a fence; a row whose owner fell
silent may have been shown, and is taken again as such.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from functions.notify.core.attempts import Letter, Settlement, State
from functions.notify.core.cards import Card
from functions.notify.handler import Planned
from functions.notify.model import FUNCTION
from shared.adapters import inbox
from shared.adapters.postgres import Connection, Database, json_rows
from shared.domain.events import Event

_LEASE_S: Final = 120.0
"""Longer than a courier's pass and its last message together."""

_AT_ONCE: Final = 50
_PLAN: Final = """
INSERT INTO effects (key, kind, request)
SELECT concat_ws('|', (:fn)::text, p.destination, (:identity)::text,
                 extract(epoch FROM date_bin(:repeat_s * interval '1 second', now(), 'epoch'))::bigint),
       :fn, jsonb_build_object('destination', p.destination, 'card', (:card)::jsonb)
FROM jsonb_to_recordset((:rows)::jsonb) AS p(destination text)
ORDER BY p.destination
ON CONFLICT (key) DO UPDATE
SET state = 'planned', request = excluded.request, response = NULL, attempts = 0, next_at = now(),
    created_at = now(), updated_at = now()
WHERE effects.state = 'failed'
RETURNING request ->> 'destination'
"""
_CLAIM: Final = """
WITH due AS (
    SELECT key, state FROM effects
    WHERE state IN ('planned', 'sending', 'unknown') AND next_at <= now() AND kind = :fn
      AND request ->> 'destination' = :destination AND (state <> 'sending' OR lease_until < now())
    ORDER BY next_at LIMIT :most FOR UPDATE SKIP LOCKED
)
UPDATE effects AS e
SET state = 'sending', attempts = e.attempts + 1, fence = e.fence + 1, updated_at = now(),
    lease_until = now() + :lease_s * interval '1 second'
FROM due WHERE e.key = due.key
RETURNING e.key, e.request -> 'card', e.attempts, e.fence, due.state, e.created_at
"""
_SETTLE: Final = """
UPDATE effects AS e
SET state = s.state, attempts = s.attempts, response = s.response, lease_until = NULL, updated_at = now(),
    next_at = now() + s.after_s * interval '1 second'
FROM jsonb_to_recordset((:rows)::jsonb)
    AS s(key text, fence bigint, state text, attempts int, after_s float8, response jsonb)
WHERE e.key = s.key AND e.fence = s.fence AND e.state IN ('sending', 'unknown')
"""
_GIVE_UP: Final = """
UPDATE effects SET state = 'failed', lease_until = NULL, updated_at = now()
WHERE state IN ('planned', 'sending', 'unknown') AND kind = :fn
  AND created_at < now() - :after_s * interval '1 second' AND (state <> 'sending' OR lease_until < now())
RETURNING key
"""
_WAITING: Final = "SELECT count(*) FROM effects WHERE state IN ('planned', 'sending', 'unknown') AND kind = :fn"


class PostgresDeliveries:
    """See :class:`functions.notify.handler.Deliveries`.

    Args:
        database: where.
        repeat_s: seconds within which a card that says the same is told once.
    """

    def __init__(self, database: Database, *, repeat_s: float) -> None:
        self._database = database
        self._repeat_s = repeat_s

    async def plan(self, event: Event, card: Card, names: Sequence[str]) -> Planned:
        """Commit the event and a letter for each destination."""
        arrival = inbox.Arrival(event.source, event.id, event.digest())

        def work(connection: Connection) -> Planned:
            earlier = inbox.claim(connection, FUNCTION, [arrival]).answer(arrival)
            if earlier is not None:
                return Planned(earlier.reply)
            planned = [name for (name,) in self._insert(connection, card, names)]
            inbox.remember(connection, FUNCTION, {arrival.identity: planned})
            return Planned(planned)

        return await self._database.transact(work)

    def _insert(self, connection: Connection, card: Card, names: Sequence[str]) -> Sequence[Sequence[Any]]:
        return connection.rows(
            _PLAN,
            fn=FUNCTION,
            identity=card.identity,
            repeat_s=self._repeat_s,
            card=card.model_dump_json(),
            rows=json_rows([{"destination": name} for name in names]),
        )

    async def claim(self, name: str) -> Sequence[Letter]:
        """Take the letters to a destination that are due."""

        def work(connection: Connection) -> Sequence[Letter]:
            rows = connection.rows(_CLAIM, fn=FUNCTION, destination=name, most=_AT_ONCE, lease_s=_LEASE_S)
            return [letter for row in rows if (letter := _letter(row)) is not None]

        return await self._database.run(work)

    async def settle(self, settlements: Mapping[str, tuple[Letter, Settlement]]) -> None:
        """Write down what became of letters."""
        rows = [
            {
                "key": letter.key,
                "fence": letter.fence,
                "state": settlement.state,
                "attempts": settlement.attempts,
                "after_s": settlement.after_s,
                "response": settlement.response,
            }
            for letter, settlement in settlements.values()
        ]
        await self._database.run(lambda connection: connection.rows(_SETTLE, rows=json_rows(rows)))

    async def give_up(self, *, after_s: float) -> int:
        """Mark letters failed that were planned longer ago."""
        rows = await self._database.run(lambda connection: connection.rows(_GIVE_UP, fn=FUNCTION, after_s=after_s))
        return len(rows)

    async def waiting(self) -> int:
        """How many letters are still to be delivered."""
        rows = await self._database.run(lambda connection: connection.rows(_WAITING, fn=FUNCTION))
        count: int = rows[0][0]
        return count


def _letter(row: Sequence[Any]) -> Letter | None:
    """None for a card that only a newer version can read: it is left to one of those, once the lease is over."""
    key, content, attempts, fence, was, created_at = row
    try:
        card = Card.model_validate(content)
    except ValidationError:
        return None
    return Letter(
        key=key,
        card=card,
        attempts=attempts,
        fence=fence,
        was=State(was),
        created_at=created_at,
    )
