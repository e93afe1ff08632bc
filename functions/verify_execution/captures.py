"""Baselines in PostgreSQL: one for each event that announces an action or an alert, written with its inbox row.

Alerts come in storms, so these commit in groups as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from functions.verify_execution import rows, statements
from functions.verify_execution.arrivals import claim
from functions.verify_execution.core.questions import Question
from functions.verify_execution.core.readings import Snapshot
from functions.verify_execution.core.tickets import captured
from functions.verify_execution.handler import Captured, Newer
from functions.verify_execution.model import FUNCTION
from shared.adapters import inbox, outbox
from shared.adapters.group_commit import GroupCommit
from shared.adapters.postgres import Connection, Database, json_rows
from shared.adapters.relay import Relay
from shared.domain.errors import Unprocessable
from shared.domain.events import Event, from_structured, to_structured

_COMMIT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class _Capture:
    """A baseline on its way; ``announced`` is the event that says so."""

    event: Event
    snapshot: Snapshot
    question: Question
    incident_id: str
    execution_id: str | None
    announced: Event


@dataclass(frozen=True, slots=True)
class _Asked:
    """An event, and the time from which any baseline of the incident will do; None when only its own does."""

    event: Event
    incident_id: str
    since: datetime | None


class PostgresBaselines:
    """See :class:`functions.verify_execution.handler.Baselines`.

    Args:
        database: where.
        relay: sends what is announced.
        announce: whether baselines go to the outbox; off when the reply carries them.
    """

    def __init__(self, database: Database, relay: Relay, *, announce: bool) -> None:
        self._database = database
        self._relay = relay
        self._announce = announce
        self._questions: GroupCommit[_Asked, Captured | Newer | None] = GroupCommit(self._look, lanes=1, largest=128)
        self._captures: GroupCommit[_Capture, Event | Unprocessable] = GroupCommit(self._keep, lanes=1, largest=64)

    async def known(self, event: Event, *, incident_id: str, since: datetime | None) -> Captured | Newer | None:
        """What makes another look unnecessary."""
        return await self._questions.submit(_Asked(event, incident_id, since), deadline_s=_COMMIT_S)

    async def keep(
        self, event: Event, snapshot: Snapshot, question: Question, *, incident_id: str, execution_id: str | None
    ) -> Event:
        """Commit a baseline, once for each event; returns ``execution.baseline-captured``."""
        announced = captured(event, snapshot, incident_id=incident_id, execution_id=execution_id)
        capture = _Capture(event, snapshot, question, incident_id, execution_id, announced)
        kept = await self._captures.submit(capture, deadline_s=_COMMIT_S)
        if isinstance(kept, Unprocessable):
            raise kept
        self._relay.nudge()
        return kept

    async def _look(self, group: Sequence[_Asked]) -> Sequence[Captured | Newer | None]:
        given = json_rows(
            [
                {
                    "source": asked.event.source,
                    "id": asked.event.id,
                    "digest": asked.event.digest(),
                    "incident_id": asked.incident_id,
                    "since": None if asked.since is None else asked.since.isoformat(),
                }
                for asked in group
            ]
        )
        found = await self._database.run(lambda c: c.rows(statements.CAPTURED, fn=FUNCTION, rows=given))
        return [_known(reply, is_newer=is_newer) for _, reply, is_newer in found]

    async def _keep(self, group: Sequence[_Capture]) -> Sequence[Event | Unprocessable]:
        return await self._database.transact(partial(self._keep_in, group=group))

    def _keep_in(self, connection: Connection, *, group: Sequence[_Capture]) -> Sequence[Event | Unprocessable]:
        arrivals = claim(connection, [capture.event for capture in group])
        fresh: dict[str, _Capture] = {}
        answers: list[Event | Unprocessable] = []
        for capture in group:
            earlier = arrivals.earlier(capture.event)
            if isinstance(earlier, Unprocessable):
                answers.append(earlier)
            elif earlier is not None:
                answers.append(from_structured(earlier.reply))
            else:
                answers.append(fresh.setdefault(capture.announced.id, capture).announced)
        if fresh:
            self._write(connection, list(fresh.values()))
        return answers

    def _write(self, connection: Connection, fresh: Sequence[_Capture]) -> None:
        written = [
            rows.capture(
                c.announced.data["evidence_id"],
                c.snapshot,
                c.question,
                incident_id=c.incident_id,
                execution_id=c.execution_id,
            )
            for c in fresh
        ]
        connection.send(
            statements.EVIDENCE,
            evidence=json_rows([evidence for evidence, _ in written]),
            readings=json_rows([reading for _, ledger in written for reading in ledger]),
        )
        replies = {(c.event.source, c.event.id): to_structured(c.announced) for c in fresh}
        inbox.remember(connection, FUNCTION, replies)
        if self._announce:
            outbox.add(connection, [capture.announced for capture in fresh])


def _known(reply: object, *, is_newer: bool) -> Captured | Newer | None:
    if isinstance(reply, dict):
        return Captured(from_structured(reply))
    return Newer() if is_newer else None
