"""pgbench, the measure of what the server can do: one prepared statement that upserts the entry and its link.

``batch`` puts that many rows into one statement each, as one transaction. The text of an entry is a parameter, so it
travels with every statement as it does for everybody else.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from shared.local.postgres_wheel import programs
from tests.benchmarks import samples
from tests.benchmarks.results import Failed, Run

_SCRIPT = """
\\set n :n + 1
\\set k :client_id * 100000000 + :n
WITH link AS (
    INSERT INTO incident_links (incident_id, approval_id, approved_time, approved_event_id, approved_source)
    VALUES ('INC-' || :run || '-' || :k, 'apr-' || :k, '2026-01-31T12:00:00Z', 'evt-' || :k, '/benchmarks')
    ON CONFLICT (incident_id) DO UPDATE SET
        approval_id = excluded.approval_id, approved_time = excluded.approved_time,
        approved_event_id = excluded.approved_event_id, approved_source = excluded.approved_source, updated_at = now()
)
INSERT INTO knowledge_entries (
    id, incident_key, incident_id, path_type, title, content, entry_type, category, tags, severity, confidence,
    metadata, approval_id, source, event_id, event_time, content_sha256, created_at, updated_at)
VALUES (
    gen_random_uuid(), 'INC-' || :run || '-' || :k, 'INC-' || :run || '-' || :k, 'approval_manual', :title, :content,
    'note', 'kubernetes', '["approval", "checkout"]', 'critical', 0.8, '{"cluster": "eu-1"}', 'apr-' || :k,
    '/benchmarks', 'evt-' || :k, '2026-01-31T12:00:00Z', :sha256, '2026-01-31T12:00:00Z', '2026-01-31T12:00:00Z')
ON CONFLICT (incident_key, path_type) DO UPDATE SET
    title = excluded.title, content = excluded.content, entry_type = excluded.entry_type,
    category = excluded.category, tags = excluded.tags, severity = excluded.severity,
    confidence = excluded.confidence, metadata = excluded.metadata, approval_id = excluded.approval_id,
    source = excluded.source, event_id = excluded.event_id, event_time = excluded.event_time,
    content_sha256 = excluded.content_sha256, revision = knowledge_entries.revision + 1,
    updated_at = excluded.updated_at, stored_at = now();
"""


def run_pgbench(socket_folder: Path, clients: int, transactions: int, run: str) -> Run:
    """Upsert ``transactions`` entries."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "upsert.sql"
        script.write_text(_SCRIPT)
        values = {"n": "0", "run": run, "title": samples.TITLE, "content": samples.CONTENT, "sha256": "0" * 64}
        command = [
            str(programs() / "pgbench"),
            f"--host={socket_folder}",
            "--username=postgres",
            "--no-vacuum",
            "--protocol=prepared",
            f"--client={clients}",
            f"--transactions={transactions // clients}",
            f"--file={script}",
            "--log",
            *(f"--define={name}={value}" for name, value in values.items()),
            "postgres",
        ]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)
        if done.returncode != 0:
            raise Failed(f"pgbench ended with {done.returncode}:\n{done.stderr[-2000:]}")
        lines = [line.split() for log in Path(folder).glob("pgbench_log.*") for line in log.read_text().splitlines()]
    rate = float(done.stdout.partition("tps = ")[2].split()[0])
    waits_s = [int(line[2]) / 1e6 for line in lines]
    return Run.of(waits_s, len(waits_s) / rate)
