"""The verdict's tables, row by row, and its decisions at their very edges."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from functions.verify_execution.core.conditions import Condition, examine
from functions.verify_execution.core.inverting import inverse
from functions.verify_execution.core.judging import judge
from functions.verify_execution.core.observing import is_observe_only
from functions.verify_execution.core.probes import probe
from functions.verify_execution.core.questions import target_of
from functions.verify_execution.core.readings import (
    ContainerHealth,
    Direction,
    Sample,
    SensorKind,
    Waiting,
    is_fresh,
)
from functions.verify_execution.core.trends import Trend, is_within_limit, trend, worst
from shared.domain.alerts import Alert
from shared.domain.executions import ActionKind, Target
from shared.testing.clocks import NOON
from tests.verdicts import (
    ACTED,
    AFTER,
    BEFORE,
    TARGET,
    action,
    alert,
    before,
    case,
    container,
    host,
    http,
    metric,
    oom,
    silent,
    snapshot,
    workload,
)

LOOKS = """
    cat, df, dmesg, du, free, head, iostat, journalctl, ls, lsof, netstat, ping, ps, ss, ssh_diagnose, tail, top,
    uptime, vmstat, docker inspect, docker logs, docker ps, docker stats, docker top, kubectl describe, kubectl events,
    kubectl explain, kubectl get, kubectl logs, kubectl top, systemctl status
