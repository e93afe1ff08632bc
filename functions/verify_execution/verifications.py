"""Verifications in PostgreSQL.

Everything commits in groups: a thousand executions that end at once are a few dozen transactions, and a thousand rows
that a stopping process gives back are as many. A row is held by a lease and a fence; a settlement whose fence is old
finds no row, and nothing that hangs on it is written.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any, Final

from functions.verify_execution import rows, statements
from functions.verify_execution.arrivals import Arrivals, claim
from functions.verify_execution.core.tickets import Settlement, Ticket
from functions.verify_execution.core.timetable import Check, Timing
from functions.verify_execution.handler import Pending, Settled
from functions.verify_execution.model import FUNCTION, ExecutionCompleted
from functions.verify_execution.settling import follow
from shared.adapters.group_commit import GroupCommit
from shared.adapters.postgres import Connection, Database, json_rows
from shared.adapters.relay import Relay
from shared.domain.errors import Unprocessable
from shared.domain.events import Event, from_structured

_COMMIT_S: Final = 10.0
_LEASE_MARGIN_S: Final = 30.0
_RELAY_WITHIN_S: Final = 2.0

Beginning = tuple[Event, ExecutionCompleted, Timing]
Begun = Ticket | Settled | Pending | Unprocessable


class PostgresVerifications:
    """See :class:`functions.verify_execution.handler.Verifications`.

    Args:
        database: where.
        relay: sends what a settlement announces.
        timing: how the later looks are taken; the first one's is pinned in its row.
        announce: whether verdicts go to the outbox; off when the reply carries them.
        propose_rollbacks: see ``ENABLE_SELF_HEALING_VALIDATOR``.
    """

    def __init__(
        self, database: Database, relay: Relay, timing: Timing, *, announce: bool, propose_rollbacks: bool
    ) -> None:
        self._database = database
        self._relay = relay
        self._timing = timing
        self._announce = announce
        self._propose_rollbacks = propose_rollbacks
        self._beginnings: GroupCommit[Beginning, Begun] = GroupCommit(self._begin, lanes=1, largest=64)
        self._settlements: GroupCommit[Settlement, bool] = GroupCommit(self._settle, lanes=1, largest=64)
        self._settling = 0
        self._busy_since = 0.0
        self._releases: GroupCommit[Ticket, None] = GroupCommit(self._release, lanes=1, largest=256)

    async def begin(self, event: Event, execution: ExecutionCompleted, timing: Timing) -> Ticket | Settled | Pending:
        """Commit the row that promises a verdict, and take it."""
        begun = await self._beginnings.submit((event, execution, timing), deadline_s=_COMMIT_S)
        if isinstance(begun, Unprocessable):
            raise begun
        return begun

    async def due(self, *, most: int) -> Sequence[Ticket]:
        """Take rows whose time has come and that nobody holds."""

        def work(connection: Connection) -> Sequence[Ticket]:
            taken = connection.rows(statements.TAKE_DUE, margin_s=_LEASE_MARGIN_S, most=most)
            return list(self._tickets(connection, taken).values())

        return await self._database.transact(work)

    async def settle(self, settlement: Settlement) -> bool:
        """Commit a verdict with all that follows from it."""
        if self._settling == 0:
            self._busy_since = time.monotonic()
        self._settling += 1
        try:
            return await self._settlements.submit(settlement, deadline_s=_COMMIT_S)
        finally:
            self._settling -= 1
            self._relay_when_quiet()

    async def release(self, ticket: Ticket) -> None:
        """Give a row back for the next tick."""
        await self._releases.submit(ticket, deadline_s=_COMMIT_S)

    def _relay_when_quiet(self) -> None:
        """Verdicts that wait to be committed come before the sending of those that are."""
        now = time.monotonic()
        if self._settling == 0 or now - self._busy_since > _RELAY_WITHIN_S:
            self._busy_since = now
            self._relay.nudge()

    async def _begin(self, group: Sequence[Beginning]) -> Sequence[Begun]:
        return await self._database.transact(partial(self._begin_in, group=group))

    def _begin_in(self, connection: Connection, *, group: Sequence[Beginning]) -> Sequence[Begun]:
        arrivals = claim(connection, [event for event, _, _ in group])
        answered = [_answered(arrivals, event) for event, _, _ in group]
        open_ = [one for one, answer in zip(group, answered, strict=True) if answer is None]
        promised = {_initial(one): rows.promise(*one) for one in reversed(open_) if arrivals.is_fresh(one[0])}
        if promised:
            connection.send(statements.PROMISE, rows=json_rows(list(promised.values())))
        taken = self._take(connection, {_initial(one) for one in open_})
        # A row has one owner, though several events ask for it.
        return [
            taken.pop(_initial(one), Pending()) if answer is None else answer
            for one, answer in zip(group, answered, strict=True)
        ]

    def _take(self, connection: Connection, wanted: Collection[str]) -> dict[str, Begun]:
        if not wanted:
            return {}
        ids = sorted(wanted)
        found = connection.rows(statements.TAKE, margin_s=_LEASE_MARGIN_S, ids=json_rows(ids))
        tickets = self._tickets(connection, found)
        others = json_rows([id_ for id_ in ids if id_ not in tickets])
        # An execution that is reported by a second event has been judged already, perhaps.
        replies = connection.rows(statements.REPLIES, fn=FUNCTION, ids=others) if len(tickets) < len(ids) else []
        return {**tickets, **{str(id_): Settled(from_structured(reply)) for id_, reply in replies}}

    def _tickets(self, connection: Connection, taken: Sequence[Sequence[Any]]) -> dict[str, Ticket]:
        if not taken:
            return {}
        ids = json_rows([str(row[0]) for row in taken])
        known = rows.read_known(connection.rows(statements.CONTEXT, ids=ids))
        return {str(row[0]): rows.read_ticket(row, self._timing, known[row[0]]) for row in taken}

    async def _settle(self, group: Sequence[Settlement]) -> Sequence[bool]:
        return await self._database.transact(partial(self._settle_in, group=group))

    def _settle_in(self, connection: Connection, *, group: Sequence[Settlement]) -> Sequence[bool]:
        given = json_rows([rows.settled(settlement) for settlement in group])
        settled = connection.rows(statements.SETTLE, rows=given)
        winners = {(str(id_), fence) for id_, fence in settled}
        won = {s.ticket.id: s for s in group if (s.ticket.id, s.ticket.fence) in winners}
        if won:
            follow(
                connection,
                list(won.values()),
                announce=self._announce,
                propose_rollbacks=self._propose_rollbacks,
            )
        return [won.get(settlement.ticket.id) is settlement for settlement in group]

    async def _release(self, group: Sequence[Ticket]) -> Sequence[None]:
        given = json_rows([{"id": ticket.id, "fence": ticket.fence} for ticket in group])
        await self._database.run(lambda connection: connection.rows(statements.RELEASE, rows=given))
        return [None] * len(group)


def _answered(arrivals: Arrivals, event: Event) -> Begun | None:
    """What can be said without looking at the row; a forged id takes nothing."""
    earlier = arrivals.earlier(event)
    if earlier is None or isinstance(earlier, Unprocessable):
        return earlier
    return None if earlier.reply is None else Settled(from_structured(earlier.reply))


def _initial(beginning: Beginning) -> str:
    _, execution, _ = beginning
    return rows.verification_id(execution.execution_id, Check.INITIAL)
