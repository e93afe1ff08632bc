"""The statements of the verification store; each takes its rows as one JSON parameter."""

from __future__ import annotations

from typing import Final

# An action that ended in the future ended now: somebody's clock is wrong, and nothing could be read after it for long.
PROMISE: Final = """
WITH given AS (
    SELECT * FROM jsonb_to_recordset((:rows)::jsonb) AS g(
        id uuid, execution_id text, incident_id text, target text, event jsonb, warmup_s double precision,
        soak_s double precision, timeout_s double precision, playbook_id text, approval_id text, decided_by text,
        action_kind text, alertname text, succeeded boolean, finished_at timestamptz)
), executed AS (
    INSERT INTO auto_repair_executions (
        execution_id, incident_id, playbook_id, approval_id, decided_by, action_kind, target, alertname, succeeded,
        finished_at)
    SELECT execution_id, incident_id, playbook_id, approval_id, decided_by, action_kind, target, alertname, succeeded,
           least(finished_at, now())
    FROM given ORDER BY execution_id
    ON CONFLICT (execution_id) DO NOTHING
)
INSERT INTO verifications (
    id, execution_id, incident_id, check_name, target, event, warmup_s, soak_s, timeout_s, due_at)
SELECT id, execution_id, incident_id, 'initial', target, event, warmup_s, soak_s, timeout_s, now()
FROM given ORDER BY execution_id
ON CONFLICT (execution_id, check_name) DO NOTHING
"""

_TAKE: Final = """
WITH chosen AS MATERIALIZED (
    SELECT id FROM verifications WHERE state = 'pending' AND coalesce(lease_until, now()) <= now() AND {which}
    FOR UPDATE SKIP LOCKED
)
UPDATE verifications AS v
SET lease_until = now() + (v.timeout_s + :margin_s) * interval '1 second', fence = v.fence + 1,
    attempts = v.attempts + 1, updated_at = now()
FROM chosen WHERE v.id = chosen.id
RETURNING v.id, v.check_name, v.fence, v.event, v.warmup_s, v.soak_s, v.timeout_s, v.revises, v.plan, v.attempts
"""
TAKE: Final = _TAKE.format(which="id IN (SELECT jsonb_array_elements_text((:ids)::jsonb)::uuid)")
TAKE_DUE: Final = _TAKE.format(which="due_at <= now() ORDER BY due_at LIMIT :most")

# Given back unharmed: the attempt does not count.
RELEASE: Final = """
UPDATE verifications AS v SET lease_until = NULL, attempts = v.attempts - 1, updated_at = now()
FROM jsonb_to_recordset((:rows)::jsonb) AS r(id uuid, fence bigint)
WHERE v.id = r.id AND v.fence = r.fence AND v.state = 'pending'
"""

# Each execution's own baseline, and the newest of its incident; which of them is comparable is decided in the open,
# not here.
CONTEXT: Final = """
SELECT v.id, e.finished_at,
       (SELECT max(d.verified_at) FROM verifications AS d WHERE d.execution_id = v.execution_id AND d.state = 'done'),
       b.id, b.execution_id, b.target, b.plan, b.state, b.captured_at
FROM verifications AS v
JOIN auto_repair_executions AS e ON e.execution_id = v.execution_id
LEFT JOIN LATERAL (
    SELECT id, execution_id, target, plan, state, captured_at FROM incident_evidence
    WHERE incident_id = v.incident_id AND phase = 'before' AND captured_at <= e.finished_at
    ORDER BY coalesce(execution_id = v.execution_id, false) DESC, captured_at DESC LIMIT 5
) AS b ON true
WHERE v.id IN (SELECT jsonb_array_elements_text((:ids)::jsonb)::uuid)
"""

# What was answered to whoever reported an execution first.
REPLIES: Final = """
SELECT v.id, i.reply FROM verifications AS v
JOIN inbox AS i ON i.fn = :fn AND i.source = v.event ->> 'source' AND i.id = v.event ->> 'id'
WHERE v.state = 'done' AND i.reply IS NOT NULL
  AND v.id IN (SELECT jsonb_array_elements_text((:ids)::jsonb)::uuid)
"""

SETTLE: Final = """
UPDATE verifications AS v
SET state = 'done', verdict = s.verdict, reason = s.reason, score = s.score,
    root_cause_cleared = s.root_cause_cleared, regressions = s.regressions, evidence_id = s.evidence_id,
    baseline_id = s.baseline_id, plan = s.plan, verified_at = s.verified_at, lease_until = NULL, updated_at = now()
FROM jsonb_to_recordset((:rows)::jsonb) AS s(
    id uuid, fence bigint, verdict text, reason text, score double precision, root_cause_cleared boolean,
    regressions jsonb, evidence_id uuid, baseline_id uuid, plan jsonb, verified_at timestamptz)
WHERE v.id = s.id AND v.fence = s.fence AND v.state = 'pending'
RETURNING v.id, v.fence
"""

