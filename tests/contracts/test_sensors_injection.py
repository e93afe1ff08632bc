"""What an alert or an event says is data: it never becomes part of a query, a path, a host or a filter."""

from __future__ import annotations

import re
import ssl
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.verify_execution.core.probes import probe
from functions.verify_execution.core.readings import SensorFailure
from functions.verify_execution.observing import observe, plan
from functions.verify_execution.sensors.addresses import Addresses
from functions.verify_execution.sensors.alerts import AlertmanagerSensor, PrometheusAlertSensor
from functions.verify_execution.sensors.docker import DockerSensor
from functions.verify_execution.sensors.http_probe import HttpProbeSensor
from functions.verify_execution.sensors.kubernetes import KubernetesSensor, NeighboursSensor
from functions.verify_execution.sensors.prometheus import PrometheusSensor
from shared.adapters.endpoints import Endpoint
from shared.adapters.http import HttpClient
from shared.adapters.prometheus import PrometheusApi
from shared.domain.calls import FailureKind
from shared.domain.executions import Target
from shared.local.simulators.alertmanager import AlertmanagerSimulator
from shared.local.simulators.docker import DockerSimulator
from shared.local.simulators.kubernetes import KubernetesSimulator
from shared.local.simulators.prometheus import PrometheusSimulator
from shared.local.simulators.promql import Aggregate, Binary, Call, Matcher, Number, Selector, matches, parse, selectors
from tests.contracts.rigs import CLOCK, api_of, question

EVIL = [
    'up"} or vector(1) #',
    '"} or vector(1) or up{x="',
    "\\",
    '\\"} or vector(1) #',
    "\\\\",
    "api\n} or vector(1)",
    ".*",
    "api|.*",
    "(?i)api",
    "a{1,9}",
    "[[:alpha:]]",
    "$(id)",
    "`up`",
    "'",
    "é 雪 🙂",
    "\x00",
    "\u202e",
    "../../../api/v1/secrets",
    "..",
    "%2e%2e%2f",
    "api/../../other",
    "api?labelSelector=x",
    "api#x",
    "api@evil.example",
    "evil.example:80/",
    "",
    " ",
    "a" * 300,
    "-api",
    "API",
]
# Where an address would have to lead for somebody to read what is nobody's business.
ELSEWHERE = [
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "[::ffff:a9fe:a9fe]",
    "metadata.google.internal",
    "api@169.254.169.254",
    "169.254.169.254:80#",
    "169.254.169.254\\@api",
]
ALERTNAMES = [
    "DockerContainerMemoryHigh",
    "DockerContainerRestarts",
    "DockerContainerCpu",
    "DockerContainerGone",
    "HostOutOfMemory",
    "HostDiskFull",
    "HostHighLoad",
    "NodeDown",
    "KubeMemory",
    "KubeCpuThrottling",
    "KubePodCrashLooping",
    "HttpErrorsHigh",
    "SomethingElse",
]
NAMES = st.text(min_size=1, max_size=40) | st.sampled_from(EVIL).filter(bool)
PLAIN = "plain"


def shape(tree, replace):
    """The tree of a query with its values written by ``replace`` and all durations the same; nothing else may vary."""
    match tree:
        case Number():
            return tree
        case Selector():
            written = (Matcher(each.label, each.operator, replace(each)) for each in tree.matchers)
            return Selector(tuple(written), tree.range_s and 1, tree.offset_s and 1)
        case Call():
            return Call(tree.function, shape(tree.argument, replace))
        case Aggregate():
            return Aggregate(tree.function, tree.by, shape(tree.argument, replace))
        case Binary():
            return Binary(tree.operator, shape(tree.left, replace), shape(tree.right, replace))


def skeleton(query):
    fixed = ("__name__", "fstype", "container", "alertstate")
    return shape(parse(query), lambda each: each.value if each.label in fixed else "")


def ask_for(alertname, namespace, name, labels, kind="Deployment"):
    target = Target(namespace=namespace, kind=kind, name=name)
    return probe(alertname, labels, target, window_s=60).query


@given(
    alertname=st.sampled_from(ALERTNAMES),
    kind=st.sampled_from(["Deployment", "Pod", "Service", "Host", "Container"]),
    namespace=NAMES,
    name=NAMES,
    instance=NAMES,
)
def test_every_query_parses_back_to_the_same_tree_with_the_very_values(alertname, kind, namespace, name, instance):
    labels = {"instance": instance, "host": instance}
    query = ask_for(alertname, namespace, name, labels, kind)
    assert skeleton(query) == skeleton(ask_for(alertname, PLAIN, PLAIN, {"instance": PLAIN, "host": PLAIN}, kind))
    for each in (matcher for selector in selectors(parse(query)) for matcher in selector.matchers):
        if each.label in ("instance", "host"):
            assert each.value == instance
        elif each.label == "namespace":
            assert each.value == namespace
        elif each.operator == "=" and each.label in ("pod", "service", "container_name"):
            assert each.value == name
        elif each.label == "pod":
            endings = {"Deployment": "-7d9f6c5b4-x2x7q"}
            assert matches(each, name + endings.get(kind, "-0"))
            assert not matches(each, f"x{name}-7d9f6c5b4-x2x7q")
            assert not matches(each, name)


