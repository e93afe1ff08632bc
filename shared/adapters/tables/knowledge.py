"""Knowledge, and the approvals that belong to it.

An entry's state is a function of the set of its events, not of their order: ``(event_time, event_id)`` of the winning
event is kept, and only a later pair replaces it.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from shared.adapters.tables.base import (
    EMPTY_ARRAY,
    EMPTY_OBJECT,
    IDENTIFIER,
    INSTANT,
    JSON,
    NOW,
    PROSE,
    fraction,
    key,
    metadata,
    one_of,
    optional,
    required,
)

PATH_TYPES: Final = (
    "incident_resolve",
    "approval_manual",
    "approval_auto_ok",
    "approval_auto_fail",
    "approval_auto_unproven",
    "playbook_extract",
)
ENTRY_TYPES: Final = ("incident_case", "runbook", "playbook", "anti_pattern", "postmortem", "note")

knowledge_entries: Final = sa.Table(
    "knowledge_entries",
    metadata,
    key("id", sa.Uuid()),
    # The incident, or the event for entries without one: never NULL, since NULLs would evade the unique index.
    required("incident_key", IDENTIFIER),
    optional("incident_id", IDENTIFIER),
    required("path_type", IDENTIFIER),
    required("title", PROSE),
    required("content", PROSE),
    required("entry_type", PROSE),
    optional("category", PROSE),
    required("tags", JSON, EMPTY_ARRAY),
    optional("severity", PROSE),
    optional("confidence", sa.Double()),
    required("metadata", JSON, EMPTY_OBJECT),
    optional("approval_id", IDENTIFIER),
    required("source", IDENTIFIER),
    required("event_id", IDENTIFIER),
    required("event_time", INSTANT),
    required("content_sha256", IDENTIFIER),
    required("revision", sa.Integer(), "1"),
    required("created_at", INSTANT),
    required("updated_at", INSTANT),
    optional("verified_at", INSTANT),
    optional("archived_at", INSTANT),
    required("stored_at", INSTANT, NOW),
    one_of("path_type", PATH_TYPES),
    one_of("entry_type", ENTRY_TYPES),
    fraction("confidence"),
    sa.CheckConstraint("incident_id IS NOT NULL OR path_type = 'playbook_extract'", name="incident_is_known"),
    sa.Index("uix_knowledge_incident_path", "incident_key", "path_type", unique=True),
    # Staleness is counted in one pass over this index alone: how many there are, and how many nobody has looked at.
    sa.Index(
        "ix_knowledge_entries_freshness",
        "updated_at",
        postgresql_include=["verified_at"],
        postgresql_where=sa.text("archived_at IS NULL"),
    ),
    sa.Index(None, "created_at"),
    # An index answers alone only for pages that vacuum has seen; the default lets a fifth of the table go unseen.
    postgresql_with={"autovacuum_vacuum_scale_factor": 0.05, "autovacuum_vacuum_insert_scale_factor": 0.02},
)

incident_links: Final = sa.Table(
    "incident_links",
    metadata,
    key("incident_id", IDENTIFIER),
    optional("approval_id", IDENTIFIER),
    optional("approved_time", INSTANT),
    optional("approved_event_id", IDENTIFIER),
    optional("approved_source", IDENTIFIER),
    # Event id -> time of the event that took it back: a revocation may arrive before what it revokes.
    required("revoked", JSON, EMPTY_OBJECT),
    required("updated_at", INSTANT, NOW),
    # The row is written again when the other half arrives; room on its page keeps the indexes out of that.
    postgresql_with={"fillfactor": 85},
)
