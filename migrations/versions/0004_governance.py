"""Governance: alerts and the work they ask for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"

PROSE = sa.Text()
IDENTIFIER = sa.Text(collation="C")
INSTANT = sa.DateTime(timezone=True)
JSON = JSONB()

STAGES = "'detected', 'ai_analyzed', 'queued', 'drafted', 'waiting_owner_review', 'written_back', 'rechecked'"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "ai_governance_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("event_type", IDENTIFIER, nullable=False),
        sa.Column("subject", IDENTIFIER, nullable=False, server_default=sa.text("''")),
        sa.Column("severity", PROSE, nullable=False),
        sa.Column("state", PROSE, nullable=False, server_default=sa.text("'open'")),
        sa.Column("impact", JSON, nullable=False, server_default=sa.text("'{}'::jsonb")),
        sa.Column("remediation", JSON, nullable=False, server_default=sa.text("'{}'::jsonb")),
        sa.Column("actionable", JSON, nullable=False, server_default=sa.text("'{}'::jsonb")),
        sa.Column("ownership", JSON),
        sa.Column("times_seen", sa.Integer(), nullable=False, server_default=sa.text("1")),
        sa.Column("opened_at", INSTANT, nullable=False, server_default=sa.text("now()")),
        sa.Column("last_seen_at", INSTANT, nullable=False, server_default=sa.text("now()")),
        sa.Column("resolved_at", INSTANT),
        sa.Column("resolved_by", PROSE),
        sa.PrimaryKeyConstraint("id", name="pk_ai_governance_events"),
        sa.CheckConstraint(
            "severity IN ('warning', 'violation', 'critical')", name=op.f("ck_ai_governance_events_severity")
        ),
        sa.CheckConstraint("state IN ('open', 'resolved')", name=op.f("ck_ai_governance_events_state")),
        sa.CheckConstraint(
            "(state = 'resolved') = (resolved_at IS NOT NULL)", name=op.f("ck_ai_governance_events_resolution_is_dated")
        ),
    )
    op.create_index("ix_ai_governance_events_opened_at", "ai_governance_events", ["opened_at"])
    op.create_index(
        "uix_ai_governance_events_open",
        "ai_governance_events",
        ["event_type", "subject"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )

    op.create_table(
        "governance_remediation_dispatch",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("event_type", IDENTIFIER, nullable=False),
        sa.Column("subject", IDENTIFIER, nullable=False, server_default=sa.text("''")),
        sa.Column("state", PROSE, nullable=False, server_default=sa.text("'pending'")),
        sa.Column("stage", PROSE, nullable=False, server_default=sa.text("'detected'")),
        sa.Column("work", JSON, nullable=False, server_default=sa.text("'{}'::jsonb")),
        sa.Column("ownership", JSON),
        sa.Column("outcome", JSON),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("lease_until", INSTANT),
        sa.Column("fence", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("next_at", INSTANT, nullable=False, server_default=sa.text("now()")),
        sa.Column("created_at", INSTANT, nullable=False, server_default=sa.text("now()")),
        sa.Column("updated_at", INSTANT, nullable=False, server_default=sa.text("now()")),
        sa.Column("finished_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_governance_remediation_dispatch"),
        sa.ForeignKeyConstraint(
            ["alert_id"],
            ["ai_governance_events.id"],
            name="fk_governance_remediation_dispatch_alert_id",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'dispatched', 'executing', 'succeeded', 'failed', 'cancelled')",
            name=op.f("ck_governance_remediation_dispatch_state"),
        ),
        sa.CheckConstraint(f"stage IN ({STAGES})", name=op.f("ck_governance_remediation_dispatch_stage")),
        sa.CheckConstraint(
            "(state IN ('pending', 'dispatched', 'executing')) = (finished_at IS NULL)",
            name=op.f("ck_governance_remediation_dispatch_end_is_dated"),
        ),
    )
    op.create_index("ix_governance_remediation_dispatch_alert_id", "governance_remediation_dispatch", ["alert_id"])
    op.create_index(
        "ix_governance_remediation_dispatch_next_at",
        "governance_remediation_dispatch",
        ["next_at"],
        postgresql_where=sa.text("state IN ('pending', 'dispatched', 'executing')"),
    )
    op.create_index(
        "uix_governance_remediation_dispatch_open",
        "governance_remediation_dispatch",
        ["event_type", "subject"],
        unique=True,
        postgresql_where=sa.text("state IN ('pending', 'dispatched', 'executing')"),
    )


def downgrade() -> None:
    """Drop the tables, and what is in them."""
    op.drop_table("governance_remediation_dispatch")
    op.drop_table("ai_governance_events")
