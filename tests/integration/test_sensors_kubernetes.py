"""The Kubernetes sensors: every kind, whose pod it was, what is current, and how the API server is reached."""

from __future__ import annotations

import copy
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from functions.verify_execution.core.conditions import Condition, examine
from functions.verify_execution.core.readings import Waiting
from functions.verify_execution.sensors.kubernetes import KubernetesSensor, NeighboursSensor
from functions.verify_execution.sensors.pod_names import stem
from shared.adapters.http import HttpClient
from shared.domain.calls import CallFailed, FailureKind
from shared.local.simulators.faults import Fault
from shared.local.simulators.kubernetes import KubernetesSimulator
from shared.local.simulators.workloads import Workload, pod_name, replica_set_name
from tests.contracts.rigs import CLOCK, api_of, question

KINDS = ["Deployment", "StatefulSet", "DaemonSet", "Job"]
KILLED_AT = "2026-01-02T03:04:05Z"


@pytest.fixture
def simulator():
    return KubernetesSimulator()


@pytest.fixture
async def http():
    async with HttpClient(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as client:
        yield client


@pytest.fixture
async def api(simulator, http):
    async with simulator.serving() as url:
        yield api_of(url, http)


@pytest.fixture
def sensor(api):
    return KubernetesSensor(api, CLOCK)


def workload(kind="Deployment", name="api", **changes):
    return Workload(kind=kind, namespace="prod", name=name, **changes)


def condition(reading):
    return examine(reading, since=datetime(2026, 1, 1, tzinfo=UTC)).condition


async def failure(reading):
    with pytest.raises(CallFailed) as raised:
        await reading
    return raised.value.kind


class TestWorkloads:
    @pytest.mark.parametrize("kind", KINDS)
    async def test_a_healthy_one_is_healthy(self, simulator, sensor, kind):
        simulator.cluster.put_workload(workload(kind, replicas=2, generation=4))
        seen = await sensor.read(question(kind))
        assert (seen.desired, seen.updated, seen.ready, seen.available) == (2, 2, 2, 2)
        assert (seen.generation, seen.observed_generation) == (4, 4)
        assert (seen.restarts, seen.waiting, seen.failed) == (0, (), 0)
        assert seen.revisions == (0 if kind == "Job" else 2)
        assert condition(seen) is Condition.HEALTHY

    @pytest.mark.parametrize("kind", KINDS)
    async def test_a_sick_one_says_of_what(self, simulator, sensor, kind):
        sick = {"ready": 1, "waiting": "CrashLoopBackOff", "restarts": 4, "terminated": ("OOMKilled", KILLED_AT)}
        simulator.cluster.put_workload(workload(kind, **sick))
        seen = await sensor.read(question(kind))
        assert (seen.ready, seen.restarts, seen.waiting) == (1, 12, (Waiting.CRASH_LOOP,))
        assert {each.reason: each.at for each in seen.terminations}["OOMKilled"] == datetime.fromisoformat(KILLED_AT)
        assert condition(seen) is Condition.BROKEN

    @pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
    async def test_a_controller_that_lags_shows(self, simulator, sensor, kind):
        simulator.cluster.put_workload(workload(kind, generation=7, observed_generation=6))
        seen = await sensor.read(question(kind))
        assert (seen.generation, seen.observed_generation) == (7, 6)
        assert condition(seen) is Condition.ON_ITS_WAY

    @pytest.mark.parametrize("reason", [waiting.value for waiting in Waiting if waiting is not Waiting.OTHER])
    async def test_every_reason_to_wait_is_known(self, simulator, sensor, reason):
        simulator.cluster.put_workload(workload(ready=0, waiting=reason))
        assert (await sensor.read(question())).waiting == (Waiting(reason),)

    async def test_a_reason_that_is_not_known_is_still_one(self, simulator, sensor):
        simulator.cluster.put_workload(workload(ready=2, waiting="InvalidCosmicRay"))
        seen = await sensor.read(question())
        assert seen.waiting == (Waiting.OTHER,)
        assert condition(seen) is Condition.BROKEN

    async def test_init_containers_count_as_well(self, simulator, sensor):
        simulator.cluster.put_workload(workload(replicas=1, ready=0))
        pod = simulator.cluster.get("Pod", "prod", pod_name(workload(), 0))
        status = {"name": "init", "restartCount": 5, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
        pod["status"]["initContainerStatuses"] = [status]
        seen = await sensor.read(question())
        assert (seen.restarts, seen.waiting) == (5, (Waiting.CRASH_LOOP,))

    async def test_an_end_without_a_time_counts_as_of_now(self, simulator, sensor):
        simulator.cluster.put_workload(workload(replicas=1, terminated=("OOMKilled", KILLED_AT)))
        container = simulator.cluster.get("Pod", "prod", pod_name(workload(), 0))["status"]["containerStatuses"][0]
        container["lastState"]["terminated"]["finishedAt"] = None
        seen = await sensor.read(question())
        assert [each.at for each in seen.terminations] == [seen.at]

    async def test_the_latest_end_by_each_reason_is_kept(self, simulator, sensor):
        simulator.cluster.put_workload(workload(replicas=2, terminated=("OOMKilled", KILLED_AT)))
        later = "2026-01-03T00:00:00Z"
        container = simulator.cluster.get("Pod", "prod", pod_name(workload(), 1))["status"]["containerStatuses"][0]
        container["lastState"]["terminated"]["finishedAt"] = later
        (end,) = (await sensor.read(question())).terminations
        assert end.at == datetime.fromisoformat(later)

    async def test_nothing_wanted_is_not_healthy(self, simulator, sensor):
        simulator.cluster.put_workload(workload(replicas=0))
        seen = await sensor.read(question())
        assert (seen.desired, seen.ready) == (0, 0)
        assert condition(seen) is Condition.BROKEN

    async def test_replicas_that_are_not_set_are_one(self, simulator, sensor):
        simulator.cluster.put_workload(workload(replicas=1))
        del simulator.cluster.get("Deployment", "prod", "api")["spec"]["replicas"]
        assert (await sensor.read(question())).desired == 1


class TestUpdates:
    async def test_a_partition_leaves_pods_as_they_are_meant_to_be(self, simulator, sensor):
        simulator.cluster.put_workload(workload("StatefulSet", replicas=5))
        found = simulator.cluster.get("StatefulSet", "prod", "api")
        found["spec"]["updateStrategy"] = {"type": "RollingUpdate", "rollingUpdate": {"partition": 3}}
        found["status"]["updatedReplicas"] = 2
        assert (await sensor.read(question("StatefulSet"))).updated == 5
        found["status"]["updatedReplicas"] = 1
        assert (await sensor.read(question("StatefulSet"))).updated == 4

    @pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
    async def test_on_delete_waits_for_people(self, simulator, sensor, kind):
        simulator.cluster.put_workload(workload(kind))
        found = simulator.cluster.get(kind, "prod", "api")
        found["spec"]["updateStrategy"] = {"type": "OnDelete"}
        found["status"] |= {"updatedReplicas": 0, "updatedNumberScheduled": 0}
        assert (await sensor.read(question(kind))).updated == 3

    async def test_the_max_unavailable_of_a_daemon_set_is_no_partition(self, simulator, sensor):
        simulator.cluster.put_workload(workload("DaemonSet"))
        found = simulator.cluster.get("DaemonSet", "prod", "api")
        found["spec"]["updateStrategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%"}}
        assert condition(await sensor.read(question("DaemonSet"))) is Condition.HEALTHY


class TestJobs:
    async def test_one_that_runs_is_on_its_way(self, simulator, sensor):
        simulator.cluster.put_workload(workload("Job", replicas=2, ready=1))
        simulator.cluster.get("Job", "prod", "api")["status"] |= {"active": 1, "ready": 1}
        seen = await sensor.read(question("Job"))
        assert (seen.desired, seen.updated, seen.ready, seen.available) == (2, 2, 2, 1)
        assert condition(seen) is Condition.ON_ITS_WAY

    async def test_one_that_failed_and_then_succeeded_is_done(self, simulator, sensor):
        simulator.cluster.put_workload(workload("Job", replicas=1, failed=2))
        seen = await sensor.read(question("Job"))
        assert (seen.failed, seen.ready) == (2, 1)
        assert condition(seen) is Condition.HEALTHY

    async def test_one_that_gave_up_has_failed(self, simulator, sensor):
        simulator.cluster.put_workload(workload("Job", replicas=2, ready=1))
        found = simulator.cluster.get("Job", "prod", "api")
        found["status"] = {"startTime": KILLED_AT, "succeeded": 1, "conditions": [{"type": "Failed", "status": "True"}]}
        seen = await sensor.read(question("Job"))
        assert (seen.failed, seen.ready) == (1, 1)
        assert condition(seen) is Condition.BROKEN

    async def test_a_work_queue_is_done_with_its_first_success(self, simulator, sensor):
        simulator.cluster.put_workload(workload("Job", replicas=3))
        found = simulator.cluster.get("Job", "prod", "api")
        del found["spec"]["completions"]
        assert condition(await sensor.read(question("Job"))) is Condition.HEALTHY

    async def test_one_that_no_controller_has_seen_lags(self, simulator, sensor):
        simulator.cluster.put_workload(workload("Job", replicas=1, ready=0))
        simulator.cluster.get("Job", "prod", "api")["status"] = {}
        seen = await sensor.read(question("Job"))
        assert seen.observed_generation < seen.generation


class TestWhoseItIs:
    async def test_pods_that_are_being_deleted_are_not_current(self, simulator, sensor):
        simulator.cluster.put_workload(workload(restarts=2))
        simulator.cluster.get("Pod", "prod", pod_name(workload(), 0))["metadata"]["deletionTimestamp"] = KILLED_AT
        assert (await sensor.read(question())).restarts == 4

    async def test_pods_with_the_same_labels_are_not_its_own(self, simulator, sensor):
        simulator.cluster.put_workload(workload(replicas=1))
        own = simulator.cluster.get("Pod", "prod", pod_name(workload(), 0))
        for name, owners in (("lonely", []), ("other", [{**own["metadata"]["ownerReferences"][0], "uid": "u-2"}])):
            stranger = copy.deepcopy(own)
            stranger["metadata"] |= {"name": name, "uid": name, "ownerReferences": owners}
            stranger["status"]["containerStatuses"][0] |= {
                "restartCount": 100,
                "state": {"waiting": {"reason": "ErrImagePull"}},
            }
            simulator.cluster.put(stranger)
        seen = await sensor.read(question())
        assert (seen.restarts, seen.waiting) == (0, ())

    async def test_a_namespace_of_the_same_names_is_another_one(self, simulator, sensor):
        simulator.cluster.put_workload(workload(ready=0, waiting="CrashLoopBackOff"))
        simulator.cluster.put_workload(Workload(kind="Deployment", namespace="staging", name="api"))
        assert condition(await sensor.read(question(namespace="prod"))) is Condition.BROKEN
        assert condition(await sensor.read(question(namespace="staging"))) is Condition.HEALTHY
        assert await failure(sensor.read(question(namespace=""))) is FailureKind.NOT_FOUND

    async def test_hundreds_of_pods_come_in_pages(self, simulator, sensor):
        simulator.cluster.put_workload(workload(replicas=130, restarts=1))
        assert (await sensor.read(question())).restarts == 130
        pages = [each for each in simulator.asked if each.path.endswith("/pods")]
        assert len(pages) == 3

    async def test_selectors_of_every_form_find_the_pods(self, simulator, sensor):
        simulator.cluster.put_workload(workload(restarts=1))
        simulator.cluster.get("Deployment", "prod", "api")["spec"]["selector"] = {
            "matchLabels": {"app": "api"},
            "matchExpressions": [
                {"key": "app", "operator": "In", "values": ["api", "web"]},
                {"key": "app", "operator": "NotIn", "values": ["db"]},
                {"key": "app", "operator": "Exists"},
                {"key": "legacy", "operator": "DoesNotExist"},
            ],
        }
        assert (await sensor.read(question())).restarts == 3


class TestPods:
    @pytest.mark.parametrize("kind", KINDS)
    async def test_one_that_is_there_names_its_owner(self, simulator, sensor, kind):
        simulator.cluster.put_workload(workload(kind, ready=2, waiting="ErrImagePull"))
        seen = await sensor.read(question("Pod", pod_name(workload(kind), 2)))
        assert (seen.desired, seen.ready) == (3, 2)

    @pytest.mark.parametrize("kind", KINDS)
    async def test_one_that_is_gone_is_known_by_its_name(self, simulator, sensor, kind):
        simulator.cluster.put_workload(workload(kind))
        gone = pod_name(workload(kind), 77)
        assert simulator.cluster.get("Pod", "prod", gone) is None
        assert (await sensor.read(question("Pod", gone))).desired == 3

    async def test_one_of_a_replica_set_that_is_gone_too(self, simulator, sensor):
        before = workload()
        simulator.cluster.put_workload(workload(rollout=9))
        assert simulator.cluster.get("ReplicaSet", "prod", replica_set_name(before)) is None
        assert (await sensor.read(question("Pod", pod_name(before, 0)))).desired == 3

    async def test_an_indexed_job_is_known_by_its_name(self, simulator, sensor):
        simulator.cluster.put_workload(workload("Job", "import"))
        assert (await sensor.read(question("Pod", "import-2-x2x7q"))).desired == 3

    async def test_a_replica_set_without_a_deployment_stands_for_itself(self, simulator, sensor):
        simulator.cluster.put_workload(workload())
        name = replica_set_name(workload())
        simulator.cluster.get("ReplicaSet", "prod", name)["metadata"]["ownerReferences"] = []
        seen = await sensor.read(question("Pod", pod_name(workload(), 0)))
        assert (seen.desired, seen.updated, seen.revisions) == (3, 3, 0)
        itself = await sensor.read(question("ReplicaSet", name))
        assert replace(itself, at=seen.at) == seen

    async def test_an_owner_of_another_kind_leaves_the_pod_itself(self, simulator, sensor):
        simulator.cluster.put_workload(workload(replicas=1, restarts=3))
        pod = simulator.cluster.get("Pod", "prod", pod_name(workload(), 0))
        pod["metadata"]["ownerReferences"] = [{"kind": "Node", "name": "n-1", "uid": "n-1", "controller": True}]
        seen = await sensor.read(question("Pod", pod_name(workload(), 0)))
        assert (seen.desired, seen.ready, seen.restarts) == (1, 1, 3)
        assert condition(seen) is Condition.HEALTHY
        pod["metadata"]["deletionTimestamp"] = KILLED_AT
        assert condition(await sensor.read(question("Pod", pod_name(workload(), 0)))) is Condition.BROKEN

    @pytest.mark.parametrize(
        "name", ["api", "api-x", "api-7d9f-x2x", "api-gateway", "web-x2x7q", "web-7d9f6c5b4-x2x7q"]
    )
    async def test_a_name_that_fits_nobody_is_not_guessed(self, simulator, sensor, name):
        simulator.cluster.put_workload(workload())
        assert await failure(sensor.read(question("Pod", name))) is FailureKind.NOT_FOUND

    async def test_a_daemon_set_is_not_taken_for_a_deployment(self, simulator, sensor):
        simulator.cluster.put_workload(workload("Deployment", "node", replicas=1))
        simulator.cluster.put_workload(workload("DaemonSet", "node-fxt", replicas=5))
        assert (await sensor.read(question("Pod", "node-fxt-x2x7q"))).desired == 5

    async def test_what_may_not_be_read_is_not_guessed_around(self, simulator, sensor):
        simulator.cluster.put_workload(workload("Job", "import"))
        simulator.allow("token", plurals=["pods", "replicasets", "jobs"])
        assert await failure(sensor.read(question("Pod", "import-x2x7q"))) is FailureKind.DENIED
        simulator.allow("token", plurals=["pods", "replicasets", "daemonsets", "jobs"])
        assert (await sensor.read(question("Pod", "import-x2x7q"))).desired == 3

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("api-7d9f6c5b4-x2x7q", "api"),
            ("my-api-7d9f6c5b4-x2x7q", "my-api"),
            ("kube-proxy-x2x7q", "kube-proxy"),
            ("web-0", "web"),
            ("web-1234", "web"),
            ("api", "api"),
            ("api-gateway", "api-gateway"),
        ],
    )
    def test_the_stem_of_a_name(self, name, expected):
        assert stem(name) == expected


