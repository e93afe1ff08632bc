"""What is asked of PostgreSQL: each statement returns labels (a JSON object) and a value.

Windows, not totals: what a window holds is found by an index, however long the history is. Shares are of the last
hundred executions with a verdict, so that a quiet night is not a gap.
"""

from __future__ import annotations

from typing import Final

EXECUTIONS: Final = """
SELECT json_build_object('decided_by', decided_by, 'verdict', verdict), count(*)
FROM auto_repair_executions WHERE verdict IS NOT NULL AND verified_at > now() - interval '24 hours'
GROUP BY decided_by, verdict ORDER BY decided_by, verdict
"""
AUTONOMY: Final = """
WITH judged AS (
    SELECT decided_by, verdict, playbook_id FROM auto_repair_executions
    WHERE verdict IS NOT NULL ORDER BY verified_at DESC LIMIT 100
)
SELECT '{}'::json, avg((decided_by <> 'human')::int)::float8 FROM judged HAVING count(*) > 0
"""
ACCURACY: Final = """
WITH judged AS (
    SELECT decided_by, verdict, playbook_id FROM auto_repair_executions
    WHERE verdict IS NOT NULL ORDER BY verified_at DESC LIMIT 100
)
SELECT '{}'::json, avg((verdict = 'success')::int)::float8 FROM judged
WHERE decided_by <> 'human' AND verdict <> 'timeout' HAVING count(*) > 0
"""
CALIBRATION: Final = """
WITH judged AS (
    SELECT decided_by, verdict, playbook_id FROM auto_repair_executions
    WHERE verdict IS NOT NULL ORDER BY verified_at DESC LIMIT 100
)
SELECT '{}'::json, 1 - abs(avg(p.trust_score) - avg((j.verdict = 'success')::int))::float8
FROM judged AS j JOIN playbooks AS p USING (playbook_id) WHERE j.verdict <> 'timeout' HAVING count(*) > 0
"""
RELAPSES: Final = """
SELECT '{}'::json, count(*) FROM auto_repair_executions
WHERE verdict IS NOT NULL AND revised_at IS NOT NULL AND verified_at > now() - interval '24 hours'
"""
VERIFICATIONS_DUE: Final = """
SELECT '{}'::json, coalesce(extract(epoch FROM now() - min(due_at)), 0)::float8
FROM verifications WHERE state = 'pending' AND due_at < now()
"""
VERIFICATIONS: Final = """
SELECT json_build_object('check', check_name), count(*) FROM verifications WHERE state = 'pending'
GROUP BY check_name ORDER BY check_name
"""
SENSORS: Final = """
SELECT json_build_object('sensor', r.sensor, 'outcome', coalesce(r.error_class, 'answered')), count(*)
FROM incident_evidence AS e JOIN sensor_readings AS r ON r.evidence_id = e.id
WHERE e.captured_at > now() - interval '1 hour' AND r.attempted
GROUP BY r.sensor, r.error_class ORDER BY r.sensor, r.error_class
"""
KNOWLEDGE: Final = """
SELECT '{}'::json, count(*) FROM knowledge_entries WHERE created_at > now() - interval '24 hours'
"""
LATENCY: Final = """
SELECT '{}'::json, percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM stored_at - event_time))::float8
FROM knowledge_entries WHERE created_at > now() - interval '24 hours' AND revision = 1 HAVING count(*) > 0
"""
PLAYBOOKS: Final = """
SELECT json_build_object('state', state), count(*) FROM playbooks GROUP BY state ORDER BY state
"""
QUARANTINED: Final = """
SELECT json_build_object('stream', stream), count(*) FROM dead_letters WHERE state = 'quarantined'
GROUP BY stream ORDER BY stream
"""
OUTBOX: Final = "SELECT '{}'::json, count(*) FROM outbox"
OUTBOX_AGE: Final = """
SELECT '{}'::json, coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 FROM outbox
"""
EFFECTS: Final = """
SELECT json_build_object('kind', kind, 'state', state), count(*) FROM effects
WHERE state IN ('planned', 'sending', 'unknown', 'failed')
GROUP BY kind, state ORDER BY kind, state
"""
ALERTS: Final = """
SELECT json_build_object('event_type', event_type, 'severity', severity), count(*)
FROM ai_governance_events WHERE state = 'open' GROUP BY event_type, severity ORDER BY event_type, severity
"""
LAST_RUNS: Final = """
SELECT json_build_object('job_name', job), extract(epoch FROM max(done_at))::float8
FROM cron_slots WHERE done_at IS NOT NULL AND slot_start > now() - interval '7 days' GROUP BY job ORDER BY job
"""
