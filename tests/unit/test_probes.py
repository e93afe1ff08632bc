"""Which query answers for an alert, and that nothing from outside ever becomes a part of its syntax.

The queries are read back by a small, strict reader of PromQL: a value from outside may change one string and nothing
else.
"""

from __future__ import annotations

import re
from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from functions.verify_execution.core.probes import Unscoped, equals, probe, starts
from functions.verify_execution.core.readings import Direction
from shared.domain.executions import Target
from tests.promql import matchers, matches, structure

DEPLOYMENT = Target(namespace="prod", kind="Deployment", name="api")
HOST = Target(namespace="hosts", kind="Host", name="web-1:9100")
CONTAINER = Target(namespace="docker", kind="Container", name="redis")
LOWER, HIGHER = Direction.LOWER, Direction.HIGHER
WORKING_SET, CPU_SECONDS = "container_memory_working_set_bytes", "container_cpu_usage_seconds_total"
RESTARTS, DOCKER_RESTARTS = "kube_pod_container_status_restarts_total", "container_restart_count"
UP_IN_PROD = {("up", "namespace", "=", "prod")}
PODS_IN_PROD = [("namespace", "=", "prod"), ("pod", "=~", "api-[a-z0-9]+-[a-z0-9]+")]


def of(metric, *given):
    return {(metric, *one) for one in given}


