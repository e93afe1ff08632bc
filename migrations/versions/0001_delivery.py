"""Delivery: inbox, outbox, dead letters, cron slots, effects, audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

PROSE = sa.Text()
IDENTIFIER = sa.Text(collation="C")
INSTANT = sa.DateTime(timezone=True)
JSON = JSONB()


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "inbox",
        sa.Column("fn", IDENTIFIER, nullable=False),
        sa.Column("source", IDENTIFIER, nullable=False),
        sa.Column("id", IDENTIFIER, nullable=False),
        sa.Column("digest", IDENTIFIER, nullable=False),
        sa.Column("state", PROSE, nullable=False, server_default=sa.text("'done'")),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("lease_until", INSTANT),
        sa.Column("fence", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("reply", JSON),
        sa.Column("received_at", INSTANT, nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("id", "source", "fn", name="pk_inbox"),
        sa.CheckConstraint("state IN ('started', 'done', 'quarantined')", name=op.f("ck_inbox_state")),
        postgresql_with={"fillfactor": 50},
    )
    op.create_index("ix_inbox_received_at", "inbox", ["received_at"])

    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event", JSON, nullable=False),
        sa.Column("event_source", IDENTIFIER, nullable=False),
        sa.Column("event_id", IDENTIFIER, nullable=False),
        sa.Column("event_type", IDENTIFIER, nullable=False),
        sa.Column("destination", IDENTIFIER, nullable=False, server_default=sa.text("''")),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("next_at", INSTANT, nullable=False, server_default=sa.text("now()")),
        sa.Column("last_error", PROSE),
        sa.Column("created_at", INSTANT, nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint(
            "event_id", "event_source", "destination", name="uq_outbox_event_id_event_source_destination"
        ),
        postgresql_with={"autovacuum_vacuum_scale_factor": 0, "autovacuum_vacuum_threshold": 1000},
    )
    op.create_index("ix_outbox_next_at", "outbox", ["next_at"])

    op.create_table(
        "dead_letters",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("stream", IDENTIFIER, nullable=False),
        sa.Column("source", IDENTIFIER),
        sa.Column("event_id", IDENTIFIER),
        sa.Column("event_type", IDENTIFIER),
        sa.Column("event", JSON, nullable=False),
        sa.Column("state", PROSE, nullable=False, server_default=sa.text("'quarantined'")),
        sa.Column("reason", JSON, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("first_failed_at", INSTANT, nullable=False),
        sa.Column("quarantined_at", INSTANT, nullable=False, server_default=sa.text("now()")),
        sa.Column("resolved_at", INSTANT),
        sa.Column("actor", PROSE),
        sa.Column("note", PROSE),
        sa.PrimaryKeyConstraint("id", name="pk_dead_letters"),
        sa.UniqueConstraint("event_id", "source", "stream", name="uq_dead_letters_event_id_source_stream"),
        sa.CheckConstraint("state IN ('quarantined', 'redriven', 'discarded')", name=op.f("ck_dead_letters_state")),
        sa.CheckConstraint(
            "state <> 'discarded' OR (actor IS NOT NULL AND note IS NOT NULL)",
            name=op.f("ck_dead_letters_discard_is_signed"),
        ),
    )
    op.create_index("ix_dead_letters_state_quarantined_at", "dead_letters", ["state", "quarantined_at"])

    op.create_table(
        "cron_slots",
        sa.Column("job", IDENTIFIER, nullable=False),
        sa.Column("slot_start", INSTANT, nullable=False),
        sa.Column("owner", PROSE, nullable=False),
        sa.Column("lease_until", INSTANT, nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False, server_default=sa.text("1")),
        sa.Column("done_at", INSTANT),
        sa.Column("result", JSON),
        sa.PrimaryKeyConstraint("job", "slot_start", name="pk_cron_slots"),
    )

    op.create_table(
        "effects",
        sa.Column("key", IDENTIFIER, nullable=False),
        sa.Column("kind", IDENTIFIER, nullable=False),
        sa.Column("state", PROSE, nullable=False, server_default=sa.text("'planned'")),
        sa.Column("marker", IDENTIFIER),
        sa.Column("request", JSON, nullable=False),
        sa.Column("response", JSON),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("fence", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("lease_until", INSTANT),
        sa.Column("next_at", INSTANT, nullable=False, server_default=sa.text("now()")),
        sa.Column("created_at", INSTANT, nullable=False, server_default=sa.text("now()")),
        sa.Column("updated_at", INSTANT, nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("key", name="pk_effects"),
        sa.CheckConstraint(
            "state IN ('planned', 'sending', 'sent', 'unknown', 'failed')", name=op.f("ck_effects_state")
        ),
    )
    op.create_index(
        "ix_effects_next_at",
        "effects",
        ["next_at"],
        postgresql_where=sa.text("state IN ('planned', 'sending', 'unknown')"),
    )

    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", INSTANT, nullable=False, server_default=sa.text("now()")),
        sa.Column("actor", PROSE, nullable=False),
        sa.Column("action", IDENTIFIER, nullable=False),
        sa.Column("subject", IDENTIFIER, nullable=False),
        sa.Column("detail", JSON, nullable=False, server_default=sa.text("'{}'::jsonb")),
        sa.PrimaryKeyConstraint("id", name="pk_audit_log"),
    )
    op.create_index("ix_audit_log_subject_at", "audit_log", ["subject", "at"])


def downgrade() -> None:
    """Drop the tables, and what is in them."""
    op.drop_table("audit_log")
    op.drop_table("effects")
    op.drop_table("cron_slots")
    op.drop_table("dead_letters")
    op.drop_table("outbox")
    op.drop_table("inbox")
