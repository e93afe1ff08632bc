"""The schema in code, for migrations and tests.

Functions do not import this: they speak SQL text through the driver, which halves their cold start. It is what the
migrations must arrive at (a test compares the two), and the one place to read why a column exists.
"""

from __future__ import annotations

from shared.adapters.tables.base import metadata
from shared.adapters.tables.delivery import audit_log, cron_slots, dead_letters, effects, inbox, outbox
from shared.adapters.tables.governance import ai_governance_events, governance_remediation_dispatch
from shared.adapters.tables.knowledge import incident_links, knowledge_entries
from shared.adapters.tables.verification import (
    auto_repair_executions,
    incident_evidence,
    playbooks,
    sensor_readings,
    verifications,
)

__all__ = [
    "ai_governance_events",
    "audit_log",
    "auto_repair_executions",
    "cron_slots",
    "dead_letters",
    "effects",
    "governance_remediation_dispatch",
    "inbox",
    "incident_evidence",
    "incident_links",
    "knowledge_entries",
    "metadata",
    "outbox",
    "playbooks",
    "sensor_readings",
    "verifications",
]
