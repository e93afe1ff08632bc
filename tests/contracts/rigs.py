"""Every sensor on its bench: how it is made, what it is asked, and a service that is well or sick for it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from functions.verify_execution.core.questions import Question
from functions.verify_execution.core.readings import (
    AlertState,
    Container,
    ContainerHealth,
    Direction,
    HttpProbe,
    Metric,
    Neighbours,
    Waiting,
    Workload,
)
from functions.verify_execution.sensors.addresses import Addresses
from functions.verify_execution.sensors.alerts import AlertmanagerSensor, PrometheusAlertSensor
from functions.verify_execution.sensors.docker import DockerSensor
from functions.verify_execution.sensors.http_probe import HttpProbeSensor
from functions.verify_execution.sensors.kubernetes import KubernetesSensor, NeighboursSensor
from functions.verify_execution.sensors.metrics_scrape import Gauge, ScrapeSensor
from functions.verify_execution.sensors.prometheus import PrometheusSensor
from shared.adapters.endpoints import Endpoint
from shared.adapters.http import HttpClient
from shared.adapters.kubernetes.access import bearer
from shared.adapters.kubernetes.api import ClusterApi
from shared.adapters.prometheus import PrometheusApi
from shared.adapters.system import SystemClock
from shared.domain.executions import Target
from shared.local.simulators import workloads
from shared.local.simulators.alertmanager import AlertmanagerSimulator
from shared.local.simulators.docker import Container as Contained
from shared.local.simulators.docker import DockerSimulator
from shared.local.simulators.kubernetes import KubernetesSimulator
from shared.local.simulators.prometheus import PrometheusSimulator
from shared.local.simulators.service_process import ServiceProcess

CLOCK = SystemClock()
ALERT = "HttpErrorsHigh"
LABELS = {"alertname": ALERT, "namespace": "prod", "service": "api"}


def question(kind="Deployment", name="api", *, namespace="prod", alertname=ALERT, labels=None, acted_s_ago=60.0):
    # Unchecked: the edge refuses some names, and what is behind it must be safe from them all the same.
    target = Target.model_construct(namespace=namespace, kind=kind, name=name)
    acted_at = None if acted_s_ago is None else CLOCK.now() - timedelta(seconds=acted_s_ago)
    return Question(target=target, alertname=alertname, labels=LABELS if labels is None else labels, acted_at=acted_at)


def api_of(url, http, token="token", **settings):
    return ClusterApi(Endpoint(http=http, url=url, authorize=lambda: bearer(token), **settings))


def addresses_of(url, path=""):
    return Addresses.parse("URLS", {"Service prod/api": url + path})


ERROR_RATIO = Gauge(metric="shop_error_ratio", direction=Direction.LOWER, limit=0.05)


@dataclass(frozen=True)
class Rig:
    """One sensor.

    Attributes:
        make: from an address and a client.
        asked: what suits it.
        well: a folder -> a context with the address of a service that has nothing to complain of.
        sick: the same, where something is wrong.
        is_well: whether a reading says so; ``is_sick`` likewise.
        statuses_are_data: whatever is answered is what it measures.
    """

    make: Callable
    asked: Question
    well: Callable
    sick: Callable
    is_well: Callable
    is_sick: Callable
    statuses_are_data: bool = False


@contextlib.asynccontextmanager
async def _cluster(folder, **changes):
    simulator = KubernetesSimulator()
    simulator.cluster.put_workload(workloads.Workload(kind="Deployment", namespace="prod", name="api", **changes))
    simulator.cluster.put_workload(workloads.Workload(kind="StatefulSet", namespace="prod", name="db", **changes))
    async with simulator.serving() as url:
        yield url


def _sick_cluster(folder):
    return _cluster(folder, ready=1, waiting="ImagePullBackOff", restarts=3)


@contextlib.asynccontextmanager
async def _prometheus(folder, success=1.0, firing=()):
    simulator = PrometheusSimulator()
    simulator.scrape("probe_success", {"namespace": "prod", "service": "api"}, success)
    simulator.fire({**LABELS, "severity": "critical"})
    simulator.fire(*firing)
    async with simulator.serving() as url:
        yield url


def _sick_prometheus(folder):
    return _prometheus(folder, success=0.0, firing=[{**LABELS, "severity": "critical"}])


@contextlib.asynccontextmanager
async def _alertmanager(folder, *labels):
    simulator = AlertmanagerSimulator()
    for each in ({**LABELS, "namespace": "other"}, *labels):
        simulator.fire(each)
    async with simulator.serving() as url:
        yield url


def _sick_alertmanager(folder):
    return _alertmanager(folder, {**LABELS, "cluster": "west"})


@contextlib.asynccontextmanager
async def _docker(folder, **changes):
    simulator = DockerSimulator()
    simulator.containers["api"] = Contained(health="healthy", **changes)
    async with simulator.serving() as url:
        yield url


def _sick_docker(folder):
    return _docker(folder, status="restarting", restarts=7, oom_killed=True)


@contextlib.asynccontextmanager
async def _service(folder, *, broken=False):
    with ServiceProcess(folder) as service:
        if broken:
            service.sabotage()
            async with HttpClient() as http:
                await http.fetch(f"{service.url}/", limit_bytes=1000, timeout_s=5)
        yield service.url


def _broken_service(folder):
    return _service(folder, broken=True)


RIGS = {
    "kubernetes": Rig(
        make=lambda url, http: KubernetesSensor(api_of(url, http), CLOCK),
        asked=question(),
        well=_cluster,
        sick=_sick_cluster,
        is_well=lambda seen: isinstance(seen, Workload) and (seen.ready, seen.waiting, seen.revisions) == (3, (), 2),
        is_sick=lambda seen: (seen.ready, seen.waiting, seen.restarts) == (1, (Waiting.IMAGE_PULL,), 9),
    ),
    "neighbours": Rig(
        make=lambda url, http: NeighboursSensor(api_of(url, http), CLOCK),
        asked=question(),
        well=_cluster,
        sick=_sick_cluster,
        is_well=lambda seen: isinstance(seen, Neighbours) and seen.ready == {"StatefulSet db": True},
        is_sick=lambda seen: seen.ready == {"StatefulSet db": False},
    ),
    "prometheus": Rig(
        make=lambda url, http: PrometheusSensor(PrometheusApi(Endpoint(http=http, url=url)), CLOCK),
        asked=question("Service"),
        well=_prometheus,
        sick=_sick_prometheus,
        is_well=lambda seen: isinstance(seen, Metric) and [sample.value for sample in seen.samples] == [0.0],
        is_sick=lambda seen: [sample.value for sample in seen.samples] == [1.0],
    ),
    "prometheus-alerts": Rig(
        make=lambda url, http: PrometheusAlertSensor(PrometheusApi(Endpoint(http=http, url=url)), CLOCK),
        asked=question(),
        well=_prometheus,
        sick=_sick_prometheus,
        is_well=lambda seen: isinstance(seen, AlertState) and not seen.firing,
        is_sick=lambda seen: seen.firing,
    ),
    "alertmanager": Rig(
        make=lambda url, http: AlertmanagerSensor(Endpoint(http=http, url=url), CLOCK),
        asked=question(),
        well=_alertmanager,
        sick=_sick_alertmanager,
        is_well=lambda seen: isinstance(seen, AlertState) and not seen.firing,
        is_sick=lambda seen: seen.firing,
    ),
    "http": Rig(
        make=lambda url, http: HttpProbeSensor(http, addresses_of(url, "/health"), CLOCK),
        asked=question("Service"),
        well=_service,
        sick=_broken_service,
        is_well=lambda seen: isinstance(seen, HttpProbe) and seen.status == 200,
        is_sick=lambda seen: seen.status == 500,
        statuses_are_data=True,
    ),
    "scrape": Rig(
        make=lambda url, http: ScrapeSensor(http, addresses_of(url, "/metrics"), ERROR_RATIO, CLOCK),
        asked=question("Service"),
        well=_service,
        sick=_broken_service,
        is_well=lambda seen: isinstance(seen, Metric) and [sample.value for sample in seen.samples] == [0.0],
        is_sick=lambda seen: [sample.value for sample in seen.samples] == [1.0],
    ),
    "docker": Rig(
        make=lambda url, http: DockerSensor(Endpoint(http=http, url=url), CLOCK),
        asked=question("Container", namespace="docker"),
        well=_docker,
        sick=_sick_docker,
        is_well=lambda seen: (
            isinstance(seen, Container) and (seen.running, seen.health) == (True, ContainerHealth.HEALTHY)
        ),
        is_sick=lambda seen: (seen.running, seen.restarts, seen.oom_killed) == (False, 7, True),
    ),
}
