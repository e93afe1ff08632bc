"""What PostgreSQL holds, read behind the processes' backs, and how time is made to pass in it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import asyncpg

if TYPE_CHECKING:
    from types import TracebackType

_EMPTY: Final = (
    "TRUNCATE verifications, auto_repair_executions, playbooks, incident_evidence, sensor_readings, inbox, outbox"
)
_CHECKS: Final = """
SELECT execution_id, check_name, state, verdict, reason, attempts, evidence_id::text, revises FROM verifications
"""
_EVIDENCE: Final = "SELECT id::text, execution_id, phase FROM incident_evidence"
_LEDGER: Final = """
SELECT evidence_id::text, (reading ->> 'ready')::int AS ready FROM sensor_readings
"""
_EXECUTIONS: Final = "SELECT execution_id, verdict FROM auto_repair_executions"
_PLAYBOOKS: Final = "SELECT playbook_id, verified_count, failed_count FROM playbooks"
_REPLIES: Final = "SELECT id, reply FROM inbox WHERE fn = 'verify-execution'"
_WAITING: Final = """
SELECT count(*) FROM pg_locks
WHERE NOT granted AND relation = $1::text::regclass
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_PASS_LEASES: Final = "UPDATE verifications SET lease_until = now() WHERE state = 'pending' AND lease_until IS NOT NULL"
_PASS_TIME: Final = "UPDATE verifications SET due_at = now() WHERE state = 'pending' AND check_name = $1"

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """What PostgreSQL holds in the end.

    Attributes:
        checks: rows of verifications.
        evidence: rows of incident_evidence.
        ledger: by evidence, how many replicas each reading saw ready; None for one that failed.
        executions: by execution, the verdict that counts.
        playbooks: by id.
        replies: by event, what is answered when it comes again.
    """

    checks: Sequence[Row]
    evidence: Sequence[Row]
    ledger: Mapping[str, Sequence[int | None]]
    executions: Mapping[str, str]
    playbooks: Mapping[str, Row]
    replies: Mapping[str, Any]


class Books:
    """A connection of our own; as a context manager it hangs up."""

    def __init__(self, database_url: str) -> None:
        self._url: Final = database_url

    async def __aenter__(self) -> Self:
        """Connect."""
        self._postgres: Any = await asyncpg.connect(self._url)
        await self._postgres.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up."""
        await self._postgres.close()

    async def empty(self) -> None:
        """Forget everything."""
        await self._postgres.execute(_EMPTY)

    async def promised(self) -> int:
        """Rows that promise a verdict."""
        return int(await self._postgres.fetchval("SELECT count(*) FROM verifications"))

    async def pending(self, check: str) -> int:
        """Those that were not settled yet, of one check."""
        return int(
            await self._postgres.fetchval(
                "SELECT count(*) FROM verifications WHERE state = 'pending' AND check_name = $1", check
            )
        )

    async def waiting(self, table: str) -> int:
        """Transactions that wait to write to a table."""
        return int(await self._postgres.fetchval(_WAITING, table))

    async def pass_leases(self) -> None:
        """Let every lease end; only when nobody who lives holds one."""
        await self._postgres.execute(_PASS_LEASES)

    async def pass_time(self, check: str) -> None:
        """Let the time of a later look come."""
        await self._postgres.execute(_PASS_TIME, check)

    @asynccontextmanager
    async def locked(self, table: str) -> AsyncIterator[None]:
        """Inside, whoever wants to write to the table waits."""
        transaction = self._postgres.transaction()
        await transaction.start()
        try:
            await self._postgres.execute(f"LOCK TABLE {table} IN SHARE MODE")
            yield
        finally:
            await transaction.rollback()

    async def tables(self) -> Tables:
        """Everything."""
        ledger: defaultdict[str, list[int | None]] = defaultdict(list)
        for row in await self._postgres.fetch(_LEDGER):
            ledger[row["evidence_id"]].append(row["ready"])
        return Tables(
            checks=[dict(row) for row in await self._postgres.fetch(_CHECKS)],
            evidence=[dict(row) for row in await self._postgres.fetch(_EVIDENCE)],
            ledger=ledger,
            executions={row["execution_id"]: row["verdict"] for row in await self._postgres.fetch(_EXECUTIONS)},
            playbooks={row["playbook_id"]: dict(row) for row in await self._postgres.fetch(_PLAYBOOKS)},
            replies={row["id"]: row["reply"] for row in await self._postgres.fetch(_REPLIES)},
        )
