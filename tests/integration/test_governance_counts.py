"""What PostgreSQL counts for governance, what is deprecated, and what a person restores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from functions.governance_check import statements
from functions.governance_check.core.inspections import Inspection
from functions.governance_check.core.policy import Policy
from functions.governance_check.core.rates import Tally
from functions.governance_check.counts import PostgresCounts
from functions.governance_check.inspectors import inspectors
from functions.governance_check.ledger import PostgresLedger, Terms, restore
from functions.governance_check.model import CHECK_REQUESTED, FUNCTION
from shared.adapters.knowledge_store import PostgresKnowledge
from shared.adapters.relay import Relay
from shared.adapters.slots import Slots
from shared.domain.errors import DatabaseUnavailable
from shared.domain.events import Event
from shared.domain.governance import AlertType, CheckName
from shared.domain.writes import write_of
from shared.testing.events import write_requested
from tests.tables import reading

POLICY = Policy()
LONG_AGO, RECENTLY = 40, 3

PLAYBOOK = """
INSERT INTO playbooks (playbook_id, trust_score, verified_count, failed_count, last_used_at, created_at, state,
                       deprecated_at)
VALUES (:id, :trust, :verified, :failed, now() - (:used)::int * interval '1 day',
        now() - (:made)::int * interval '1 day', :state, CASE WHEN :state = 'deprecated' THEN now() END)
"""
EXECUTIONS = """
INSERT INTO auto_repair_executions (execution_id, incident_id, playbook_id, decided_by, action_kind, target, succeeded,
                                    verdict, reason, finished_at, verified_at)
SELECT :name || n, 'INC-' || n, :playbook, :by, 'scale', 'prod/api', true, :verdict, :reason, now(),
       now() - (:ago)::int * interval '1 day' - n * interval '1 second'
FROM generate_series(1, (:count)::int) AS n
"""
ENTRIES = """
INSERT INTO knowledge_entries (id, incident_key, incident_id, path_type, title, content, entry_type, source, event_id,
                               event_time, content_sha256, created_at, updated_at, verified_at, archived_at)
SELECT gen_random_uuid(), :name || n, :name || n, 'incident_resolve', 't', repeat('c', 1000), 'note', '/test',
       :name || n, now(), 'x', now(),
       now() - (:updated)::int * interval '1 day', now() - (:verified)::int * interval '1 day',
       CASE WHEN :archived THEN now() END
