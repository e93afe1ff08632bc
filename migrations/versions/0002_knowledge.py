"""Knowledge: entries and the approvals of their incidents."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"

PROSE = sa.Text()
IDENTIFIER = sa.Text(collation="C")
INSTANT = sa.DateTime(timezone=True)
JSON = JSONB()

PATH_TYPES = (
    "'incident_resolve', 'approval_manual', 'approval_auto_ok', 'approval_auto_fail', "
    "'approval_auto_unproven', 'playbook_extract'"
)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "knowledge_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("incident_key", IDENTIFIER, nullable=False),
        sa.Column("incident_id", IDENTIFIER),
        sa.Column("path_type", IDENTIFIER, nullable=False),
        sa.Column("title", PROSE, nullable=False),
        sa.Column("content", PROSE, nullable=False),
        sa.Column("entry_type", PROSE, nullable=False),
        sa.Column("category", PROSE),
        sa.Column("tags", JSON, nullable=False, server_default=sa.text("'[]'::jsonb")),
        sa.Column("severity", PROSE),
        sa.Column("confidence", sa.Double()),
        sa.Column("metadata", JSON, nullable=False, server_default=sa.text("'{}'::jsonb")),
        sa.Column("approval_id", IDENTIFIER),
        sa.Column("source", IDENTIFIER, nullable=False),
        sa.Column("event_id", IDENTIFIER, nullable=False),
        sa.Column("event_time", INSTANT, nullable=False),
        sa.Column("content_sha256", IDENTIFIER, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False, server_default=sa.text("1")),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("verified_at", INSTANT),
        sa.Column("archived_at", INSTANT),
        sa.Column("stored_at", INSTANT, nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("id", name="pk_knowledge_entries"),
        sa.CheckConstraint(f"path_type IN ({PATH_TYPES})", name=op.f("ck_knowledge_entries_path_type")),
        sa.CheckConstraint(
            "entry_type IN ('incident_case', 'runbook', 'playbook', 'anti_pattern', 'postmortem', 'note')",
            name=op.f("ck_knowledge_entries_entry_type"),
        ),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name=op.f("ck_knowledge_entries_confidence")),
        sa.CheckConstraint(
            "incident_id IS NOT NULL OR path_type = 'playbook_extract'",
            name=op.f("ck_knowledge_entries_incident_is_known"),
        ),
        postgresql_with={"autovacuum_vacuum_scale_factor": 0.05, "autovacuum_vacuum_insert_scale_factor": 0.02},
    )
    op.create_index("ix_knowledge_entries_created_at", "knowledge_entries", ["created_at"])
    op.create_index(
        "ix_knowledge_entries_freshness",
        "knowledge_entries",
        ["updated_at"],
        postgresql_include=["verified_at"],
        postgresql_where=sa.text("archived_at IS NULL"),
    )
    op.create_index("uix_knowledge_incident_path", "knowledge_entries", ["incident_key", "path_type"], unique=True)

    op.create_table(
        "incident_links",
        sa.Column("incident_id", IDENTIFIER, nullable=False),
        sa.Column("approval_id", IDENTIFIER),
        sa.Column("approved_time", INSTANT),
        sa.Column("approved_event_id", IDENTIFIER),
        sa.Column("approved_source", IDENTIFIER),
        sa.Column("revoked", JSON, nullable=False, server_default=sa.text("'{}'::jsonb")),
        sa.Column("updated_at", INSTANT, nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("incident_id", name="pk_incident_links"),
        postgresql_with={"fillfactor": 85},
    )


def downgrade() -> None:
    """Drop the tables, and what is in them."""
    op.drop_table("incident_links")
    op.drop_table("knowledge_entries")
