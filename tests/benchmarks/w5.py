"""W5: the checks of governance over ever more knowledge and a hundred thousand executions.

``python -m tests.benchmarks.w5 <database url> <check> <calls>`` measures one check: calls of it, one after the other.
``whole`` is all of them side by side, ``nothing`` a bare ``SELECT 1`` through the same threads, and ``two_counts`` how
the first design counted knowledge.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import uvloop
from pg8000.native import Connection

from functions.governance_check.core.policy import Policy
from functions.governance_check.counts import PostgresCounts
from functions.governance_check.inspectors import inspectors
from functions.governance_check.running import run
from shared.adapters.dsn import Dsn
from shared.adapters.migrate import upgrade
from shared.adapters.postgres import Database, Limits
from shared.adapters.system import SystemClock
from shared.domain.governance import CheckName
from tests.benchmarks import samples
from tests.benchmarks.contest import Contest, Goal
from tests.benchmarks.results import Failed, Run, measured, timed

if TYPE_CHECKING:
    from tests.benchmarks.stage import Stage
    from tests.benchmarks.workloads import Effort

EXECUTIONS: Final = 100_000
PLAYBOOKS: Final = 1000
GROWTH: Final = 0.2
WHOLE, NOTHING, TWO_COUNTS = "whole", "nothing", "two_counts"

_SIZES: Final = (10_000, 100_000, 1_000_000)
_QUICK_SIZES: Final = (10_000, 100_000)
_CALLS: Final = 20
_TIMEOUT_S: Final = 60.0
_ENTRIES: Final = """
INSERT INTO knowledge_entries (id, incident_key, incident_id, path_type, title, content, entry_type, source, event_id,
                               event_time, content_sha256, created_at, updated_at, verified_at)
SELECT gen_random_uuid(), 'INC-' || n, 'INC-' || n, 'approval_manual', 'n ' || n, (:content)::text, 'note', '/b',
       'e-' || n, at, 'x', at, at, CASE WHEN n % 3 = 0 THEN now() END
FROM generate_series(1, (:count)::int) AS n, LATERAL (SELECT now() - n % 30 * interval '1 day' AS at) AS t
"""
_EXECUTIONS: Final = """
INSERT INTO auto_repair_executions (execution_id, incident_id, playbook_id, decided_by, action_kind, target, succeeded,
                                    verdict, reason, finished_at, verified_at)
SELECT 'ex-' || n, 'INC-' || n, 'pb-' || n % (:playbooks)::int, (ARRAY['rule', 'llm', 'human'])[1 + n % 3], 'scale',
       'prod/api', true, CASE WHEN n % 10 = 9 THEN 'failed' ELSE 'success' END,
       CASE WHEN n % 10 = 9 THEN 'worse' ELSE 'recovered' END, now(), now() - n * interval '10 seconds'
FROM generate_series(1, (:count)::int) AS n
"""
_PLAYBOOKS: Final = """
INSERT INTO playbooks (playbook_id, trust_score, verified_count, failed_count, last_used_at)
SELECT 'pb-' || n, (n % 100)::double precision / 100, 100, n % 60, now()
FROM generate_series(0, (:count)::int - 1) AS n
"""


@contextmanager
def governing(stage: Stage, effort: Effort) -> Iterator[list[Contest]]:
    """The contests, one for each check; every size has a database of its own, filled once."""
    sizes = _SIZES if effort.share >= 1 else _QUICK_SIZES
    yield contests({size: filled(stage, size) for size in sizes}, rounds=effort.rounds)


def contests(urls: Mapping[int, str], *, rounds: int) -> list[Contest]:
    """Each check over each size; what matters is how it grows, so the smallest is what the others are beside."""
    smallest, largest = min(urls), max(urls)
    allowed = round(math.pow(largest / smallest, GROWTH), 2)
    made = []
    for check in (*[name.value for name in CheckName if name is not CheckName.SLO_COMPLIANCE], WHOLE):
        contestants = {_rows(size): _measure(url, check) for size, url in urls.items()}
        contestants |= {NOTHING: _measure(urls[smallest], NOTHING)}
        goals: Sequence[Goal] = (
            Goal(who=_rows(largest), beside=_rows(smallest), figure="p50_ms", limit=allowed, at_least=False),
        )
        if check == CheckName.KNOWLEDGE_DEGRADATION:
            contestants |= {TWO_COUNTS: _measure(urls[largest], TWO_COUNTS)}
        if check == WHOLE:
            goals = (*goals, Goal(who=_rows(largest), beside=NOTHING, figure="p50_ms", limit=10, at_least=False))
        made.append(
            Contest(
                title=f"W5  {check}, {EXECUTIONS:,} executions (a growth exponent of {GROWTH:g} is {allowed:g} x)",
                contestants=contestants,
                rounds=rounds,
                figures=("p50_ms", "p99_ms"),
                goals=goals,
            )
        )
    return made


def filled(stage: Stage, size: int) -> str:
    """A database with so many knowledge entries, vacuumed as autovacuum leaves it; its URL."""
    url: str = stage.postgres.create_database(f"governance_{size}")
    upgrade(url)
    dsn = Dsn.parse(url)
    connection = Connection(dsn.user, unix_sock=dsn.unix_socket, database=dsn.database)
    connection.run(_ENTRIES, content=samples.CONTENT, count=size)
    connection.run(_EXECUTIONS, playbooks=PLAYBOOKS, count=EXECUTIONS)
    connection.run(_PLAYBOOKS, count=PLAYBOOKS)
    connection.run("VACUUM ANALYZE")
    connection.close()
    return url


def _rows(size: int) -> str:
    return f"{size:,} entries"


def _measure(url: str, check: str) -> Callable[[str], Run]:
    return lambda _: measured("w5", url, check, _CALLS)


async def main(url: str, check: str, calls: int) -> None:
    database = Database(Dsn.parse(url), application="benchmark", limits=Limits(statement_s=_TIMEOUT_S))
    call = _call(database, check)
    (await timed(calls, 1, range(calls + 3), lambda _: call())).report()
    database.close()


def _call(database: Database, check: str) -> Callable[[], Awaitable[object]]:
    clock, policy = SystemClock(), Policy()
    checks = inspectors(PostgresCounts(database, policy), None, policy)

    async def whole() -> None:
        reports = await run(checks, clock, timeout_s=_TIMEOUT_S)
        if any(report.status == "error" for report in reports.values()):
            raise Failed(f"a check failed: {reports}")

    async def two_counts() -> None:
        entries = "SELECT count(*) FROM knowledge_entries WHERE archived_at IS NULL"
        old = "coalesce(verified_at, updated_at) < now() - interval '7 days'"
        await database.run(lambda connection: (connection.rows(entries), connection.rows(f"{entries} AND {old}")))

    async def nothing() -> None:
        await database.run(lambda connection: connection.rows("SELECT 1"))

    others = {WHOLE: whole, TWO_COUNTS: two_counts, NOTHING: nothing}
    return others[check] if check in others else checks[CheckName(check)]


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
