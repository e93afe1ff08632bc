"""What PostgreSQL is asked. Each check is one statement and one pass; the big tables are read from indexes alone."""

from __future__ import annotations

from typing import Final

# What became of a playbook since a person restored it, or the next run would undo the restoring.
_VERIFIED: Final = "(p.verified_count - coalesce((p.deprecation #>> '{restored,verified}')::int, 0))"
_FAILED: Final = "(p.failed_count - coalesce((p.deprecation #>> '{restored,failed}')::int, 0))"
_RULE: Final = f"""CASE
    WHEN {_VERIFIED} >= (:failing_least)::int
        AND {_FAILED}::double precision / nullif({_VERIFIED}, 0) >= (:failing_rate)::double precision THEN 'failing'
    WHEN greatest(coalesce(p.last_used_at, p.created_at), p.restored_at)
        < now() - (:unused_days)::double precision * interval '1 day' THEN 'unused'
END"""

PLAYBOOKS: Final = f"""
WITH judged AS (
    SELECT p.playbook_id, p.trust_score, p.verified_count, p.failed_count, p.last_used_at, {_RULE} AS rule
    FROM playbooks AS p WHERE p.state = 'active'
), wrong AS (
    SELECT *, count(*) OVER same AS total, row_number() OVER (same ORDER BY rule, trust_score, playbook_id) AS place
    FROM judged WHERE rule IS NOT NULL OR trust_score < (:trust_floor)::double precision
    WINDOW same AS (PARTITION BY rule IS NULL)
)
SELECT playbook_id, rule, trust_score, verified_count, failed_count, last_used_at, total
FROM wrong WHERE place <= (:most)::int ORDER BY place
"""  # noqa: S608 - constant text

# The condition is looked at again once the row is locked: a playbook that was used meanwhile stays in use.
DEPRECATE: Final = f"""
WITH deprecated AS (
    UPDATE playbooks AS p
    SET state = 'deprecated', deprecated_at = now(), updated_at = now(), deprecation = jsonb_build_object(
        'rule', {_RULE}, 'trust_score', p.trust_score, 'verified', p.verified_count, 'failed', p.failed_count,
        'last_used_at', p.last_used_at, 'actor', (:actor)::text)
    WHERE p.state = 'active' AND {_RULE} IS NOT NULL
    RETURNING p.playbook_id, p.deprecation, p.last_used_at
), audited AS (
    INSERT INTO audit_log (actor, action, subject, detail)
    SELECT (:actor)::text, 'playbook.deprecated', playbook_id, deprecation FROM deprecated
)
SELECT playbook_id, deprecation ->> 'rule', (deprecation ->> 'trust_score')::double precision,
       (deprecation ->> 'verified')::int, (deprecation ->> 'failed')::int, last_used_at
FROM deprecated
"""  # noqa: S608 - constant text

RESTORE: Final = """
WITH restored AS (
    UPDATE playbooks
    SET state = 'active', deprecated_at = NULL, restored_at = now(), updated_at = now(),
        deprecation = coalesce(deprecation, '{}') || jsonb_build_object('restored', jsonb_build_object(
            'actor', (:actor)::text, 'reason', (:reason)::text, 'verified', verified_count, 'failed', failed_count))
    WHERE playbook_id = :playbook_id AND state = 'deprecated'
    RETURNING playbook_id, deprecation
), audited AS (
    INSERT INTO audit_log (actor, action, subject, detail)
    SELECT (:actor)::text, 'playbook.restored', playbook_id, deprecation FROM restored
)
SELECT playbook_id FROM restored
"""

KNOWLEDGE: Final = """
SELECT count(*), count(*) FILTER (WHERE greatest(updated_at, verified_at) < since)
FROM (SELECT updated_at, verified_at, now() - (:stale_days)::double precision * interval '1 day' AS since
      FROM knowledge_entries WHERE archived_at IS NULL) AS e
"""

LLM: Final = """
SELECT count(*), count(*) FILTER (WHERE verdict <> 'timeout'), count(*) FILTER (WHERE verdict = 'failed')
FROM (
    SELECT verdict FROM auto_repair_executions
    WHERE decided_by = 'llm' AND verdict IS NOT NULL
      AND verified_at > now() - (:window_days)::double precision * interval '1 day'
    ORDER BY verified_at DESC LIMIT (:most)::int
) AS latest
"""

