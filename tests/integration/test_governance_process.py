"""governance-check as it is deployed, and ``aftercare governance`` as an operator uses it."""

from __future__ import annotations

import json

import httpx
import pytest
from typer.testing import CliRunner

from functions.governance_check.cli import app
from functions.governance_check.lease import KEY
from shared.adapters.dead_letter_streams import connect
from shared.domain.contract import validated
from shared.domain.errors import ConfigurationError
from shared.domain.events import PING, Event
from shared.domain.governance import ALERT_RAISED, GovernanceCompleted
from shared.local.simulators.prometheus import PrometheusSimulator
from tests.deployed import deployed
from tests.senders import plain, structured
from tests.tables import reading

WELL = {
    "sli:autonomy_rate:5m": 0.9,
    "sli:decision_accuracy:5m": 0.95,
    "sli:confidence_calibration:1h": 0.85,
    "knowledge_entries_created_24h": 30,
}
PINGED = Event(id="ping-1", source="/pingsources/governance-check", type=PING, data={})
IDLE = "INSERT INTO playbooks (playbook_id, created_at) VALUES ('pb-idle', now() - interval '40 days')"


async def test_a_whole_run_from_a_ping_to_the_outbox(tmp_path, database_url, redis_url):
    prometheus, settings = PrometheusSimulator(), {"AUTH_MODE": "network", "GOVERNANCE_LEAD": "ada"}
    for metric, value in (WELL | {"sli:summary_latency_seconds:5m": 20}).items():
        prometheus.scrape(metric, {}, value)
    with reading(database_url) as rows:
        rows(IDLE)
        async with (
            prometheus.serving() as prometheus_url,
            httpx.AsyncClient(trust_env=False, verify=False, timeout=30) as http,
        ):
            settings |= {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "PROMETHEUS_URL": prometheus_url}
            with deployed(tmp_path, "governance_check", **settings) as (place,):
                ticked = await http.post(place.url, **structured(PINGED))
                again = await http.post(place.url, **structured(PINGED))
                asked = await http.post(
                    place.url, **plain(Event(id="ask", source="/", type="", data={"dry_run": True}))
                )
        report = validated(GovernanceCompleted, ticked.json()["data"])

        assert (ticked.status_code, again.json(), asked.status_code) == (200, ticked.json(), 200)
        assert (report.status, report.checks.slo_compliance.status) == ("violated", "violated")
        assert [each.playbook_id for each in report.checks.trust_drift.deprecated] == ["pb-idle"]
        assert {alert.subject for alert in report.alerts} == {"", "summary_latency"}
        assert rows("SELECT DISTINCT event_type FROM outbox") == [[ALERT_RAISED]]
        assert rows("SELECT count(*), count(done_at) FROM cron_slots") == [[1, 1]]
        assert rows("SELECT DISTINCT ownership ->> 'lead' FROM governance_remediation_dispatch") == [["ada"]]
    redis = connect(redis_url)
    assert await redis.get(KEY) is None
    await redis.aclose()


class TestCommand:
    @pytest.fixture
    def governance(self, database_url):
        def run(*words):
            done = CliRunner().invoke(app, list(words), env={"DATABASE_URL": database_url, "NO_COLOR": "1"})
            if isinstance(done.exception, ConfigurationError):
                raise done.exception
            return done

        return run

    def test_a_dry_run_shows_what_would_be_and_changes_nothing(self, governance, rows):
        rows(IDLE)
        done = governance("run", "--dry-run", "--check", "trust_drift")

        assert done.exit_code == 0
        assert "deprecated pb-idle" in done.stdout
        assert "would be raised: governance_trust_drift" in done.stdout
        assert rows("SELECT state FROM playbooks") == [["active"]]
        assert rows("SELECT count(*) FROM inbox") == [[0]]

    def test_runs_deprecates_and_restores(self, governance, rows):
        rows(IDLE)
        ran = governance("run", "-o", "json", "--check", "trust_drift", "--check", "knowledge_degradation")
        assert (ran.exit_code, set(json.loads(ran.stdout)["checks"])) == (0, {"trust_drift", "knowledge_degradation"})
        assert rows("SELECT state FROM playbooks") == [["deprecated"]]

        restored = governance("restore", "pb-idle", "--actor", "ada", "--reason", "seasonal")
        assert (restored.exit_code, restored.stdout) == (0, "pb-idle is in use again.\n")
        assert rows("SELECT state FROM playbooks") == [["active"]]
        assert rows("SELECT actor, action FROM audit_log ORDER BY id")[-1] == ["ada", "playbook.restored"]

        again = governance("restore", "pb-idle", "--actor", "ada", "--reason", "seasonal")
        assert (again.exit_code, again.stderr.startswith("No playbook pb-idle is deprecated")) == (1, True)

    def test_its_exit_code_says_what_the_checks_said(self, governance, rows):
        assert governance("run", "--dry-run").exit_code == 2  # nobody knows: there is no Prometheus and no execution
        rows("INSERT INTO playbooks (playbook_id, trust_score) VALUES ('pb-low', 0.1)")
        assert governance("run", "--dry-run", "--check", "trust_drift").exit_code == 1

    def test_whoever_restores_says_who_and_why(self, governance):
        with pytest.raises(ConfigurationError, match="--actor and --reason"):
            governance("restore", "pb-idle", "--actor", " ", "--reason", "x")
