"""Whether the alert still fires: the same answer by Alertmanager and by Prometheus, and never a guess."""

from __future__ import annotations

import ssl

import pytest

from functions.verify_execution.sensors.alerts import AlertmanagerSensor, PrometheusAlertSensor, is_ours
from shared.adapters.endpoints import Endpoint
from shared.adapters.http import HttpClient
from shared.adapters.prometheus import PrometheusApi
from shared.domain.calls import CallFailed, FailureKind
from shared.local.simulators.alertmanager import AlertmanagerSimulator
from shared.local.simulators.prometheus import PrometheusSimulator
from tests.contracts.rigs import ALERT, CLOCK, LABELS, question

POD = {**LABELS, "pod": "api-7d9f6c5b4-x2x7q", "instance": "10.0.0.7:8080", "node": "n-1"}


@pytest.fixture
async def http():
    async with HttpClient(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as client:
        yield client


class Both:
    """Alertmanager and Prometheus of one installation."""

    def __init__(self, alertmanager, prometheus, sensors):
        self.alertmanager = alertmanager
        self.prometheus = prometheus
        self.sensors = sensors

    def fire(self, *alerts, external=None):
        self.prometheus.fire(*alerts)
        for labels in alerts:
            self.alertmanager.fire({**labels, **(external or {})})

    async def firing(self, asked):
        return [(await sensor.read(asked)).firing for sensor in self.sensors]


@pytest.fixture
async def both(http):
    alertmanager, prometheus = AlertmanagerSimulator(), PrometheusSimulator()
    prometheus.fire(POD)
    prometheus.fire()
    async with alertmanager.serving() as there, prometheus.serving() as here:
        sensors = (
            AlertmanagerSensor(Endpoint(http=http, url=there), CLOCK),
            PrometheusAlertSensor(PrometheusApi(Endpoint(http=http, url=here)), CLOCK),
        )
        yield Both(alertmanager, prometheus, sensors)


async def test_it_fires_until_it_is_resolved(both):
    both.fire(LABELS)
    assert await both.firing(question()) == [True, True]
    both.alertmanager.resolve(LABELS)
    both.prometheus.fire()
    assert await both.firing(question()) == [False, False]


async def test_labels_that_were_added_or_dropped_on_the_way_do_not_hide_it(both):
    both.fire({**LABELS, "severity": "critical"}, external={"cluster": "west"})
    dropped = {name: value for name, value in LABELS.items() if name != "service"}
    for labels in (LABELS, dropped, {**LABELS, "added_by_the_executor": "1"}, {}):
        assert await both.firing(question(labels=labels)) == [True, True]


@pytest.mark.parametrize("label", ["namespace", "service"])
async def test_the_same_alert_elsewhere_is_another_one(both, label):
    both.fire({**LABELS, label: "another"})
    assert await both.firing(question()) == [False, False]


async def test_a_new_pod_of_the_workload_is_the_same_trouble(both):
    both.fire({**POD, "pod": "api-5c8d7f9b6-zzz7q", "instance": "10.0.0.9:8080", "node": "n-2"})
    for kind, name in (("Deployment", "api"), ("Pod", "api-7d9f6c5b4-x2x7q")):
        assert await both.firing(question(kind, name, labels=POD)) == [True, True]


async def test_a_pod_of_another_workload_is_not(both):
    both.fire({**POD, "pod": "api-gateway-5c8d7f9b6-zzz7q"})
    for kind, name in (("Deployment", "api"), ("Pod", "api-7d9f6c5b4-x2x7q")):
        assert await both.firing(question(kind, name, labels=POD)) == [False, False]


def test_without_a_pod_the_instance_says_which():
    asked = question("Host", "h-1", labels={"instance": "h-1:9100"})
    assert is_ours(asked, {"instance": "h-1:9100"})
    assert not is_ours(asked, {"instance": "h-2:9100"})


async def test_a_silence_does_not_end_it(both):
    both.alertmanager.fire(LABELS, silenced=True)
    assert (await both.sensors[0].read(question())).firing


async def test_a_prometheus_that_does_not_know_it_knows_nothing(both):
    sensor = both.sensors[1]
    with pytest.raises(CallFailed) as raised:
        await sensor.read(question(alertname="OfAnotherPrometheus", labels={}))
    assert raised.value.kind is FailureKind.EMPTY


async def test_without_an_alert_there_is_nothing_to_ask(both):
    for alertname in (None, ""):
        assert [sensor.suits(question(alertname=alertname)) for sensor in both.sensors] == [False, False]
    assert [sensor.suits(question(alertname=ALERT)) for sensor in both.sensors] == [True, True]
    assert [(sensor.required, sensor.about_target) for sensor in both.sensors] == [(False, False)] * 2