# To have looked at something is not to have tried to repair it.
EXECUTIONS: Final = """
SELECT coalesce(playbook_id, ''), count(*), count(*) FILTER (WHERE reason <> 'observe_only'),
       count(*) FILTER (WHERE verdict <> 'success' AND reason <> 'observe_only')
FROM (
    SELECT playbook_id, verdict, reason FROM auto_repair_executions
    WHERE verdict IS NOT NULL AND verified_at > now() - (:window_days)::double precision * interval '1 day'
    ORDER BY verified_at DESC LIMIT (:most)::int
) AS latest
GROUP BY playbook_id
"""

# An alert that yields is silent while there is work on it: its owner knows. What is open already is only counted.
RAISE: Final = """
INSERT INTO ai_governance_events AS e (
    id, event_type, subject, severity, impact, remediation, actionable, ownership)
SELECT f.id, f.event_type, f.subject, f.severity, f.impact, f.remediation, f.actionable, f.ownership
FROM jsonb_to_recordset((:rows)::jsonb) AS f(
    id uuid, event_type text, subject text, severity text, impact jsonb, remediation jsonb, actionable jsonb,
    ownership jsonb, yields boolean)
WHERE NOT f.yields
   OR EXISTS (SELECT FROM ai_governance_events AS o
              WHERE o.event_type = f.event_type AND o.subject = f.subject AND o.state = 'open')
   OR NOT EXISTS (SELECT FROM governance_remediation_dispatch AS d
                  WHERE d.event_type = f.event_type AND d.subject = f.subject
                    AND d.state IN ('pending', 'dispatched', 'executing'))
ORDER BY f.event_type, f.subject
ON CONFLICT (event_type, subject) WHERE state = 'open' DO UPDATE
SET severity = excluded.severity, impact = excluded.impact, remediation = excluded.remediation,
    actionable = excluded.actionable, ownership = excluded.ownership,
    times_seen = e.times_seen + 1, last_seen_at = now()
RETURNING e.id::text, e.event_type, e.subject
"""

# What an owner wrote back is rechecked by this very run. Work that nobody began is dropped when the trouble is over.
RECHECK: Final = """
UPDATE governance_remediation_dispatch AS d
SET stage = CASE WHEN d.stage = 'written_back' THEN 'rechecked' ELSE d.stage END,
    state = CASE WHEN c.is_over AND d.stage = 'written_back' THEN 'succeeded'
                 WHEN c.is_over THEN 'cancelled' ELSE 'failed' END,
    outcome = jsonb_build_object('recovered', c.is_over, 'by', (:actor)::text), finished_at = now(), updated_at = now()
FROM jsonb_to_recordset((:rows)::jsonb) AS c(event_type text, subject text, is_over boolean)
WHERE d.event_type = c.event_type AND d.subject = c.subject AND d.state IN ('pending', 'dispatched', 'executing')
  AND (d.stage = 'written_back' OR (c.is_over AND d.state = 'pending' AND d.stage = 'detected'))
"""

# Work that ended did not end the trouble: after a pause there is work again.
DISPATCH: Final = """
INSERT INTO governance_remediation_dispatch (id, alert_id, event_type, subject, work, ownership)
SELECT w.id, w.alert_id, w.event_type, w.subject, w.work, w.ownership
FROM jsonb_to_recordset((:rows)::jsonb) AS w(
    id uuid, alert_id uuid, event_type text, subject text, work jsonb, ownership jsonb)
WHERE NOT EXISTS (SELECT FROM governance_remediation_dispatch AS d
                  WHERE d.alert_id = w.alert_id
                    AND d.finished_at > now() - (:pause_s)::double precision * interval '1 second')
ORDER BY w.event_type, w.subject
ON CONFLICT (event_type, subject) WHERE state IN ('pending', 'dispatched', 'executing') DO NOTHING
RETURNING id::text, alert_id::text
"""

# Runs take effect one after the other: each sees all of the one before, and none waits for another in a circle.
ONE_AFTER_THE_OTHER: Final = "SELECT pg_advisory_xact_lock(hashtextextended('governance-check', 0))"

OPEN: Final = "SELECT id::text, event_type, subject FROM ai_governance_events WHERE state = 'open' ORDER BY id"

OPEN_WORK: Final = """
SELECT id::text, event_type, subject FROM governance_remediation_dispatch
WHERE state IN ('pending', 'dispatched', 'executing') ORDER BY id
"""

RESOLVE: Final = """
UPDATE ai_governance_events SET state = 'resolved', resolved_at = now(), resolved_by = (:actor)::text
WHERE state = 'open' AND id IN (SELECT jsonb_array_elements_text((:ids)::jsonb)::uuid)
RETURNING id::text, event_type, subject, severity, opened_at, resolved_at
"""