"""


@pytest.mark.parametrize("command", [each.strip() for each in LOOKS.split(",")])
def test_every_known_look_changes_nothing(command):
    assert is_observe_only(action(ActionKind.OTHER, f"{command} x"))
    assert not is_observe_only(action(ActionKind.OTHER, f"{command}x"))


class TestTargets:
    def target(self, alertname="Down", **labels):
        alert = Alert(
            incident_id="INC-1",
            fingerprint="f",
            status="firing",
            alertname=alertname,
            severity="critical",
            labels=labels,
            annotations={},
            starts_at=NOON,
            ends_at=None,
        )
        return target_of(alert)

    @pytest.mark.parametrize(
        ("label", "kind"),
        [
            ("deployment", "Deployment"),
            ("statefulset", "StatefulSet"),
            ("daemonset", "DaemonSet"),
            ("job_name", "Job"),
            ("pod", "Pod"),
            ("container_name", "Container"),
        ],
    )
    def test_a_label_names_the_workload(self, label, kind):
        found = self.target(cluster="eu", namespace="prod", **{label: "api"})

        assert found == Target(cluster="eu", namespace="prod", kind=kind, name="api")

    def test_the_most_specific_owner_is_the_target(self):
        labels = {"pod": "api-1", "statefulset": "db", "deployment": "api", "container_name": "c"}

        assert self.target(namespace="prod", **labels).kind == "Deployment"

    def test_a_container_needs_no_namespace_and_a_workload_does(self):
        assert self.target(container_name="redis") == Target(namespace="docker", kind="Container", name="redis")
        assert self.target(deployment="api") is None
        assert self.target(deployment="api", container_name="c").kind == "Container"

    @pytest.mark.parametrize(("alertname", "kind"), [("HostDown", "Host"), ("NodeDown", "Host"), ("ServiceDown", None)])
    def test_an_instance_is_a_host_when_the_alert_says_so(self, alertname, kind):
        found = self.target(alertname, instance="web-1:9100", cluster="eu")

        assert found == (kind and Target(cluster="eu", namespace="hosts", kind="Host", name="web-1:9100"))

    def test_a_host_may_have_a_namespace(self):
        assert self.target("HostDown", instance="web-1", namespace="lab").namespace == "lab"

    def test_without_a_name_there_is_no_target(self):
        assert self.target("HostDown") is None
        assert self.target("HostDown", namespace="prod", deployment="") is None


class TestTrends:
    LOWER, HIGHER = Direction.LOWER, Direction.HIGHER

    @pytest.mark.parametrize(
        ("was", "now", "direction", "expected"),
        [
            (1.0, 0.5, LOWER, Trend.BETTER),
            (1.0, 1.5, LOWER, Trend.WORSE),
            (1.0, 0.5, HIGHER, Trend.WORSE),
            (1.0, 1.5, HIGHER, Trend.BETTER),
            (100.0, 105.0, HIGHER, Trend.SAME),
            (100.0, 105.1, HIGHER, Trend.BETTER),
            (-100.0, -105.0, HIGHER, Trend.SAME),
            (0.0, 0.005, HIGHER, Trend.SAME),
            (0.0, 0.0051, HIGHER, Trend.BETTER),
            (1.0, 1.0, LOWER, Trend.SAME),
        ],
    )
    def test_less_than_a_twentieth_is_noise(self, was, now, direction, expected):
        before, after = (metric(value, at=at, direction=direction) for value, at in ((was, BEFORE), (now, AFTER)))

        assert trend(before, after, since=ACTED) is expected

    def test_what_was_not_measured_on_both_sides_is_unknown(self):
        before, after = metric(1, at=BEFORE), metric(1)

        assert trend(None, after, since=ACTED) is Trend.UNKNOWN
        assert trend(before, metric(float("nan")), since=ACTED) is Trend.UNKNOWN
        assert trend(metric(float("nan"), at=BEFORE), after, since=ACTED) is Trend.UNKNOWN
        assert trend(before, replace(after, counted_since_action=True), since=ACTED) is Trend.UNKNOWN
        assert trend(before, metric(1, at=ACTED), since=ACTED) is Trend.UNKNOWN

    def test_the_worst_series_is_the_highest_where_lower_is_better(self):
        assert worst(metric(1, 3, 2, direction=Direction.LOWER)) == 3
        assert worst(metric(3, 1, 2, direction=Direction.HIGHER)) == 1
        assert worst(metric()) is None

    def test_only_series_after_the_action_speak(self):
        mixed = replace(metric(1), samples=(Sample("old", 9, ACTED), Sample("new", 1, ACTED + timedelta(seconds=1))))

        assert worst(mixed, since=ACTED) == 1
        assert worst(mixed) == 9

    @pytest.mark.parametrize(
        ("values", "direction", "limit", "expected"),
        [
            ((1.0,), LOWER, 1.0, True),
            ((1.1,), LOWER, 1.0, False),
            ((1.0,), HIGHER, 1.0, True),
            ((0.9,), HIGHER, 1.0, False),
            ((5.0,), LOWER, None, True),
            ((1.0, float("nan")), LOWER, 1.0, False),
            ((), LOWER, None, False),
        ],
    )
    def test_a_limit_itself_is_healthy(self, values, direction, limit, expected):
        assert is_within_limit(metric(*values, direction=direction, limit=limit)) is expected


class TestConditions:
    @pytest.mark.parametrize(
        ("reading", "found", "fraction"),
        [
            (container(), Condition.HEALTHY, 1.0),
            (container(health=ContainerHealth.STARTING), Condition.ON_ITS_WAY, 0.5),
            (container(health=ContainerHealth.UNHEALTHY), Condition.BROKEN, 0.0),
            (container(running=False), Condition.BROKEN, 0.0),
            (container(running=False, oom_killed=True), Condition.BROKEN, 0.0),
            (container(oom_killed=True), Condition.HEALTHY, 1.0),
            (http(200), Condition.HEALTHY, 1.0),
            (http(299), Condition.HEALTHY, 1.0),
            (http(300), Condition.BROKEN, 0.0),
            (http(199), Condition.BROKEN, 0.0),
            (http(None), Condition.BROKEN, 0.0),
            (metric(1, limit=1), Condition.HEALTHY, 1.0),
            (metric(2, limit=1), Condition.BROKEN, 0.0),
            (workload(ready=3), Condition.HEALTHY, 1.0),
            (workload(ready=2, available=3), Condition.ON_ITS_WAY, 2 / 3),
            (workload(ready=4), Condition.ON_ITS_WAY, 1.0),
            (workload(updated=2), Condition.ON_ITS_WAY, 1.0),
            (workload(available=2), Condition.ON_ITS_WAY, 1.0),
            (workload(observed_generation=1), Condition.ON_ITS_WAY, 1.0),
            (workload(ready=0), Condition.BROKEN, 0.0),
            (workload(ready=0, desired=0), Condition.BROKEN, 0.0),
            (workload(ready=1, desired=0), Condition.ON_ITS_WAY, 0.0),
            (workload(ready=1, desired=1, updated=0), Condition.ON_ITS_WAY, 1.0),
            (workload(ready=2, failed=1), Condition.BROKEN, 2 / 3),
            (workload(ready=3, failed=1), Condition.HEALTHY, 1.0),
            (workload(terminations=(oom(1),)), Condition.BROKEN, 1.0),
            (workload(terminations=(oom(0),)), Condition.HEALTHY, 1.0),
        ],
    )
    def test_how_well_a_target_is(self, reading, found, fraction):
        finding = examine(reading, since=ACTED)

        assert (finding.condition, finding.fraction) == (found, pytest.approx(fraction))

    @pytest.mark.parametrize("waiting", Waiting)
    def test_only_what_is_starting_is_on_its_way(self, waiting):
        starts = waiting in (Waiting.STARTING, Waiting.INITIALIZING)
        finding = examine(workload(ready=2, waiting=(waiting,)), since=None)

        assert finding.condition is (Condition.ON_ITS_WAY if starts else Condition.BROKEN)


class TestWords:
    def test_a_snapshot_is_stored_in_these_words(self):
        assert [str(kind) for kind in SensorKind] == (
            ["workload", "container", "http", "metric", "scrape", "alert", "neighbours"]
        )
        assert [str(each) for each in ContainerHealth] == ["none", "starting", "healthy", "unhealthy"]
        assert [str(each) for each in Direction] == ["lower", "higher"]
        assert [str(each) for each in Trend] == ["better", "same", "worse", "unknown"]

    def test_a_wait_has_the_word_of_kubernetes(self):
        assert [str(each) for each in Waiting] == [
            "CrashLoopBackOff",
            "ImagePullBackOff",
            "ErrImagePull",
            "InvalidImageName",
            "ErrImageNeverPull",
            "CreateContainerConfigError",
            "CreateContainerError",
            "RunContainerError",
            "ContainerCreating",
            "PodInitializing",
            "Other",
        ]


@pytest.mark.parametrize(
    ("alertname", "query"),
    [
        ("HostMemory", 'node_memory_MemAvailable_bytes{instance="web-1"} / 1048576'),
        ("NodeDisk", 'node_filesystem_avail_bytes{instance="web-1", fstype!~"tmpfs|overlay"} / 1048576'),
        ("HostLoad", 'node_load5{instance="web-1"}'),
        ("HostCpu", 'node_load5{instance="web-1"}'),
        ("HostDown", 'up{instance="web-1"}'),
    ],
)
def test_a_host_is_asked_in_mebibytes(alertname, query):
    target = Target(namespace="hosts", kind="Host", name="web-1")

    assert probe(alertname, {}, target, window_s=25).query == query


def replaced(target, **parts):
    return Target.model_validate({**target.model_dump(), **parts})


ALL_READY, NONE_READY = "ready 3/3, updated 3, restarts 0", "ready 0/3, updated 3, restarts 0"


@pytest.mark.parametrize(
    ("after", "decided_by"),
    [
        (snapshot(workload(), http(200)), [ALL_READY, "HTTP 200"]),
        (snapshot(workload(ready=0), http(200)), [NONE_READY]),
        (snapshot(container()), ["running True, health healthy, restarts 0"]),
        (snapshot(host(2.0, 0.5, limit=3.0)), ["errors 2, 0.5"]),
        (snapshot(workload(), metric(9.0)), ["metric"]),
        (snapshot(workload(), alert(firing=True)), ["the alert still fires"]),
        (snapshot(workload(), silent(SensorKind.HTTP)), ["http"]),
        (snapshot(silent(SensorKind.WORKLOAD)), ["workload"]),
        (snapshot(workload(updated=2)), ["ready 3/3, updated 2, restarts 0"]),
    ],
)
def test_a_verdict_names_the_readings_that_decided_it(after, decided_by):
    assert judge(case(after, was=before(workload(ready=0), metric(1.0)))).decided_by == decided_by


class TestInverses:
    @pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
    def test_two_revisions_are_enough(self, kind):
        found = inverse(action(target=replaced(TARGET, kind=kind)), None, snapshot(workload(revisions=2)))

        assert (found.command, found.possible) == (f"kubectl rollout undo {kind.lower()}/api -n prod", True)

    def test_a_target_that_nobody_saw_has_no_revisions(self):
        found = inverse(action(), None, snapshot())

        assert (found.possible, found.revisions) == (False, 0)
        assert inverse(action(ActionKind.RUN_JOB), None, snapshot()).revisions == 0

    @pytest.mark.parametrize("part", ["namespace", "kind", "name"])
    def test_one_part_that_is_no_name_is_enough_to_write_no_command(self, part):
        target = replaced(TARGET, **{part: "a;b"})

        assert inverse(action(ActionKind.SCALE, target=target), before(workload()), snapshot()).command is None
        assert inverse(action(ActionKind.SCALE), before(workload()), snapshot()).command is not None


@pytest.mark.parametrize(
    ("words", "family"), [("mem memory oom", "oom"), ("cpu load throttl", "cpu"), ("crash restart backoff", "crash")]
)
def test_every_word_of_a_family_asks_its_question(words, family):
    for word in words.split():
        assert probe(f"Kube{word.title()}X", {}, TARGET, window_s=25) == probe(family, {}, TARGET, window_s=25)
    assert probe(family, {}, TARGET, window_s=25) != probe("KubeX", {}, TARGET, window_s=25)


@pytest.mark.parametrize(("status", "well"), [(200, True), (500, False)])
def test_what_is_well_does_not_make_up_for_what_is_not(status, well):
    one = case(snapshot(workload(), http(status)), was=before(workload(), http(status)))

    assert (one.was_healthy, one.is_healthy) == (well, well)


def test_one_stale_series_makes_a_metric_stale():
    fresh, stale = metric(1.0, 1.0), metric(1.0, at=ACTED)

    assert is_fresh(fresh, ACTED)
    assert not is_fresh(replace(fresh, samples=(*fresh.samples, *stale.samples)), ACTED)
    assert not is_fresh(replace(fresh, samples=()), ACTED)
