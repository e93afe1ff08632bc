"""What PostgreSQL counts for the checks; nothing here changes anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functions.governance_check import statements
from functions.governance_check.core.policy import Policy
from functions.governance_check.core.rates import Tally
from functions.governance_check.core.trust import LISTED, Playbooks
from shared.adapters.postgres import Database
from shared.domain.governance import Deprecation, LowTrust, PlaybookFailures


class PostgresCounts:
    """See :class:`functions.governance_check.inspectors.Counts`."""

    def __init__(self, database: Database, policy: Policy) -> None:
        self._database = database
        self._policy = policy

    async def playbooks(self) -> Playbooks:
        """Those that are trusted too little, and those that are to be deprecated."""
        rules = doom(self._policy)
        rows = await self._rows(statements.PLAYBOOKS, **rules, trust_floor=self._policy.trust_floor, most=LISTED)
        low = [row for row in rows if row[1] is None]
        doomed = [row for row in rows if row[1] is not None]
        return Playbooks(
            low_trust=[LowTrust(playbook_id=row[0], trust_score=row[2]) for row in low],
            low_trust_total=low[0][-1] if low else 0,
            deprecated=[deprecation(row) for row in doomed],
            deprecated_total=doomed[0][-1] if doomed else 0,
        )

    async def knowledge(self) -> tuple[int, int]:
        """Entries in use, and how many of them are stale."""
        total, stale = (await self._rows(statements.KNOWLEDGE, stale_days=self._policy.stale_days))[0]
        return total, stale

    async def decided_by_llm(self) -> Tally:
        """The last executions with a verdict that a model decided."""
        return Tally(*(await self._rows(statements.LLM, **self._latest()))[0])

    async def executions(self) -> tuple[Tally, Sequence[PlaybookFailures]]:
        """The last executions with a verdict, and the same by playbook."""
        rows = await self._rows(statements.EXECUTIONS, **self._latest())
        tally = Tally(sum(row[1] for row in rows), sum(row[2] for row in rows), sum(row[3] for row in rows))
        return tally, [
            PlaybookFailures(playbook_id=playbook_id, executions=judged, failed=failed)
            for playbook_id, _, judged, failed in rows
            if playbook_id
        ]

    def _latest(self) -> dict[str, Any]:
        return {"window_days": self._policy.window_days, "most": self._policy.window}

    async def _rows(self, sql: str, **parameters: Any) -> list[Sequence[Any]]:
        return await self._database.run(lambda connection: connection.rows(sql, **parameters))


def doom(policy: Policy) -> dict[str, Any]:
    """The parameters of the rules by which a playbook is deprecated."""
    return {
        "failing_least": policy.failing_least,
        "failing_rate": policy.failing_rate,
        "unused_days": policy.unused_days,
    }


def deprecation(row: Sequence[Any]) -> Deprecation:
    """One row of the statements that know the rules."""
    playbook_id, rule, trust_score, verified, failed, last_used_at = row[:6]
    return Deprecation(
        playbook_id=playbook_id,
        rule=rule,
        trust_score=trust_score,
        verified=verified,
        failed=failed,
        last_used_at=last_used_at,
    )
