"""Governance: what is wrong with the automation, and who is at it."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from shared.adapters.tables.base import (
    EMPTY_OBJECT,
    IDENTIFIER,
    INSTANT,
    JSON,
    NOW,
    PROSE,
    key,
    metadata,
    one_of,
    optional,
    required,
)

ai_governance_events: Final = sa.Table(
    "ai_governance_events",
    metadata,
    key("id", sa.Uuid()),
    required("event_type", IDENTIFIER),
    required("subject", IDENTIFIER, "''"),  # the SLO, the playbook, the function; empty when the type says it all
    required("severity", PROSE),
    required("state", PROSE, "'open'"),
    required("impact", JSON, EMPTY_OBJECT),
    required("remediation", JSON, EMPTY_OBJECT),
    required("actionable", JSON, EMPTY_OBJECT),
    optional("ownership", JSON),
    required("times_seen", sa.Integer(), "1"),
    required("opened_at", INSTANT, NOW),
    required("last_seen_at", INSTANT, NOW),
    optional("resolved_at", INSTANT),
    optional("resolved_by", PROSE),
    one_of("severity", ("warning", "violation", "critical")),
    one_of("state", ("open", "resolved")),
    sa.CheckConstraint("(state = 'resolved') = (resolved_at IS NOT NULL)", name="resolution_is_dated"),
    # An hourly check that keeps failing is one alert, not one an hour.
    sa.Index(
        "uix_ai_governance_events_open",
        "event_type",
        "subject",
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    ),
    sa.Index(None, "opened_at"),
)

governance_remediation_dispatch: Final = sa.Table(
    "governance_remediation_dispatch",
    metadata,
    key("id", sa.Uuid()),
    required("alert_id", sa.Uuid()),
    required("event_type", IDENTIFIER),
    required("subject", IDENTIFIER, "''"),
    # The state says whether the work is still open, and so suppresses further alerts; the stage, how far it has come.
    required("state", PROSE, "'pending'"),
    required("stage", PROSE, "'detected'"),
    required("work", JSON, EMPTY_OBJECT),
    optional("ownership", JSON),
    optional("outcome", JSON),
    required("attempts", sa.Integer(), "0"),
    optional("lease_until", INSTANT),
    required("fence", sa.BigInteger(), "0"),
    required("next_at", INSTANT, NOW),
    required("created_at", INSTANT, NOW),
    required("updated_at", INSTANT, NOW),
    optional("finished_at", INSTANT),
    one_of("state", ("pending", "dispatched", "executing", "succeeded", "failed", "cancelled")),
    one_of(
        "stage",
        ("detected", "ai_analyzed", "queued", "drafted", "waiting_owner_review", "written_back", "rechecked"),
    ),
    sa.CheckConstraint(
        "(state IN ('pending', 'dispatched', 'executing')) = (finished_at IS NULL)", name="end_is_dated"
    ),
    sa.ForeignKeyConstraint(["alert_id"], [ai_governance_events.c.id], ondelete="CASCADE"),
    sa.Index(None, "alert_id"),
    # One piece of work at a time per trouble, across alerts: a trouble that comes back joins the work that is open.
    sa.Index(
        "uix_governance_remediation_dispatch_open",
        "event_type",
        "subject",
        unique=True,
        postgresql_where=sa.text("state IN ('pending', 'dispatched', 'executing')"),
    ),
    sa.Index(
        "ix_governance_remediation_dispatch_next_at",
        "next_at",
        postgresql_where=sa.text("state IN ('pending', 'dispatched', 'executing')"),
    ),
)