EVIDENCE: Final = """
WITH evidence AS (
    INSERT INTO incident_evidence (
        id, incident_id, execution_id, phase, target, baseline_id, plan, state, captured_at)
    SELECT id, incident_id, execution_id, phase, target, baseline_id, plan, state, captured_at
    FROM jsonb_to_recordset((:evidence)::jsonb) AS e(
        id uuid, incident_id text, execution_id text, phase text, target jsonb, baseline_id uuid, plan jsonb,
        state jsonb, captured_at timestamptz)
    ON CONFLICT (id) DO NOTHING
    RETURNING id
)
INSERT INTO sensor_readings (
    evidence_id, round, sensor, attempted, succeeded, started_at, duration_s, observed_at, error_class, reading)
SELECT r.evidence_id, r.round, r.sensor, r.attempted, r.error_class IS NULL, r.started_at, r.duration_s, r.observed_at,
       r.error_class, r.reading
FROM jsonb_to_recordset((:readings)::jsonb) AS r(
    evidence_id uuid, round int, sensor text, attempted boolean, started_at timestamptz,
    duration_s double precision, observed_at timestamptz, error_class text, reading jsonb)
WHERE r.evidence_id IN (SELECT id FROM evidence)
"""

# When an execution was first judged decides its place among the others; that it is judged otherwise now is said beside.
LEARN: Final = """
UPDATE auto_repair_executions AS e
SET verdict = s.verdict, reason = s.reason, score = s.score, evidence_id = s.evidence_id,
    verified_at = coalesce(e.verified_at, s.verified_at),
    revised_at = CASE WHEN e.verified_at IS NULL THEN e.revised_at ELSE s.verified_at END
FROM jsonb_to_recordset((:rows)::jsonb) AS s(
    execution_id text, verdict text, reason text, score double precision, evidence_id uuid, verified_at timestamptz)
WHERE e.execution_id = s.execution_id
"""

KNOW_PLAYBOOKS: Final = """
INSERT INTO playbooks (playbook_id)
SELECT playbook_id FROM jsonb_array_elements_text((:ids)::jsonb) AS p(playbook_id) ORDER BY playbook_id
ON CONFLICT (playbook_id) DO NOTHING
"""
LOCK_PLAYBOOKS: Final = """
SELECT playbook_id, trust_score, verified_count, failed_count FROM playbooks
WHERE playbook_id IN (SELECT jsonb_array_elements_text((:ids)::jsonb)) ORDER BY playbook_id FOR UPDATE
"""
# How many telling verdicts of its playbook came after that of an execution; answered by the index on verified_at.
LATER: Final = """
SELECT e.execution_id, (
    SELECT count(*) FROM auto_repair_executions AS l
    WHERE l.verified_at > e.verified_at AND l.playbook_id = e.playbook_id AND l.verdict IS NOT NULL
      AND l.verdict <> 'timeout')
FROM auto_repair_executions AS e
WHERE e.execution_id IN (SELECT jsonb_array_elements_text((:ids)::jsonb))
"""
TRUST: Final = """
UPDATE playbooks AS p
SET trust_score = t.trust_score, verified_count = t.verified_count, failed_count = t.failed_count,
    last_used_at = greatest(p.last_used_at, t.used_at), updated_at = now()
FROM jsonb_to_recordset((:rows)::jsonb) AS t(
    playbook_id text, trust_score double precision, verified_count int, failed_count int, used_at timestamptz)
WHERE p.playbook_id = t.playbook_id
"""

LOOK_AGAIN: Final = """
INSERT INTO verifications (
    id, execution_id, incident_id, check_name, target, event, plan, warmup_s, soak_s, timeout_s, due_at, revises)
SELECT n.id, v.execution_id, v.incident_id, n.check_name, v.target, v.event, v.plan, v.warmup_s, v.soak_s,
       v.timeout_s, n.due_at, n.revises
FROM jsonb_to_recordset((:rows)::jsonb) AS n(
    id uuid, after uuid, check_name text, due_at timestamptz, revises text)
JOIN verifications AS v ON v.id = n.after
ON CONFLICT (execution_id, check_name) DO NOTHING
"""

# This very event's baseline, and whether there is any of its incident from a time; of several events, in their order.
CAPTURED: Final = """
SELECT a.number,
       (SELECT i.reply FROM inbox AS i
        WHERE i.fn = :fn AND i.source = a.item ->> 'source' AND i.id = a.item ->> 'id'
          AND i.digest = a.item ->> 'digest'),
       EXISTS (SELECT 1 FROM incident_evidence AS e
               WHERE e.incident_id = a.item ->> 'incident_id' AND e.phase = 'before'
                 AND e.captured_at >= (a.item ->> 'since')::timestamptz)
FROM jsonb_array_elements((:rows)::jsonb) WITH ORDINALITY AS a(item, number)
ORDER BY a.number
"""