class TestNeighbours:
    async def test_they_are_all_but_the_target(self, simulator, api):
        for kind, ready in (("Deployment", 3), ("StatefulSet", 2), ("DaemonSet", 3)):
            simulator.cluster.put_workload(workload(kind, f"the-{kind.lower()}", ready=ready))
        simulator.cluster.put_workload(Workload(kind="Deployment", namespace="other", name="far"))
        simulator.cluster.put_workload(workload(ready=0))
        seen = await NeighboursSensor(api, CLOCK).read(question())
        assert seen.ready == {
            "Deployment the-deployment": True,
            "StatefulSet the-statefulset": False,
            "DaemonSet the-daemonset": True,
        }

    async def test_the_owner_of_the_target_is_none(self, simulator, api):
        simulator.cluster.put_workload(workload())
        seen = await NeighboursSensor(api, CLOCK).read(question("Pod", pod_name(workload(), 77)))
        assert seen.ready == {}


class TestFailures:
    async def test_no_such_workload(self, sensor):
        assert await failure(sensor.read(question())) is FailureKind.NOT_FOUND

    async def test_a_token_that_is_not_known(self, simulator, http):
        async with simulator.serving() as url:
            sensor = KubernetesSensor(api_of(url, http, token="wrong"), CLOCK)
            assert await failure(sensor.read(question())) is FailureKind.DENIED

    async def test_a_namespace_that_is_not_allowed(self, simulator, sensor):
        simulator.cluster.put_workload(workload())
        simulator.allow("token", namespaces=["other"])
        assert await failure(sensor.read(question())) is FailureKind.DENIED

    async def test_pods_that_may_not_be_read_leave_no_half_a_reading(self, simulator, sensor):
        simulator.cluster.put_workload(workload())
        simulator.allow("token", plurals=["deployments", "replicasets"])
        assert await failure(sensor.read(question())) is FailureKind.DENIED

    async def test_a_list_that_expires_while_it_is_read(self, simulator, sensor):
        simulator.cluster.put_workload(workload(replicas=120))
        simulator.faults.add(Fault(status=410, path="/api/v1/namespaces/prod/pods"))
        assert await failure(sensor.read(question())) is FailureKind.THROTTLED

    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (429, FailureKind.THROTTLED),
            (500, FailureKind.UNREACHABLE),
            (503, FailureKind.UNREACHABLE),
            (504, FailureKind.TIMEOUT),
        ],
    )
    async def test_a_server_in_trouble(self, simulator, sensor, status, kind):
        simulator.cluster.put_workload(workload())
        simulator.faults.add(Fault(status=status))
        assert await failure(sensor.read(question())) is kind
        assert condition(await sensor.read(question())) is Condition.HEALTHY

    async def test_other_kinds_and_other_clusters_do_not_suit(self, api):
        sensor, named = KubernetesSensor(api, CLOCK), KubernetesSensor(api, CLOCK, cluster="east")
        assert not sensor.suits(question("Service"))
        assert not sensor.suits(question("Host"))
        assert named.suits(question())
        here = question()
        elsewhere = replace(here, target=here.target.model_copy(update={"cluster": "west"}))
        assert not named.suits(elsewhere)
        assert sensor.suits(elsewhere)

    async def test_the_reading_is_as_old_as_its_question(self, simulator, sensor):
        simulator.cluster.put_workload(workload())
        before = CLOCK.now()
        seen = await sensor.read(question())
        assert before <= seen.at <= before + timedelta(minutes=1)
