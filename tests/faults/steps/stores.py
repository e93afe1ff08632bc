"""PostgreSQL and Redis behind the function's back: what waits, and what there is in the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from redis import Redis

from functions.governance_check.lease import KEY
from shared.adapters.dead_letter_streams import RedisDeadLetters, connect
from shared.domain.dead_letters import STREAMS, DeadLetter
from tests.faults.races.clock import Clock
from tests.faults.steps.subjects import STREAM
from tests.tables import emptied

_WAITING: Final = """
SELECT (SELECT count(*) FROM outbox) +
       (SELECT count(*) FROM effects WHERE state IN ('planned', 'sending', 'unknown'))
"""
_STATE: Final = (
    "SELECT fn, source FROM inbox",
    "SELECT incident_key, path_type, title, approval_id, revision, archived_at FROM knowledge_entries",
    "SELECT incident_id, approval_id, revoked FROM incident_links",
    "SELECT kind, state, request ->> 'destination', response #>> '{issue,number}' FROM effects",
    "SELECT DISTINCT job, done_at IS NOT NULL FROM cron_slots",
    "SELECT stream, event_id, state FROM dead_letters",
    "SELECT playbook_id, state FROM playbooks",
    "SELECT action, subject FROM audit_log",
    "SELECT event_type, subject, state, times_seen FROM ai_governance_events",
    "SELECT event_type, subject, state FROM governance_remediation_dispatch",
    "SELECT event_type FROM outbox",
)


class Stores:
    """Both, for one subject.

    Args:
        rows: a connection of our own to a migrated database, whose clock is ours from now on.
        database_url: of that database.
        redis_url: of a Redis; emptied each time.
    """

    def __init__(self, rows: Callable[..., list[list[Any]]], database_url: str, redis: Redis, redis_url: str) -> None:
        self.clock: Final = Clock(rows)
        self._rows: Final = rows
        self._database_url: Final = database_url
        self._redis: Final = redis
        self._redis_url: Final = redis_url

    async def begin(self, rows: str | None, letters: Sequence[DeadLetter]) -> None:
        """Nothing but what is said, at the beginning of an hour."""
        emptied(self._database_url)
        self._redis.flushdb()
        self.clock.reset()
        self.clock.strike()
        if rows is not None:
            self._rows(rows)
        if letters:
            client = connect(self._redis_url)
            for letter in letters:
                await RedisDeadLetters(client).put(STREAM, letter)
            await client.aclose()

    def pass_time(self, seconds: float) -> None:
        """For leases and pauses, in both."""
        self.clock.pass_(seconds)
        self._redis.delete(KEY)

    def are_quiet(self) -> bool:
        """Whether PostgreSQL has nothing that is still to be sent."""
        return self._rows(_WAITING) == [[0]]

    def are_settled(self) -> bool:
        """Whether no letter waits either."""
        lengths: list[Any] = [self._redis.xlen(stream) for stream in STREAMS]
        return self.are_quiet() and not any(lengths)

    def state(self, mark: str) -> list[str]:
        """Everything that lasts, in no order; the mark is left out."""
        found = [json.dumps([sql.split()[-1], *row], default=str) for sql in _STATE for row in self._rows(sql)]
        return sorted(row.replace(mark, "?") for row in found)
