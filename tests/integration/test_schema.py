"""What the schema refuses, and what its indexes are for."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from shared.adapters import migrate
from tests.integration.catalogue import catalogue

# Written out from the contracts, not read from the code that is under test.
VERDICTS = "success, degraded, failed, timeout"
REASONS = (
    "recovered, recovered_without_baseline, already_healthy, observe_only, unchanged, partially_recovered, "
    "contradictory, worse, still_unhealthy, no_replicas, crash_loop, oom_killed, image_pull, execution_failed, "
    "relapsed, sensors_silent, deadline"
)
ACTION_KINDS = (
    "rollout_restart, rollout_undo, delete_pod, scale, set_image, patch, apply, cordon, uncordon, drain, "
    "restart_container, restart_process, run_job, observe, other"
)
PATH_TYPES = (
    "incident_resolve, approval_manual, approval_auto_ok, approval_auto_fail, approval_auto_unproven, playbook_extract"
)
CLOSED_SETS = {
    "ck_ai_governance_events_severity": "warning, violation, critical",
    "ck_ai_governance_events_state": "open, resolved",
    "ck_auto_repair_executions_action_kind": ACTION_KINDS,
    "ck_auto_repair_executions_decided_by": "rule, llm, human",
    "ck_auto_repair_executions_reason": REASONS,
    "ck_auto_repair_executions_verdict": VERDICTS,
    "ck_dead_letters_state": "quarantined, redriven, discarded",
    "ck_effects_state": "planned, sending, sent, unknown, failed, approved, rejected, expired, voided",
    "ck_governance_remediation_dispatch_stage": (
        "detected, ai_analyzed, queued, drafted, waiting_owner_review, written_back, rechecked"
    ),
    "ck_governance_remediation_dispatch_state": "pending, dispatched, executing, succeeded, failed, cancelled",
    "ck_inbox_state": "started, done, quarantined",
    "ck_incident_evidence_phase": "before, after",
    "ck_knowledge_entries_entry_type": "incident_case, runbook, playbook, anti_pattern, postmortem, note",
    "ck_knowledge_entries_path_type": PATH_TYPES,
    "ck_playbooks_state": "active, deprecated, archived",
    "ck_verifications_check_name": "initial, 5m, 1h, 24h",
    "ck_verifications_reason": REASONS,
    "ck_verifications_state": "pending, done, cancelled",
    "ck_verifications_verdict": VERDICTS,
}
KINDS = {"text", "timestamp with time zone", "jsonb", "uuid", "boolean", "integer", "bigint", "double precision"}


@pytest.fixture(scope="module")
def migrated_url(postgres_server, migrated_template):
    yield postgres_server.create_database("schema", template=migrated_template)
    postgres_server.drop_database("schema")


@pytest.fixture
def connection(migrated_url):
    """What is done here is rolled back."""
    with migrate.connect(migrated_url) as connection:
        yield connection


def test_every_closed_set_is_the_contracts(connection):
    sets = {
        name: ", ".join(re.findall(r"'([^']*)'::text", definition))
        for name, definition in catalogue(connection)["constraints"]
        if re.fullmatch(r"CHECK \(\(\w+ = ANY \(ARRAY\[.*\]\)\)\)", definition)
    }
    assert sets == CLOSED_SETS


def test_text_and_time_have_one_kind_each(connection):
    assert {kind for _, _, kind, *_ in catalogue(connection)["columns"]} == KINDS


def test_unique_keys_compare_byte_by_byte(connection):
    others = """
        SELECT c.relname, a.attname FROM pg_index AS i
        JOIN pg_class AS c ON c.oid = i.indrelid
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
        WHERE i.indisunique AND a.atttypid = 'text'::regtype AND a.attcollation <> '"C"'::regcollation
          AND c.relnamespace = 'public'::regnamespace"""
    assert connection.exec_driver_sql(others).all() == []


def test_what_changes_often_is_in_no_index(connection):
    indexed = " ".join(definition for _, definition in catalogue(connection)["indexes"])
    assert not re.findall(r"\b(?:lease_until|fence|attempts|reply|trust_score|last_used_at|last_seen_at)\b", indexed)


ENTRY = """
    INSERT INTO knowledge_entries (id, incident_key, incident_id, path_type, title, content, entry_type, confidence,
                                   source, event_id, event_time, content_sha256, created_at, updated_at)
    SELECT gen_random_uuid(), 'INC-' || n, {incident}, '{path}', 'title', repeat(md5(n::text), 40), 'note',
           {confidence}, '/s', 'e' || n, now(), 'x', now(), now() FROM generate_series(1, {rows}) AS n"""
EXECUTION = """
    INSERT INTO auto_repair_executions (execution_id, incident_id, decided_by, action_kind, target, succeeded, verdict,
                                        reason, finished_at, verified_at, playbook_id)
    SELECT 'ex-' || n, 'INC-' || n, CASE n % 3 WHEN 0 THEN 'llm' WHEN 1 THEN 'rule' ELSE 'human' END, 'scale',
           'c/n/Deployment/d', true, 'success', 'recovered', now(), now() - n * interval '1 minute', 'pb-1'
    FROM generate_series(1, {rows}) AS n"""
VERIFICATION = """
    INSERT INTO verifications (id, execution_id, incident_id, check_name, target, event, warmup_s, soak_s, timeout_s,
                               due_at, state, verdict, reason, verified_at)
    SELECT gen_random_uuid(), 'ex-' || n, 'INC-' || n, 'initial', 'c/n/Deployment/d', '{{}}', 10, 15, 60,
           now(), {state}, {verdict}, 'recovered', now() FROM generate_series(1, {rows}) AS n"""
ALERT = (
    "INSERT INTO ai_governance_events (id, event_type, severity) VALUES (gen_random_uuid(), 'trust_drift', 'warning')"
)
DISPATCH = """
    INSERT INTO governance_remediation_dispatch (id, alert_id, event_type)
    SELECT gen_random_uuid(), id, event_type FROM ai_governance_events"""
LETTER = """
    INSERT INTO dead_letters (id, stream, event_id, source, event, reason, attempts, first_failed_at)
    VALUES (gen_random_uuid(), 'km:dlq', {event_id}, {source}, '{{}}', '{{}}', 1, now())"""


QUESTIONS = {
    # How much of what is known has nobody looked at?
    """SELECT count(*), count(*) FILTER (WHERE greatest(updated_at, verified_at) < now() - interval '7 days')
       FROM knowledge_entries WHERE archived_at IS NULL""": "Index Only Scan using ix_knowledge_entries_freshness",
    # How much is new?
    """SELECT count(*) FROM knowledge_entries
       WHERE created_at > now() + interval '1 hour'""": "Index Only Scan using ix_knowledge_entries_created_at",
    # How did the last hundred go, of all and of one kind of decider?
    """SELECT verdict, reason, playbook_id FROM auto_repair_executions WHERE verdict IS NOT NULL
       ORDER BY verified_at DESC LIMIT 100""": "Index Only Scan Backward using ix_auto_repair_executions_judged",
    """SELECT verdict, reason FROM auto_repair_executions WHERE verdict IS NOT NULL AND decided_by = 'llm'
       ORDER BY verified_at DESC LIMIT 100""": "Index Only Scan Backward using ix_auto_repair_executions_decided",
    # What is due?
    """SELECT id FROM verifications WHERE state = 'pending' AND due_at <= now()
       ORDER BY due_at LIMIT 10""": "Index Scan using ix_verifications_due",
}


def entry(*, incident="'INC-' || n", path="incident_resolve", confidence="0.5", rows=1):
    return ENTRY.format(incident=incident, path=path, confidence=confidence, rows=rows)


def letter(event_id="'e'", source="'/s'"):
    return LETTER.format(event_id=event_id, source=source)


@pytest.mark.parametrize(
    ("statements", "constraint"),
    [
        ([entry(incident="NULL")], "ck_knowledge_entries_incident_is_known"),
        ([entry(confidence="'NaN'")], "ck_knowledge_entries_confidence"),
        ([entry(), entry()], "uix_knowledge_incident_path"),
        ([letter(), "UPDATE dead_letters SET state = 'discarded'"], "ck_dead_letters_discard_is_signed"),
        ([ALERT, ALERT], "uix_ai_governance_events_open"),
        ([ALERT, "UPDATE ai_governance_events SET state = 'resolved'"], "ck_ai_governance_events_resolution_is_dated"),
        ([ALERT, DISPATCH, DISPATCH], "uix_governance_remediation_dispatch_open"),
        (
            [ALERT, DISPATCH, "UPDATE governance_remediation_dispatch SET state = 'succeeded'"],
            "ck_governance_remediation_dispatch_end_is_dated",
        ),
        ([VERIFICATION.format(state="'done'", verdict="NULL", rows=1)], "ck_verifications_done_has_a_verdict"),
        ([VERIFICATION.format(state="'pending'", verdict="'success'", rows=1)], "ck_verifications_done_has_a_verdict"),
        (
            ["INSERT INTO playbooks (playbook_id, trust_score) VALUES ('pb-1', 'NaN')"],
            "ck_playbooks_trust_score",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refused(connection, statements, constraint):
    *before, last = statements
    for statement in before:
        connection.exec_driver_sql(statement)
    with pytest.raises(sa.exc.DBAPIError) as refusal:
        connection.exec_driver_sql(last)
    assert refusal.value.orig.args[0]["n"] == constraint


def test_allowed(connection):
    for statement in (
        entry(incident="NULL", path="playbook_extract"),
        letter(event_id="NULL"),
        letter(event_id="NULL"),
        "UPDATE dead_letters SET state = 'discarded', actor = 'me', note = 'not an event'",
        ALERT,
        DISPATCH,
        "UPDATE ai_governance_events SET state = 'resolved', resolved_at = now()",
        "UPDATE governance_remediation_dispatch SET state = 'succeeded', finished_at = now()",
        ALERT,
    ):
        connection.exec_driver_sql(statement)


def test_questions_are_answered_from_the_index(database_url):
    """Names of indexes by question; the planner must choose them by itself."""
    with migrate.connect(database_url) as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        for statement in (
            entry(rows=3000),
            EXECUTION.format(rows=3000),
            VERIFICATION.format(state="'done'", verdict="'success'", rows=3000),
            "VACUUM ANALYZE knowledge_entries, auto_repair_executions, verifications",
        ):
            connection.exec_driver_sql(statement)
        plans = {
            question: "\n".join(connection.exec_driver_sql(f"EXPLAIN {question}").scalars()) for question in QUESTIONS
        }
    assert {question: plan for question, plan in plans.items() if QUESTIONS[question] not in plan} == {}