FAMILIES = {
    # alert name: target, labels, what is selected, direction, limit, counted
    "DockerContainerMemoryHigh": (
        CONTAINER,
        {"host": "web-1"},
        of("container_memory_usage_bytes", ("host", "=", "web-1"), ("container_name", "=", "redis"))
        | of("container_spec_memory_limit_bytes", ("host", "=", "web-1"), ("container_name", "=", "redis")),
        (LOWER, 1.0, False),
    ),
    "dockercontainerRestarting": (
        CONTAINER,
        {"host": "web-1"},
        of(DOCKER_RESTARTS, ("host", "=", "web-1"), ("container_name", "=", "redis")),
        (LOWER, 0.0, True),
    ),
    "DockerContainerCpuHigh": (
        CONTAINER,
        {"instance": "web-1"},
        of(CPU_SECONDS, ("host", "=", "web-1"), ("container_name", "=", "redis")),
        (LOWER, None, False),
    ),
    "DockerContainerGone": (
        CONTAINER,
        {},
        of("container_info", ("container_name", "=", "redis")),
        (HIGHER, 1.0, False),
    ),
    "HostOutOfMemory": (
        HOST,
        {"instance": "web-2:9100"},
        of("node_memory_MemAvailable_bytes", ("instance", "=", "web-2:9100")),
        (HIGHER, None, False),
    ),
    "NodeOOMKills": (
        HOST,
        {},
        of("node_memory_MemAvailable_bytes", ("instance", "=", "web-1:9100")),
        (HIGHER, None, False),
    ),
    "HostDiskFull": (
        HOST,
        {},
        of("node_filesystem_avail_bytes", ("instance", "=", "web-1:9100"), ("fstype", "!~", "tmpfs|overlay")),
        (HIGHER, None, False),
    ),
    "NodeStorageLow": (
        HOST,
        {},
        of("node_filesystem_avail_bytes", ("instance", "=", "web-1:9100"), ("fstype", "!~", "tmpfs|overlay")),
        (HIGHER, None, False),
    ),
    "HostHighCPULoad": (HOST, {}, of("node_load5", ("instance", "=", "web-1:9100")), (LOWER, None, False)),
    "NodeDown": (HOST, {}, of("up", ("instance", "=", "web-1:9100")), (HIGHER, 1.0, False)),
    "KubePodMemoryHigh": (
        DEPLOYMENT,
        {"pod": "other"},
        of(WORKING_SET, *PODS_IN_PROD, ("container", "!=", "")),
        (LOWER, None, False),
    ),
    "ContainerOOM": (DEPLOYMENT, {}, of(WORKING_SET, *PODS_IN_PROD, ("container", "!=", "")), (LOWER, None, False)),
    "CPUThrottlingHigh": (
        DEPLOYMENT,
        {},
        of(CPU_SECONDS, *PODS_IN_PROD, ("container", "!=", "")),
        (LOWER, None, False),
    ),
    "KubePodCrashLooping": (DEPLOYMENT, {}, of(RESTARTS, *PODS_IN_PROD), (LOWER, 0.0, True)),
    "PodRestartsTooOften": (DEPLOYMENT, {}, of(RESTARTS, *PODS_IN_PROD), (LOWER, 0.0, True)),
    "ImageBackOff": (DEPLOYMENT, {}, of(RESTARTS, *PODS_IN_PROD), (LOWER, 0.0, True)),
    **{
        name: (
            DEPLOYMENT,
            {},
            of("probe_success", ("namespace", "=", "prod"), ("service", "=", "api")),
            (LOWER, 0.0, False),
        )
        for name in ("HighErrorRate", "Api5xx", "ProbeFailed", "ServiceDown", "Unhealthy", "HTTPSlow")
    },
    "BlackboxProbeFailed": (
        DEPLOYMENT,
        {"instance": "https://api.example/health"},
        of("probe_success", ("instance", "=", "https://api.example/health")),
        (LOWER, 0.0, False),
    ),
    "SomethingElse": (DEPLOYMENT, {"instance": "x"}, UP_IN_PROD, (HIGHER, 1.0, False)),
    None: (DEPLOYMENT, {}, UP_IN_PROD, (HIGHER, 1.0, False)),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_each_family_has_its_probe_scoped_to_the_target(name):
    target, labels, selected, reading = FAMILIES[name]
    asked = probe(name, labels, target, window_s=25)

    assert {(metric, *matcher) for metric, *matcher in matchers(asked.query)} == selected
    assert (asked.direction, asked.limit, asked.counted_since_action) == reading


@pytest.mark.parametrize("name", [name for name in FAMILIES if name])
def test_the_case_of_the_name_does_not_matter(name):
    target, labels, _, _ = FAMILIES[name]
    asked = {probe(case(name), labels, target, window_s=25) for case in (str, str.lower, str.upper)}

    assert len(asked) == 1


@pytest.mark.parametrize("name", [name for name, (*_, (_, _, counted)) in FAMILIES.items() if counted])
@pytest.mark.parametrize("window_s", [0, 25, 82_800])
def test_what_is_counted_is_counted_from_the_action_on(name, window_s):
    """A window of fixed length would count what happened before the action as well."""
    target, labels, _, _ = FAMILIES[name]
    query = probe(name, labels, target, window_s=window_s).query

    assert structure(query).count(f"offset {window_s}s") == 1
    assert "[" not in structure(query)


def test_a_rate_is_of_what_is_there_now():
    """The pods that an action replaced are in the window, and gone."""
    query = probe("CPUThrottlingHigh", {}, DEPLOYMENT, window_s=25).query

    assert structure(query).replace(" ", "").startswith("sumby(pod)(rate(container_cpu_usage_seconds_total{")
    assert ")andcontainer_cpu_usage_seconds_total{" in structure(query).replace(" ", "")
    assert "[120s]" in query
    assert "[600s]" in probe("CPUThrottlingHigh", {}, DEPLOYMENT, window_s=600).query


PODS = {
    "Deployment": (
        {"api-7d9f8b6c5d-x2x5z", "api-7d9f-x2x"},
        {"api", "api-0", "api-gateway-7d9f8b6c5d-x2x5z", "xapi-a-b"},
    ),
    "StatefulSet": ({"api-0", "api-12"}, {"api-gateway-0", "api-7d9f8b6c5d-x2x5z", "api-"}),
    "DaemonSet": ({"api-x2x5z"}, {"api-gateway-x2x5z", "api"}),
    "ReplicaSet": ({"api-x2x5z"}, {"api-gateway-x2x5z", "api-7d9f-x2x5z", "api"}),
    "Job": ({"api-x2x5z", "api-3-x2x5z"}, {"api-gateway-x2x5z"}),
    "Pod": ({"api"}, {"api-0", "xapi"}),
    "Rollout": ({"api-anything-at-all"}, {"api", "xapi-1"}),
}


@pytest.mark.parametrize("kind", PODS)
def test_a_workloads_pods_are_its_own(kind):
    own, others = PODS[kind]
    query = probe("KubePodCrashLooping", {}, Target(namespace="prod", kind=kind, name="api"), window_s=25).query
    operators = {(operator, value) for _, label, operator, value in matchers(query) if label == "pod"}
    ((operator, value),) = operators

    assert {pod for pod in own | others if matches(operator, value, pod)} == own


HOSTILE = (
    '"} or vector(1) #',
    '") or vector(1) #',
    'api"} or up{x="',
    "api\\",
    'api\\"',
    "api\n} or vector(1)",
    "{}[](),=~!",
    ".*",
    "api|.*",
    "a{2}[b](c)^$+?",
    "\\Q.*\\E",
    "`raw` 'single'",
    "\ufffd",
    "$__all ${x}",
    "\t\r\x0b\x1f\u2028",
    "修復 🛠",
)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
pieces = st.lists(st.sampled_from([*'"\\{}()[]|.*+?^$#`\n', "or vector(1)", "-", "x"]), max_size=8).map("".join)
values = texts | pieces | st.sampled_from(HOSTILE)


def queries(name, value):
    """The queries of a family, with a value everywhere that outside can put one."""
    target, labels, _, _ = FAMILIES[name]
    for kind in (target.kind, "Pod", value):
        hostile = Target(cluster=value, namespace=value, kind=kind, name=value)
        for labelled in (dict.fromkeys(labels, value), dict.fromkeys(("host", "instance", "pod", value), value)):
            yield probe(name, labelled, hostile, window_s=25).query


@pytest.mark.parametrize("name", FAMILIES)
@example('"} or vector(1) #')
@example("\\")
@given(value=values.filter(bool))
def test_a_value_from_outside_stays_a_value(name, value):
    for asked, benign in zip(queries(name, value), queries(name, "benign"), strict=True):
        assert structure(asked) == structure(benign)
        for (metric, label, operator, read), (*same, plain) in zip(matchers(asked), matchers(benign), strict=True):
            assert [metric, label, operator] == same
            if "~" not in operator:
                assert read == (value if plain == "benign" else plain)
            elif "benign" in plain:
                end = "-7d9f8b6c5d-x2x5z"
                assert matches(operator, read, value + end)
                assert not matches(operator, read, value + "x" + end)
                assert not matches(operator, read, "anything" + end) or value == "anything"


@given(values.filter(bool), values)
def test_a_pattern_takes_a_value_literally(value, other):
    ((_, _, operator, read),) = matchers(f"up{{{starts('pod', value, '')}}}")

    assert matches(operator, read, value)
    assert matches(operator, read, other) == (value == other)


@given(values.filter(bool))
def test_an_equality_reads_back_as_it_was(value):
    assert matchers(f"up{{{equals('pod', value)}}}") == [("up", "pod", "=", value)]


@pytest.mark.parametrize(
    "query",
    ['up{instance=""} or vector(1) #"}', 'up{a="x', 'up{a="\\q"}', 'up{a="b\n"}', "up{a='b'}", 'up{a="\ufffd"}'],
)
def test_the_reader_of_these_tests_is_strict(query):
    read = partial(structure, query)
    if query.endswith('#"}'):
        assert "vector" in read()
    else:
        with pytest.raises(ValueError, match="PromQL"):
            read()


def test_every_escape_in_a_pattern_is_one_that_re2_knows():
    literal = matchers(f"up{{{starts('pod', ''.join(map(chr, range(1, 0x250))), '')}}}")[0][3]
    escaped = set(re.findall(r"\\(.)", literal, re.DOTALL))

    assert escaped <= set("\\.+*?()|[]{}^$")


@pytest.mark.parametrize("name", [*FAMILIES, "SomethingElse", None])
@pytest.mark.parametrize("missing", ["namespace", "name"])
def test_no_query_has_a_matcher_that_everything_without_the_label_matches(name, missing):
    target = DEPLOYMENT.model_copy(update={missing: "", "kind": "Node"})
    try:
        asked = probe(name, {}, target, window_s=25).query
    except Unscoped:
        return  # none is even better
    assert all(value for _, _, operator, value in matchers(asked) if operator in ("=", "=~"))


def test_a_host_needs_no_namespace():
    host = Target(namespace="", kind="Host", name="web-1:9100")

    assert matchers(probe("HostHighLoad", {}, host, window_s=25).query) == [
        ("node_load5", "instance", "=", "web-1:9100")
    ]


@pytest.mark.parametrize("write", [equals, partial(starts, rest="-.+")])
def test_a_matcher_has_a_value(write):
    with pytest.raises(Unscoped):
        write("namespace", "")