FROM generate_series(1, (:count)::int) AS n
"""
STALENESS = statements.KNOWLEDGE.replace(":stale_days", "$1")
REASONS = {"success": "recovered", "failed": "crash_loop", "degraded": "unchanged", "timeout": "sensors_silent"}


class Tables:
    def __init__(self, rows):
        self.rows = rows
        self.named = 0

    def playbook(self, id_, *, trust=0.9, verified=0, failed=0, used=RECENTLY, made=LONG_AGO, state="active"):
        figures = {"trust": trust, "verified": verified, "failed": failed}
        self.rows(PLAYBOOK, id=id_, used=used, made=made, state=state, **figures)

    def executions(self, count, verdict, *, by="rule", playbook="pb-1", ago=0, reason=None):
        self.named += 1
        said = {"verdict": verdict, "reason": reason or REASONS[verdict]}
        self.rows(EXECUTIONS, name=f"ex-{self.named}-", playbook=playbook, by=by, ago=ago, count=count, **said)

    def entries(self, count, *, updated=LONG_AGO, verified=None, archived=False):
        self.named += 1
        days = {"updated": updated, "verified": verified}
        self.rows(ENTRIES, name=f"INC-{self.named}-", archived=archived, count=count, **days)

    def state(self, id_):
        return self.rows("SELECT state FROM playbooks WHERE playbook_id = :id", id=id_)[0][0]

    def audit(self):
        return [tuple(row) for row in self.rows("SELECT actor, action, subject FROM audit_log ORDER BY id")]


@pytest.fixture
def tables(database_url):
    with reading(database_url) as rows:
        yield Tables(rows)


@pytest.fixture
def counts(database):
    return PostgresCounts(database, POLICY)


@pytest.fixture
def trust_drift(database, counts):
    """A run of this one check, in effect; returns its report."""
    slots = Slots(database, FUNCTION, owner="test", interval_s=3600, lease_s=60)
    ledger = PostgresLedger(database, Relay(database, None), slots, POLICY, Terms(pause_s=3600, announce=False))
    check = inspectors(counts, None, POLICY)[CheckName.TRUST_DRIFT]
    ids = iter(range(100))

    async def run():
        request = Event(id=f"run-{next(ids)}", source="/test", type=CHECK_REQUESTED, data={})
        found = Inspection(datetime.now(UTC), {CheckName.TRUST_DRIFT: await check()})
        return (await ledger.conclude_request(request, found)).data

    return run


class TestTrust:
    async def test_a_playbook_below_the_floor_is_reported_and_left_in_use(self, tables, trust_drift):
        tables.playbook("low", trust=0.19)
        tables.playbook("enough", trust=0.2)
        report = (await trust_drift())["checks"]["trust_drift"]

        assert [each["playbook_id"] for each in report["low_trust"]] == ["low"]
        assert (report["status"], report["deprecated"], tables.state("low")) == ("violated", [], "active")

    async def test_one_that_nobody_used_for_long_is_deprecated(self, tables, trust_drift):
        tables.playbook("idle", used=31)
        tables.playbook("never", used=None, made=31)
        tables.playbook("new", used=None, made=29)
        tables.playbook("busy", used=29)
        report = (await trust_drift())["checks"]["trust_drift"]

        assert {(each["playbook_id"], each["rule"]) for each in report["deprecated"]} == {
            ("idle", "unused"),
            ("never", "unused"),
        }
        assert [tables.state(id_) for id_ in ("idle", "never", "new", "busy")] == ["deprecated"] * 2 + ["active"] * 2
        assert sorted(tables.audit()) == [
            ("governance-check", "playbook.deprecated", "idle"),
            ("governance-check", "playbook.deprecated", "never"),
        ]

    async def test_a_busy_one_that_keeps_failing_is_deprecated(self, tables, trust_drift):
        tables.playbook("failing", verified=5, failed=4, trust=0.1)
        tables.playbook("four-fifths", verified=55, failed=44)
        tables.playbook("too-few", verified=4, failed=4)
        tables.playbook("seldom", verified=10, failed=7)
        done = await trust_drift()

        assert [each["playbook_id"] for each in done["checks"]["trust_drift"]["deprecated"]] == [
            "failing",
            "four-fifths",
        ]
        assert {each["rule"] for each in done["checks"]["trust_drift"]["deprecated"]} == {"failing"}
        assert [alert["event_type"] for alert in done["alerts"]] == [AlertType.TRUST_DRIFT]

    async def test_deprecated_and_archived_ones_are_nobodys_business(self, tables, trust_drift):
        tables.playbook("gone", trust=0, used=LONG_AGO, state="deprecated")
        tables.playbook("older", trust=0, used=LONG_AGO, state="archived")
        report = (await trust_drift())["checks"]["trust_drift"]

        assert (report["status"], report["low_trust_total"], report["deprecated_total"]) == ("ok", 0, 0)

    async def test_looking_deprecates_nothing(self, tables, counts):
        tables.playbook("idle", used=31)
        found = await counts.playbooks()

        assert [each.playbook_id for each in found.deprecated] == ["idle"]
        assert (tables.state("idle"), tables.audit()) == ("active", [])

    async def test_one_that_was_used_since_the_look_stays_in_use(self, tables, trust_drift, counts):
        tables.playbook("idle", used=31)
        assert (await counts.playbooks()).deprecated_total == 1
        tables.rows("UPDATE playbooks SET last_used_at = now()")
        report = (await trust_drift())["checks"]["trust_drift"]

        assert (report["deprecated"], tables.state("idle")) == ([], "active")

    async def test_long_lists_are_cut_and_their_totals_are_not(self, tables, trust_drift):
        tables.rows(
            "INSERT INTO playbooks (playbook_id, trust_score, last_used_at)"
            " SELECT 'idle-' || n, 0.9, now() - interval '31 days' FROM generate_series(1, 60) AS n"
            " UNION ALL SELECT 'low-' || n, 0.1, now() FROM generate_series(1, 60) AS n"
        )
        report = (await trust_drift())["checks"]["trust_drift"]

        assert (len(report["low_trust"]), report["low_trust_total"]) == (50, 60)
        assert (len(report["deprecated"]), report["deprecated_total"]) == (50, 60)
        assert tables.rows("SELECT count(*) FROM playbooks WHERE state = 'deprecated'") == [[60]]

    async def test_what_cannot_be_announced_is_not_done(self, tables, trust_drift):
        tables.playbook("idle", used=31)
        tables.playbook("low", trust=0.1)
        tables.rows("ALTER TABLE outbox RENAME TO lost")
        try:
            with pytest.raises(DatabaseUnavailable):
                await trust_drift()
        finally:
            tables.rows("ALTER TABLE lost RENAME TO outbox")

        assert (tables.state("idle"), tables.audit()) == ("active", [])
        assert tables.rows("SELECT count(*) FROM ai_governance_events") == [[0]]
        assert tables.rows("SELECT count(*) FROM governance_remediation_dispatch") == [[0]]
        assert len((await trust_drift())["alerts"]) == 1


class TestRestoring:
    @pytest.fixture
    def restored(self, database):
        async def run(id_, reason="still needed"):
            return await database.transact(lambda c: restore(c, id_, actor="ada", reason=reason))

        return run

    async def test_a_person_takes_it_back_and_the_next_run_leaves_it(self, tables, trust_drift, restored):
        tables.playbook("idle", used=31)
        tables.playbook("failing", verified=5, failed=5)
        await trust_drift()
        assert await restored("idle")
        assert await restored("failing")
        await trust_drift()

        assert [tables.state(id_) for id_ in ("idle", "failing")] == ["active", "active"]
        assert tables.audit()[-2:] == [("ada", "playbook.restored", "idle"), ("ada", "playbook.restored", "failing")]

    async def test_it_is_judged_by_what_it_does_from_then_on(self, tables, trust_drift, restored):
        tables.playbook("failing", verified=5, failed=5)
        await trust_drift()
        await restored("failing")
        tables.rows("UPDATE playbooks SET verified_count = 9, failed_count = 9")
        await trust_drift()
        assert tables.state("failing") == "active"

        tables.rows("UPDATE playbooks SET verified_count = 10, failed_count = 9")
        await trust_drift()
        assert tables.state("failing") == "deprecated"

    async def test_its_idleness_is_counted_from_then_on(self, tables, trust_drift, restored):
        tables.playbook("idle", used=31)
        await trust_drift()
        await restored("idle")
        tables.rows("UPDATE playbooks SET restored_at = now() - interval '31 days'")
        await trust_drift()

        assert tables.state("idle") == "deprecated"

    async def test_what_is_in_use_cannot_be_restored(self, tables, restored):
        tables.playbook("busy")

        assert not await restored("busy")
        assert not await restored("nobody")
        assert tables.audit() == []


class TestKnowledge:
    async def test_staleness_is_the_time_since_somebody_looked(self, tables, counts):
        tables.entries(1, updated=8)
        tables.entries(2, updated=6)
        tables.entries(4, updated=30, verified=6)
        tables.entries(8, updated=6, verified=30)
        tables.entries(16, updated=30, verified=30)
        tables.entries(32, updated=30, archived=True)

        assert await counts.knowledge() == (1 + 2 + 4 + 8 + 16, 1 + 16)

    async def test_nothing_is_not_stale(self, counts):
        assert await counts.knowledge() == (0, 0)

    async def test_a_replay_freshens_nothing(self, database, counts):
        old = write_requested(at=datetime.now(UTC) - timedelta(days=30))
        for _ in range(2):
            await PostgresKnowledge(database, announce=False).write([write_of(old)], deadline_s=5)

        assert await counts.knowledge() == (1, 1)

    async def test_it_is_counted_in_one_pass_over_an_index_alone(self, tables):
        tables.entries(2000)
        tables.rows("VACUUM ANALYZE knowledge_entries")
        tables.rows("PREPARE staleness (double precision) AS " + STALENESS)
        plan = "\n".join(line for (line,) in tables.rows("EXPLAIN (ANALYZE, COSTS OFF) EXECUTE staleness(7)"))
        tables.rows("DEALLOCATE staleness")

        assert plan.count("Index Only Scan using ix_knowledge_entries_freshness") == plan.count("Scan ") == 1
        assert "Heap Fetches: 0" in plan


class TestExecutions:
    async def test_of_the_models_decisions_only(self, tables, counts):
        tables.executions(6, "failed", by="llm")
        tables.executions(20, "success", by="llm")
        tables.executions(50, "failed", by="rule")
        tables.executions(50, "failed", by="human")

        assert await counts.decided_by_llm() == Tally(26, 26, 6)

    async def test_blindness_is_no_hallucination(self, tables, counts):
        tables.executions(10, "timeout", by="llm")
        tables.executions(10, "degraded", by="llm")

        assert await counts.decided_by_llm() == Tally(20, 10, 0)

    async def test_the_last_hundred_count_and_what_is_long_ago_does_not(self, tables, counts):
        tables.executions(60, "success", by="llm", ago=1)
        tables.executions(60, "failed", by="llm", ago=2)
        tables.executions(60, "failed", by="llm", ago=31)

        assert await counts.decided_by_llm() == Tally(100, 100, 40)
        tally, _ = await counts.executions()
        assert tally == Tally(100, 100, 40)

    async def test_what_failed_is_counted_by_playbook(self, tables, counts):
        tables.executions(10, "success", playbook="pb-1")
        tables.executions(3, "failed", playbook="pb-1")
        tables.executions(2, "timeout", playbook="pb-2")
        tables.executions(1, "degraded", playbook=None)
        tally, playbooks = await counts.executions()

        assert tally == Tally(16, 16, 6)
        assert {(each.playbook_id, each.executions, each.failed) for each in playbooks} == {
            ("pb-1", 13, 3),
            ("pb-2", 2, 2),
        }

    async def test_to_have_looked_is_not_to_have_failed(self, tables, counts):
        tables.executions(5, "degraded", reason="observe_only")
        tables.executions(5, "success")

        assert (await counts.executions())[0] == Tally(10, 5, 0)

    async def test_there_may_be_none(self, counts):
        assert await counts.decided_by_llm() == Tally(0, 0, 0)
        assert await counts.executions() == (Tally(0, 0, 0), [])