@pytest.fixture
async def http():
    async with HttpClient(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as client:
        yield client


async def said(sensor, asked):
    snapshot = await observe([sensor], asked, names=[sensor.name], timeout_s=8.0, clock=CLOCK)
    return snapshot.attempts[0].result


@pytest.mark.parametrize("alertname", ALERTNAMES)
async def test_prometheus_understands_what_was_meant(http, alertname):
    simulator = PrometheusSimulator()
    async with simulator.serving() as url:
        sensor = PrometheusSensor(PrometheusApi(Endpoint(http=http, url=url)), CLOCK)
        for value in EVIL:
            asked = question(
                name=value, namespace=value, alertname=alertname, labels={"instance": value, "host": value}
            )
            nothing = FailureKind.EMPTY if value else FailureKind.NOT_FOUND
            assert await said(sensor, asked) == SensorFailure(nothing), value
    plain = skeleton(ask_for(alertname, PLAIN, PLAIN, {"instance": PLAIN, "host": PLAIN}))
    for each in simulator.asked:
        query = parse_qs(each.query, keep_blank_values=True)["query"][0]
        if "timestamp(" not in query:
            assert skeleton(query) == plain
        else:
            tree = parse(query)
            assert (type(tree), type(tree.argument)) == (Call, Selector), query


async def test_what_the_first_design_let_in_is_a_value_here(http):
    simulator = PrometheusSimulator()
    simulator.scrape("up", {"instance": "good:9100"}, 1.0)
    async with simulator.serving() as url:
        sensor = PrometheusSensor(PrometheusApi(Endpoint(http=http, url=url)), CLOCK, about_target=True)
        made_up = question("Host", alertname="NodeDown", labels={"instance": '"} or vector(1) #'})
        honest = question("Host", alertname="NodeDown", labels={"instance": "good:9100"})
        assert await said(sensor, made_up) == SensorFailure(FailureKind.EMPTY)
        assert [sample.value for sample in (await said(sensor, honest)).samples] == [1.0]


async def test_an_alert_is_looked_up_by_its_very_name(http):
    alertmanager, prometheus = AlertmanagerSimulator(), PrometheusSimulator()
    async with alertmanager.serving() as there, prometheus.serving() as here:
        sensors = (
            AlertmanagerSensor(Endpoint(http=http, url=there), CLOCK),
            PrometheusAlertSensor(PrometheusApi(Endpoint(http=http, url=here)), CLOCK),
        )
        for value in EVIL:
            if not value or "\0" in value:  # no alert has no name, and NUL does not get past the door
                continue
            asked = question(alertname=value, labels={"namespace": value, 'x="': "y", "alertname": value})
            alertmanager.fire({"alertname": value})
            alertmanager.fire({"alertname": "another", "namespace": value})
            prometheus.fire({"alertname": value})
            assert [(await said(sensor, asked)).firing for sensor in sensors] == [True, True], value
            alertmanager.resolve({"alertname": value})
            prometheus.fire()
            assert [(await said(sensor, asked)).firing for sensor in sensors] == [False, False], value


@pytest.mark.parametrize("kind", ["Deployment", "Pod"])
async def test_kubernetes_is_asked_for_names_and_nothing_else(http, kind):
    simulator = KubernetesSimulator()
    async with simulator.serving() as url:
        sensors = KubernetesSensor(api_of(url, http), CLOCK), NeighboursSensor(api_of(url, http), CLOCK)
        for value in EVIL:
            for asked in (question(kind, value), question(kind, namespace=value)):
                for sensor in sensors:
                    assert await said(sensor, asked) == SensorFailure(FailureKind.NOT_FOUND), value
    assert not simulator.asked  # no object can be called so, and asking might find another one


async def test_docker_is_asked_for_names_and_nothing_else(http):
    simulator = DockerSimulator()
    async with simulator.serving() as url:
        sensor = DockerSensor(Endpoint(http=http, url=url), CLOCK)
        for value in EVIL:
            assert await said(sensor, question("Container", value)) == SensorFailure(FailureKind.NOT_FOUND), value
    assert all(re.fullmatch(r"/containers/[a-zA-Z0-9_.-]+/json", each.path) for each in simulator.asked)


async def test_a_target_with_such_a_name_has_no_address(http):
    everything = Addresses.parse("HTTP_PROBES", {"Service */*": "http://127.0.0.1:9/{namespace}/{name}"})
    sensor = HttpProbeSensor(http, everything, CLOCK)
    assert plan([sensor], question("Service")) == ["http"]
    for value in [*EVIL, *ELSEWHERE]:
        for asked in (question("Service", value), question("Service", namespace=value)):
            assert plan([sensor], asked) == []
            assert await said(sensor, asked) == SensorFailure(FailureKind.NOT_FOUND)
