"""Delivery: what came in, what goes out, what failed, and who is at it.

``inbox`` row, effect and ``outbox`` rows are written in one transaction, which is all that "each event takes effect
once" rests on. ``lease_until`` says until when a row has an owner; ``fence`` rises with every owner, and each write of
an owner carries its own, so that one who slept past its lease changes nothing.
"""

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
    serial,
)

inbox: Final = sa.Table(
    "inbox",
    metadata,
    required("fn", IDENTIFIER),
    required("source", IDENTIFIER),
    required("id", IDENTIFIER),
    # SHA-256 of what the producer said: the same id with other content is refused, not taken for a duplicate.
    required("digest", IDENTIFIER),
    # A function that only writes to the database knows "done" alone; "started" is for those that wait or call out.
    required("state", PROSE, "'done'"),
    required("attempts", sa.Integer(), "0"),
    optional("lease_until", INSTANT),
    required("fence", sa.BigInteger(), "0"),
    # A duplicate gets the same answer again: the first one may have been lost on the way.
    optional("reply", JSON),
    required("received_at", INSTANT, NOW),
    # The id leads: with a constant in front, a planner without statistics walks the rows of a whole function.
    sa.PrimaryKeyConstraint("id", "source", "fn"),
    one_of("state", ("started", "done", "quarantined")),
    sa.Index(None, "received_at"),
    # The reply is written over a row of the same transaction: with room beside it, no index hears of that.
    postgresql_with={"fillfactor": 50},
)

outbox: Final = sa.Table(
    "outbox",
    metadata,
    serial("id"),
    required("event", JSON),
    required("event_source", IDENTIFIER),
    required("event_id", IDENTIFIER),
    required("event_type", IDENTIFIER),
    # A URL; empty means the configured sink, so that moving the sink moves what waits for it.
    required("destination", IDENTIFIER, "''"),
    required("attempts", sa.Integer(), "0"),
    required("next_at", INSTANT, NOW),
    optional("last_error", PROSE),
    required("created_at", INSTANT, NOW),
    sa.UniqueConstraint("event_id", "event_source", "destination"),
    sa.Index(None, "next_at"),
    # Rows leave once they are sent. The default waits for a fifth of the table to be dead, which here is all of it.
    postgresql_with={"autovacuum_vacuum_scale_factor": 0, "autovacuum_vacuum_threshold": 1000},
)

dead_letters: Final = sa.Table(
    "dead_letters",
    metadata,
    key("id", sa.Uuid()),
    required("stream", IDENTIFIER),
    # Unknown when the entry is not a readable event.
    optional("source", IDENTIFIER),
    optional("event_id", IDENTIFIER),
    optional("event_type", IDENTIFIER),
    required("event", JSON),
    required("state", PROSE, "'quarantined'"),
    required("reason", JSON),
    required("attempts", sa.Integer()),
    required("first_failed_at", INSTANT),
    required("quarantined_at", INSTANT, NOW),
    optional("resolved_at", INSTANT),
    optional("actor", PROSE),
    optional("note", PROSE),
    one_of("state", ("quarantined", "redriven", "discarded")),
    # The only way an accepted event may disappear, so somebody has to say who and why.
    sa.CheckConstraint("state <> 'discarded' OR (actor IS NOT NULL AND note IS NOT NULL)", name="discard_is_signed"),
    sa.Index(None, "state", "quarantined_at"),
)

cron_slots: Final = sa.Table(
    "cron_slots",
    metadata,
    key("job", IDENTIFIER),
    key("slot_start", INSTANT),
    required("owner", PROSE),
    required("lease_until", INSTANT),
    required("fence", sa.BigInteger(), "1"),
    optional("done_at", INSTANT),
    optional("result", JSON),
)

effects: Final = sa.Table(
    "effects",
    metadata,
    key("key", IDENTIFIER),
    required("kind", IDENTIFIER),
    required("state", PROSE, "'planned'"),
    # What the request leaves behind at the other side, to find out whether a lost call arrived.
    optional("marker", IDENTIFIER),
    required("request", JSON),
    optional("response", JSON),
    required("attempts", sa.Integer(), "0"),
    required("fence", sa.BigInteger(), "0"),
    optional("lease_until", INSTANT),
    required("next_at", INSTANT, NOW),
    required("created_at", INSTANT, NOW),
    required("updated_at", INSTANT, NOW),
    # The last four are of what was sent, when people had to say what becomes of it.
    one_of("state", ("planned", "sending", "sent", "unknown", "failed", "approved", "rejected", "expired", "voided")),
    sa.Index(None, "next_at", postgresql_where=sa.text("state IN ('planned', 'sending', 'unknown')")),
    sa.Index("ix_effects_reviews", "next_at", postgresql_where=sa.text("kind = 'gitea-issue'")),
)

audit_log: Final = sa.Table(
    "audit_log",
    metadata,
    serial("id"),
    required("at", INSTANT, NOW),
    required("actor", PROSE),
    required("action", IDENTIFIER),
    required("subject", IDENTIFIER),
    required("detail", JSON, EMPTY_OBJECT),
    sa.Index(None, "subject", "at"),
)
