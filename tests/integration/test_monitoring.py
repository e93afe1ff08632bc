"""Monitoring as it ships, with the real programs: from a figure to an alert to an incident, and who mutes whom."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.deployed import deployed
from tests.monitors import SHIPPED, alertmanager, asked, needs_alertmanager, needs_prometheus, prometheus, until
from tests.tables import reading

TOKEN = "t0ken"
_GOOD = """
INSERT INTO auto_repair_executions (execution_id, incident_id, decided_by, action_kind, target, succeeded,
                                    verdict, reason, finished_at, verified_at)
SELECT 'ex-' || n, 'INC-1', 'llm', 'scale', 't', true, 'success', 'recovered', now(), now()
FROM generate_series(1, 20) AS n
"""


@pytest.fixture
def token(tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN)
    return file


@needs_prometheus
@needs_alertmanager
def test_a_store_that_dies_becomes_an_incident_and_the_objectives_have_data(
    tmp_path, token, database_url, durable_redis
):
    settings = {"auth_mode": "bearer", "auth_token": TOKEN, "database_url": database_url}
    with (
        deployed(tmp_path, "console", "alert_bridge", **settings, redis_url=durable_redis.url) as (console, bridge),
        alertmanager(tmp_path / "am", webhook=f"{bridge.url}/alertmanager", token=token) as muting,
        prometheus(
            tmp_path / "prom",
            target=console.url.removeprefix("http://"),
            alertmanager=muting.removeprefix("http://"),
            token=token,
        ) as scraping,
        reading(database_url) as rows,
    ):
        rows(_GOOD)
        for objective in ("sli:decision_accuracy:5m", "sli:autonomy_rate:5m", "sli:km_growth_rate:24h"):
            assert until(lambda objective=objective: _value(scraping, objective)) is not None

        with deployed(tmp_path, "governance_check", **settings, prometheus_url=scraping) as (governance,):
            slos = _governed(governance.url)
        assert slos["decision_accuracy"]["status"] == slos["autonomy_rate"]["status"] == "ok"
        assert slos["km_growth_rate"]["status"] == "violated"

        durable_redis.stop()
        sent = until(
            lambda: rows("SELECT event FROM outbox WHERE event -> 'data' ->> 'alertname' = 'AftercareStoreDown'")
        )
        data = sent[0][0]["data"]
        assert data["labels"]["store"] == "redis"
        assert data["labels"]["cluster"] == "main"
        assert data["incident_id"].startswith("INC-")
        durable_redis.start()


def _governed(url):
    """What governance-check says of its objectives, as the real Prometheus knows them."""
    answer = httpx.post(
        url,
        json={"checks": ["slo_compliance"], "dry_run": True},
        headers={"authorization": f"Bearer {TOKEN}", "idempotency-key": "once"},
        timeout=30,
        trust_env=False,
    )
    return answer.raise_for_status().json()["checks"]["slo_compliance"]["slos"]


def _value(url, query):
    found = asked(f"{url}/api/v1/query", query=query)
    return found["data"]["result"] if found else None


def alert(alertname, **labels):
    now = datetime.now(UTC)
    return {
        "labels": {"alertname": alertname, **labels},
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
    }


CRITICAL = alert("PodsDown", severity="critical", cluster="A", namespace="prod")
MUTING = [
    # who speaks, who is muted, who is not
    (
        CRITICAL,
        [alert("PodsDown", severity="warning", cluster="A", namespace="prod", pod="x")],
        [
            alert("PodsDown", severity="warning", cluster="B", namespace="prod"),
            alert("PodsDown", severity="warning", namespace="prod"),
            alert("PodsDown", severity="warning", cluster="A", namespace="test"),
            alert("PodsDown", severity="warning", cluster="A"),
        ],
    ),
    (
        alert("PodsDown", severity="critical", namespace="prod"),
        [],
        [
            alert("PodsDown", severity="warning", namespace="prod"),
            alert("PodsDown", severity="warning", cluster="A", namespace="prod"),
        ],
    ),
    (
        alert("ClusterDown", severity="critical", cluster="A"),
        [alert("Anything", cluster="A")],
        [
            alert("Anything", cluster="B"),
            alert("Anything"),
            alert("AftercareOutboxStuck", cluster="A", part_of="aftercare"),
        ],
    ),
    (
        alert("NodeDown", cluster="A", node="n1"),
        [alert("DiskFull", cluster="A", node="n1")],
        [
            alert("DiskFull", cluster="A", node="n2"),
            alert("DiskFull", cluster="B", node="n1"),
            alert("DiskFull", cluster="A"),
        ],
    ),
    (
        alert("KubePodCrashLooping", cluster="A", namespace="prod", container="api"),
        [alert("ProbeFailed", cluster="A", namespace="prod", container="api")],
        [alert("ProbeFailed", cluster="A", namespace="prod", container="db"), alert("ProbeFailed", cluster="A")],
    ),
    (
        alert("Maintenance", cluster="A", namespace="prod"),
        [alert("Anything", cluster="A", namespace="prod")],
        [
            alert("Anything", cluster="A", namespace="test"),
            alert("AftercareX", cluster="A", namespace="prod", part_of="aftercare"),
        ],
    ),
    (
        alert("AftercareStoreDown", cluster="A", part_of="aftercare"),
        [alert("AftercareOutboxStuck", cluster="A", part_of="aftercare")],
        [alert("AftercareOutboxStuck", cluster="B", part_of="aftercare"), alert("PodsDown", cluster="A")],
    ),
    (
        alert("AftercareBudgetBurnsFast", cluster="A", slo="autonomy_rate"),
        [alert("AftercareBudgetBurns", cluster="A", slo="autonomy_rate")],
        [
            alert("AftercareBudgetBurns", cluster="A", slo="decision_accuracy"),
            alert("AftercareBudgetBurns", cluster="B", slo="autonomy_rate"),
        ],
    ),
    (
        alert("AftercareSensorsBlind", cluster="A"),
        [alert("AftercareVerificationOverdue", cluster="A")],
        [alert("AftercareVerificationOverdue", cluster="B"), alert("AftercareVerificationOverdue")],
    ),
]


@needs_alertmanager
def test_an_alert_mutes_what_it_explains_in_its_own_cluster_and_nothing_else(tmp_path, token):
    cases = [
        [[_of_its_own(each, number) for each in part] for part in ([speaker], muted, heard)]
        for number, (speaker, muted, heard) in enumerate(MUTING)
    ]
    alerts = [each for case in cases for part in case for each in part]
    with alertmanager(tmp_path / "am", webhook="http://127.0.0.1:1/", token=token) as url:
        posted = httpx.post(f"{url}/api/v2/alerts", json=alerts, trust_env=False, verify=False)
        assert posted.is_success, posted.text
        expected = {_labels(each) for _, muted, _ in cases for each in muted}
        silent = until(lambda: _silent(url, at_least=len(expected)))

    assert silent == expected


def _of_its_own(given, number):
    """The same alert in clusters that no other case speaks of."""
    labels = {**given["labels"], "case": str(number)}
    if "cluster" in labels:
        labels["cluster"] += str(number)
    return {**given, "labels": labels}


def _silent(url, *, at_least):
    """The labels of what is muted, once it is as much as it must be."""
    found = {_labels(each) for each in asked(f"{url}/api/v2/alerts") or () if each["status"]["inhibitedBy"]}
    return found if len(found) >= at_least else None


def _labels(given):
    return tuple(sorted(given["labels"].items()))


@pytest.mark.skipif(shutil.which("amtool") is None, reason="no amtool on this machine")
@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (["severity=critical"], "aftercare"),
        (["severity=none", "alertname=Watchdog"], "nobody"),
        (["part_of=aftercare", "severity=warning"], "aftercare"),
        ([], "aftercare"),
    ],
)
def test_alerts_go_where_they_should(labels, receiver):
    config = f"--config.file={SHIPPED / 'alertmanager.yml'}"
    assert run("amtool", "check-config", str(SHIPPED / "alertmanager.yml")).returncode == 0
    assert run("amtool", "config", "routes", "test", config, *labels).stdout.strip() == receiver


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool on this machine")
@pytest.mark.parametrize("command", [["check", "rules", "rules.yml"], ["test", "rules", "rules_test.yml"]])
def test_promtool_agrees_with_the_rules(command):
    checked = run("promtool", *command)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def run(*command):
    return subprocess.run(command, check=False, cwd=SHIPPED, capture_output=True, text=True)
