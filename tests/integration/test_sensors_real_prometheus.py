"""Where a real Prometheus is installed: the sensors read it, and the simulator agrees with it about what a query is."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess

import httpx
import pytest

from functions.verify_execution.core.probes import probe
from functions.verify_execution.sensors.alerts import PrometheusAlertSensor
from functions.verify_execution.sensors.prometheus import PrometheusSensor
from shared.adapters.endpoints import Endpoint
from shared.adapters.http import HttpClient
from shared.adapters.prometheus import PrometheusApi
from shared.domain.calls import CallFailed, FailureKind
from shared.domain.executions import Target
from shared.local.simulators.promql import parse
from shared.local.simulators.promql_tokens import BadQuery
from tests.contracts.rigs import CLOCK, question
from tests.contracts.test_sensors_injection import ALERTNAMES, EVIL

pytestmark = pytest.mark.skipif(shutil.which("prometheus") is None, reason="no prometheus on this machine")

PATIENCE_S = 60.0
CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s, external_labels: {{cluster: west}}}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: often
    static_configs: [{{targets: ["{target}"], labels: {{namespace: prod}}}}]
  - job_name: rarely
    scrape_interval: 10s
    scrape_timeout: 1s
    static_configs: [{{targets: ["{target}"], labels: {{namespace: rare}}}}]
"""
RULES = """
groups:
  - name: g
    rules: [{alert: AlwaysOn, expr: 'up{job="often"} == 1', labels: {severity: critical}}]
"""
QUERIES = [
    "up",
    "up{",
    'up{x="y',
    'up{x="\\q"}',
    'up{x=~"["}',
    'up{x="a", }',
    "{}",
    '{x=~".*"}',
    "up offset 0s",
    "up offset 5s",
    "up[0s]",
    "sum by (pod) (up",
    "sum by (pod) (up)",
    "nope(up)",
    "rate(up)",
    "rate(up[1m]) and up",
    "up - ((up offset 5s <= up) or up * 0)",
    "timestamp(up) or timestamp(up)",
    "timestamp(up[1m])",
    "1 - up # a comment",
    "up;",
    "",
]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prometheus")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    (folder / "prometheus.yml").write_text(CONFIG.format(target=address))
    (folder / "rules.yml").write_text(RULES)
    command = [
        *("prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data"),
        f"--web.listen-address={address}",
    ]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    yield f"http://{address}"
    server.terminate()
    server.wait(PATIENCE_S)


@pytest.fixture
async def http():
    async with HttpClient(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as client:
        yield client


@pytest.fixture
async def api(url, http):
    """Once it has scraped both jobs and fired its alert."""
    api = PrometheusApi(Endpoint(http=http, url=url))
    async with asyncio.timeout(PATIENCE_S):
        while await count(api, "up or ALERTS") < 3:  # noqa: ASYNC110 - another process knows
            await asyncio.sleep(0.2)
    return api


async def count(api, query):
    try:
        return len(await api.instant(query))
    except CallFailed:  # it is not up yet
        return 0


async def test_a_sample_is_as_old_as_it_is(api):
    sensor = PrometheusSensor(api, CLOCK)
    # The job that is scraped rarely was scraped once, some time ago; its value's own stamp says "now".
    async with asyncio.timeout(PATIENCE_S):
        while True:
            seen = await sensor.read(question(namespace="rare", alertname="SomethingElse", labels={}))
            age_s = (CLOCK.now() - seen.samples[0].at).total_seconds()
            if age_s > 3:
                break
            await asyncio.sleep(0.5)
    often = await sensor.read(question(namespace="prod", alertname="SomethingElse", labels={}))
    assert [sample.value for sample in (*seen.samples, *often.samples)] == [1.0, 1.0]
    assert seen.samples[0].at < often.samples[0].at


async def test_whatever_values_hold_every_probe_is_a_query_that_finds_nothing_else(api):
    for alertname in ALERTNAMES:
        for kind in ("Deployment", "Pod", "Container"):
            for value in filter(None, EVIL):
                target = Target(namespace=value, kind=kind, name=value)
                query = probe(alertname, {"instance": value, "host": value}, target, window_s=60).query
                assert await api.instant(query) == [], query


async def test_the_alert_that_fires_is_known_and_no_other(api):
    sensor = PrometheusAlertSensor(api, CLOCK)
    labels = {"alertname": "AlwaysOn", "job": "often", "cluster": "west"}
    assert (await sensor.read(question("Host", alertname="AlwaysOn", labels=labels))).firing
    for wrong in ({"alertname": "AlwaysOn", "job": "rarely"}, {"alertname": "Unknown"}):
        with pytest.raises(CallFailed) as raised:
            await sensor.read(question("Host", alertname=wrong["alertname"], labels=wrong))
        assert raised.value.kind is FailureKind.EMPTY


async def test_the_simulator_agrees_about_what_a_query_is(url, api):
    async with httpx.AsyncClient(base_url=url, trust_env=False, verify=False) as client:
        for query in QUERIES:
            said = (await client.get("/api/v1/query", params={"query": query})).json()
            try:
                parse(query)
                is_query = True
            except BadQuery:
                is_query = False
            assert is_query is (said["status"] == "success"), (query, said)
