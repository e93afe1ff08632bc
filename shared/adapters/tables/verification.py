"""Verification: what was seen before and after, what it proves, and what was learned.

A verification is a durable timer: ``pending`` until its verdict is written, owned while ``lease_until`` lies ahead.
There is no "running" state, so that claiming a row changes no indexed column and costs one page.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from shared.adapters.tables.base import (
    DECIDERS,
    EMPTY_ARRAY,
    IDENTIFIER,
    INSTANT,
    JSON,
    NOW,
    PROSE,
    REASONS,
    VERDICTS,
    fraction,
    key,
    metadata,
    one_of,
    optional,
    required,
)

ACTION_KINDS: Final = (
    "rollout_restart",
    "rollout_undo",
    "delete_pod",
    "scale",
    "set_image",
    "patch",
    "apply",
    "cordon",
    "uncordon",
    "drain",
    "restart_container",
    "restart_process",
    "run_job",
    "observe",
    "other",
)

incident_evidence: Final = sa.Table(
    "incident_evidence",
    metadata,
    key("id", sa.Uuid()),
    required("incident_id", IDENTIFIER),
    optional("execution_id", IDENTIFIER),  # an alert's baseline comes before any execution
    required("phase", PROSE),
    required("target", JSON),
    # NULL after an action says that nothing was known from before it.
    optional("baseline_id", sa.Uuid()),
    required("plan", JSON, EMPTY_ARRAY),
    required("state", JSON),  # redacted before it comes here
    required("captured_at", INSTANT),
    required("stored_at", INSTANT, NOW),
    one_of("phase", ("before", "after")),
    # The newest baseline of an incident is one step into this index.
    sa.Index(None, "incident_id", "phase", "captured_at"),
    sa.Index(None, "execution_id", postgresql_where=sa.text("execution_id IS NOT NULL")),
    sa.Index(None, "captured_at"),
)

sensor_readings: Final = sa.Table(
    "sensor_readings",
    metadata,
    sa.Column("evidence_id", sa.Uuid(), sa.ForeignKey(incident_evidence.c.id, ondelete="CASCADE"), primary_key=True),
    # A soak observes several times; a second owner of the same verification overwrites nothing and doubles nothing.
    key("round", sa.Integer()),
    key("sensor", IDENTIFIER),
    required("attempted", sa.Boolean()),
    required("succeeded", sa.Boolean()),
    optional("started_at", INSTANT),
    optional("duration_s", sa.Double()),
    # When the other side measured it, which decides whether it is fresh.
    optional("observed_at", INSTANT),
    optional("error_class", IDENTIFIER),
    optional("reading", JSON),
    sa.CheckConstraint("attempted OR NOT succeeded", name="success_was_attempted"),
    sa.CheckConstraint("succeeded = (error_class IS NULL)", name="failure_has_a_class"),
)

verifications: Final = sa.Table(
    "verifications",
    metadata,
    key("id", sa.Uuid()),
    required("execution_id", IDENTIFIER),
    required("incident_id", IDENTIFIER),
    required("check_name", IDENTIFIER),
    # cluster/namespace/kind/name: two actions on one target within a soak cannot be told apart, so they must be seen.
    required("target", IDENTIFIER),
    required("event", JSON),  # the completed execution, whole: action, labels, trace
    optional("plan", JSON),  # pinned by the first observation, so that before and after are comparable
    optional("baseline_id", sa.Uuid()),
    # Pinned as well: whoever finishes the verification waits as whoever began it promised.
    required("warmup_s", sa.Double()),
    required("soak_s", sa.Double()),
    required("timeout_s", sa.Double()),
    required("state", PROSE, "'pending'"),
    required("due_at", INSTANT),
    required("attempts", sa.Integer(), "0"),
    optional("lease_until", INSTANT),
    required("fence", sa.BigInteger(), "0"),
    optional("verdict", PROSE),
    optional("reason", PROSE),
    optional("score", sa.Double()),
    optional("root_cause_cleared", sa.Boolean()),
    required("regressions", JSON, EMPTY_ARRAY),
    optional("evidence_id", sa.Uuid()),
    optional("revises", IDENTIFIER),
    optional("verified_at", INSTANT),
    required("created_at", INSTANT, NOW),
    required("updated_at", INSTANT, NOW),
    one_of("check_name", ("initial", "5m", "1h", "24h")),
    one_of("state", ("pending", "done", "cancelled")),
    one_of("verdict", VERDICTS),
    one_of("reason", REASONS),
    fraction("score"),
    sa.CheckConstraint(
        "(state = 'done') = (verdict IS NOT NULL AND reason IS NOT NULL AND verified_at IS NOT NULL)",
        name="done_has_a_verdict",
    ),
    sa.UniqueConstraint("execution_id", "check_name"),
    sa.Index(None, "incident_id"),
    sa.Index("ix_verifications_due", "due_at", postgresql_where=sa.text("state = 'pending'")),
    sa.Index("ix_verifications_open_target", "target", postgresql_where=sa.text("state = 'pending'")),
    postgresql_with={"fillfactor": 85},
)

auto_repair_executions: Final = sa.Table(
    "auto_repair_executions",
    metadata,
    key("execution_id", IDENTIFIER),
    required("incident_id", IDENTIFIER),
    optional("playbook_id", IDENTIFIER),
    optional("approval_id", IDENTIFIER),
    required("decided_by", IDENTIFIER),
    required("action_kind", PROSE),
    required("target", IDENTIFIER),
    optional("alertname", PROSE),
    required("succeeded", sa.Boolean()),  # what the executor said of itself; the verdict does not depend on it
    optional("verdict", PROSE),
    optional("reason", PROSE),
    optional("score", sa.Double()),
    optional("evidence_id", sa.Uuid()),
    required("finished_at", INSTANT),
    optional("verified_at", INSTANT),
    # A relapse replaces the verdict; this says that it once was another.
    optional("revised_at", INSTANT),
    required("created_at", INSTANT, NOW),
    one_of("decided_by", DECIDERS),
    one_of("action_kind", ACTION_KINDS),
    one_of("verdict", VERDICTS),
    one_of("reason", REASONS),
    fraction("score"),
    sa.CheckConstraint(
        "(verdict IS NULL) = (reason IS NULL) AND (verdict IS NULL) = (verified_at IS NULL)", name="verdict_is_whole"
    ),
    sa.Index(None, "incident_id"),
    # "The last hundred with a verdict", of everyone and of one kind of decider: answered from the index, at any size.
    sa.Index(
        "ix_auto_repair_executions_judged",
        "verified_at",
        postgresql_include=["verdict", "reason", "playbook_id"],
        postgresql_where=sa.text("verdict IS NOT NULL"),
    ),
    sa.Index(
        "ix_auto_repair_executions_decided",
        "decided_by",
        "verified_at",
        postgresql_include=["verdict", "reason"],
        postgresql_where=sa.text("verdict IS NOT NULL"),
    ),
)

playbooks: Final = sa.Table(
    "playbooks",
    metadata,
    key("playbook_id", IDENTIFIER),
    optional("title", PROSE),
    required("state", PROSE, "'active'"),
    required("trust_score", sa.Double(), "0.5"),  # neither trusted nor distrusted before its first verdict
    required("verified_count", sa.Integer(), "0"),
    required("failed_count", sa.Integer(), "0"),
    optional("last_used_at", INSTANT),
    optional("deprecated_at", INSTANT),
    # Rule, figures and actor of the deprecation: what a person needs to agree with it or to undo it.
    optional("deprecation", JSON),
    # Idleness is counted from here again, or the next run would undo the restoring.
    optional("restored_at", INSTANT),
    optional("archived_at", INSTANT),
    required("created_at", INSTANT, NOW),
    required("updated_at", INSTANT, NOW),
    one_of("state", ("active", "deprecated", "archived")),
    fraction("trust_score"),
    sa.CheckConstraint("state <> 'deprecated' OR deprecated_at IS NOT NULL", name="deprecation_is_dated"),
    sa.CheckConstraint("failed_count BETWEEN 0 AND verified_count", name="failed_count"),
    # Every verdict writes here. No index but the key, and room on the page, keep that to one page.
    postgresql_with={"fillfactor": 70},
)
