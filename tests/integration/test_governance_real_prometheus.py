"""Where a real Prometheus is installed: it understands every query, and says of each sample when it was taken."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import ssl
import subprocess

import pytest

from functions.governance_check.core.objectives import DEFAULT_OBJECTIVES, Objective
from functions.governance_check.core.policy import Policy
from functions.governance_check.inspectors import inspectors
from functions.governance_check.metrics import PrometheusMetrics
from shared.adapters.endpoints import Endpoint
from shared.adapters.http import HttpClient
from shared.adapters.prometheus import PrometheusApi
from shared.domain.governance import CheckName

pytestmark = pytest.mark.skipif(shutil.which("prometheus") is None, reason="no prometheus on this machine")

PATIENCE_S = 60.0
RECORDED = {
    "sli:autonomy_rate:5m": "vector(0.9)",
    "sli:decision_accuracy:5m": "vector(0.87)",
    "sli:confidence_calibration:1h": "vector(0) / vector(0)",
    "sli:km_growth_rate:24h": "vector(1)",
    "sli:summary_latency_seconds:5m": "vector(1) / vector(0)",
}
RULES = {
    "groups": [
        {
            "name": "often",
            "interval": "1s",
            "rules": [{"record": name, "expr": expr} for name, expr in RECORDED.items()],
        },
        {"name": "rarely", "interval": "5s", "rules": [{"record": "sli:rarely:1h", "expr": "vector(1)"}]},
    ]
}
RARELY = Objective(name="rarely", query="sli:rarely:1h", direction="above", target=1, hard_red_line=0)
BROKEN = Objective(name="broken", query="max(", sampled_at="max(", direction="above", target=1, hard_red_line=0)


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prometheus")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    (folder / "prometheus.yml").write_text(json.dumps({"rule_files": ["rules.yml"]}))
    (folder / "rules.yml").write_text(json.dumps(RULES))
    command = ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([*command, f"--web.listen-address={address}"], cwd=folder, stdout=log, stderr=log)
    yield f"http://{address}"
    server.terminate()
    server.wait(PATIENCE_S)


async def test_every_state_of_an_objective(url):
    policy = Policy(objectives=(*DEFAULT_OBJECTIVES, BROKEN), sample_age_s=30)
    found = await settled(url, policy, lambda slos: slos["km_growth_rate"].reason is None)

    assert {name: level.status.value for name, level in found.items()} == {
        "autonomy_rate": "ok",
        "decision_accuracy": "at_risk",
        "confidence_calibration": "skipped",
        "km_growth_rate": "violated",
        "summary_latency": "skipped",
        "broken": "error",
    }
    reasons = [found[name].reason for name in ("confidence_calibration", "summary_latency", "broken")]
    assert reasons == ["nan", "infinite", "refused"]


async def test_a_sample_that_is_not_taken_again_grows_stale(url):
    # Its value stays the same, and each answer is stamped with the time of the question.
    policy = Policy(objectives=(RARELY,), sample_age_s=0.5)
    found = await settled(url, policy, lambda slos: slos["rarely"].reason == "stale")

    assert found["rarely"].value is None


async def settled(url, policy, is_there):
    """The objectives, once Prometheus has recorded what they are made of."""
    async with asyncio.timeout(PATIENCE_S), HttpClient(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as http:
        check = inspectors(None, PrometheusMetrics(PrometheusApi(Endpoint(http=http, url=url))), policy)
        while True:
            slos = (await check[CheckName.SLO_COMPLIANCE]()).slos
            if is_there(slos) and slos[policy.objectives[0].name].reason in (None, "stale"):
                return slos
            await asyncio.sleep(0.2)
