"""Verification: evidence, readings, timers, judged executions, trust."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"

PROSE = sa.Text()
IDENTIFIER = sa.Text(collation="C")
INSTANT = sa.DateTime(timezone=True)
JSON = JSONB()

REASONS = (
    "'recovered', 'recovered_without_baseline', 'already_healthy', 'observe_only', 'unchanged', "
    "'partially_recovered', 'contradictory', 'worse', 'still_unhealthy', 'no_replicas', 'crash_loop', "
    "'oom_killed', 'image_pull', 'execution_failed', 'relapsed', 'sensors_silent', 'deadline'"
)

ACTION_KINDS = (
    "'rollout_restart', 'rollout_undo', 'delete_pod', 'scale', 'set_image', 'patch', 'apply', 'cordon', "
    "'uncordon', 'drain', 'restart_container', 'restart_process', 'run_job', 'observe', 'other'"
)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "incident_evidence",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("incident_id", IDENTIFIER, nullable=False),
        sa.Column("execution_id", IDENTIFIER),
        sa.Column("phase", PROSE, nullable=False),
        sa.Column("target", JSON, nullable=False),
        sa.Column("baseline_id", sa.Uuid()),
        sa.Column("plan", JSON, nullable=False, server_default=sa.text("'[]'::jsonb")),
        sa.Column("state", JSON, nullable=False),
        sa.Column("captured_at", INSTANT, nullable=False),
        sa.Column("stored_at", INSTANT, nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("id", name="pk_incident_evidence"),
        sa.CheckConstraint("phase IN ('before', 'after')", name=op.f("ck_incident_evidence_phase")),
    )
    op.create_index("ix_incident_evidence_captured_at", "incident_evidence", ["captured_at"])
    op.create_index(
        "ix_incident_evidence_execution_id",
        "incident_evidence",
        ["execution_id"],
        postgresql_where=sa.text("execution_id IS NOT NULL"),
    )
    op.create_index(
        "ix_incident_evidence_incident_id_phase_captured_at",
        "incident_evidence",
        ["incident_id", "phase", "captured_at"],
    )

    op.create_table(
        "sensor_readings",
        sa.Column("evidence_id", sa.Uuid(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("sensor", IDENTIFIER, nullable=False),
        sa.Column("attempted", sa.Boolean(), nullable=False),
        sa.Column("succeeded", sa.Boolean(), nullable=False),
        sa.Column("started_at", INSTANT),
        sa.Column("duration_s", sa.Double()),
        sa.Column("observed_at", INSTANT),
        sa.Column("error_class", IDENTIFIER),
        sa.Column("reading", JSON),
        sa.PrimaryKeyConstraint("evidence_id", "round", "sensor", name="pk_sensor_readings"),
        sa.ForeignKeyConstraint(
            ["evidence_id"], ["incident_evidence.id"], name="fk_sensor_readings_evidence_id", ondelete="CASCADE"
        ),
        sa.CheckConstraint("attempted OR NOT succeeded", name=op.f("ck_sensor_readings_success_was_attempted")),
        sa.CheckConstraint("succeeded = (error_class IS NULL)", name=op.f("ck_sensor_readings_failure_has_a_class")),
    )

    op.create_table(
        "verifications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("execution_id", IDENTIFIER, nullable=False),
        sa.Column("incident_id", IDENTIFIER, nullable=False),
        sa.Column("check_name", IDENTIFIER, nullable=False),
        sa.Column("target", IDENTIFIER, nullable=False),
        sa.Column("event", JSON, nullable=False),
        sa.Column("plan", JSON),
        sa.Column("baseline_id", sa.Uuid()),
        sa.Column("warmup_s", sa.Double(), nullable=False),
        sa.Column("soak_s", sa.Double(), nullable=False),
        sa.Column("timeout_s", sa.Double(), nullable=False),
        sa.Column("state", PROSE, nullable=False, server_default=sa.text("'pending'")),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("lease_until", INSTANT),
        sa.Column("fence", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("verdict", PROSE),
        sa.Column("reason", PROSE),
        sa.Column("score", sa.Double()),
        sa.Column("root_cause_cleared", sa.Boolean()),
        sa.Column("regressions", JSON, nullable=False, server_default=sa.text("'[]'::jsonb")),
        sa.Column("evidence_id", sa.Uuid()),
        sa.Column("revises", IDENTIFIER),
        sa.Column("verified_at", INSTANT),
        sa.Column("created_at", INSTANT, nullable=False, server_default=sa.text("now()")),
        sa.Column("updated_at", INSTANT, nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("id", name="pk_verifications"),
        sa.UniqueConstraint("execution_id", "check_name", name="uq_verifications_execution_id_check_name"),
        sa.CheckConstraint("check_name IN ('initial', '5m', '1h', '24h')", name=op.f("ck_verifications_check_name")),
        sa.CheckConstraint("state IN ('pending', 'done', 'cancelled')", name=op.f("ck_verifications_state")),
        sa.CheckConstraint(
            "verdict IN ('success', 'degraded', 'failed', 'timeout')", name=op.f("ck_verifications_verdict")
        ),
        sa.CheckConstraint(f"reason IN ({REASONS})", name=op.f("ck_verifications_reason")),
        sa.CheckConstraint("score BETWEEN 0 AND 1", name=op.f("ck_verifications_score")),
        sa.CheckConstraint(
            "(state = 'done') = (verdict IS NOT NULL AND reason IS NOT NULL AND verified_at IS NOT NULL)",
            name=op.f("ck_verifications_done_has_a_verdict"),
        ),
        postgresql_with={"fillfactor": 85},
    )
    op.create_index("ix_verifications_due", "verifications", ["due_at"], postgresql_where=sa.text("state = 'pending'"))
    op.create_index("ix_verifications_incident_id", "verifications", ["incident_id"])
    op.create_index(
        "ix_verifications_open_target", "verifications", ["target"], postgresql_where=sa.text("state = 'pending'")
    )

    op.create_table(
        "auto_repair_executions",
        sa.Column("execution_id", IDENTIFIER, nullable=False),
        sa.Column("incident_id", IDENTIFIER, nullable=False),
        sa.Column("playbook_id", IDENTIFIER),
        sa.Column("approval_id", IDENTIFIER),
        sa.Column("decided_by", IDENTIFIER, nullable=False),
        sa.Column("action_kind", PROSE, nullable=False),
        sa.Column("target", IDENTIFIER, nullable=False),
        sa.Column("alertname", PROSE),
        sa.Column("succeeded", sa.Boolean(), nullable=False),
        sa.Column("verdict", PROSE),
        sa.Column("reason", PROSE),
        sa.Column("score", sa.Double()),
        sa.Column("evidence_id", sa.Uuid()),
        sa.Column("finished_at", INSTANT, nullable=False),
        sa.Column("verified_at", INSTANT),
        sa.Column("revised_at", INSTANT),
        sa.Column("created_at", INSTANT, nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("execution_id", name="pk_auto_repair_executions"),
        sa.CheckConstraint("decided_by IN ('rule', 'llm', 'human')", name=op.f("ck_auto_repair_executions_decided_by")),
        sa.CheckConstraint(f"action_kind IN ({ACTION_KINDS})", name=op.f("ck_auto_repair_executions_action_kind")),
        sa.CheckConstraint(
            "verdict IN ('success', 'degraded', 'failed', 'timeout')", name=op.f("ck_auto_repair_executions_verdict")
        ),
        sa.CheckConstraint(f"reason IN ({REASONS})", name=op.f("ck_auto_repair_executions_reason")),
        sa.CheckConstraint("score BETWEEN 0 AND 1", name=op.f("ck_auto_repair_executions_score")),
        sa.CheckConstraint(
            "(verdict IS NULL) = (reason IS NULL) AND (verdict IS NULL) = (verified_at IS NULL)",
            name=op.f("ck_auto_repair_executions_verdict_is_whole"),
        ),
    )
    op.create_index(
        "ix_auto_repair_executions_decided",
        "auto_repair_executions",
        ["decided_by", "verified_at"],
        postgresql_include=["verdict", "reason"],
        postgresql_where=sa.text("verdict IS NOT NULL"),
    )
    op.create_index("ix_auto_repair_executions_incident_id", "auto_repair_executions", ["incident_id"])
    op.create_index(
        "ix_auto_repair_executions_judged",
        "auto_repair_executions",
        ["verified_at"],
        postgresql_include=["verdict", "reason", "playbook_id"],
        postgresql_where=sa.text("verdict IS NOT NULL"),
    )

    op.create_table(
        "playbooks",
        sa.Column("playbook_id", IDENTIFIER, nullable=False),
        sa.Column("title", PROSE),
        sa.Column("state", PROSE, nullable=False, server_default=sa.text("'active'")),
        sa.Column("trust_score", sa.Double(), nullable=False, server_default=sa.text("0.5")),
        sa.Column("verified_count", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("failed_count", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("last_used_at", INSTANT),
        sa.Column("deprecated_at", INSTANT),
        sa.Column("deprecation", JSON),
        sa.Column("restored_at", INSTANT),
        sa.Column("archived_at", INSTANT),
        sa.Column("created_at", INSTANT, nullable=False, server_default=sa.text("now()")),
        sa.Column("updated_at", INSTANT, nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("playbook_id", name="pk_playbooks"),
        sa.CheckConstraint("state IN ('active', 'deprecated', 'archived')", name=op.f("ck_playbooks_state")),
        sa.CheckConstraint("trust_score BETWEEN 0 AND 1", name=op.f("ck_playbooks_trust_score")),
        sa.CheckConstraint(
            "state <> 'deprecated' OR deprecated_at IS NOT NULL", name=op.f("ck_playbooks_deprecation_is_dated")
        ),
        sa.CheckConstraint("failed_count BETWEEN 0 AND verified_count", name=op.f("ck_playbooks_failed_count")),
        postgresql_with={"fillfactor": 70},
    )


def downgrade() -> None:
    """Drop the tables, and what is in them."""
    op.drop_table("playbooks")
    op.drop_table("auto_repair_executions")
    op.drop_table("verifications")
    op.drop_table("sensor_readings")
    op.drop_table("incident_evidence")
