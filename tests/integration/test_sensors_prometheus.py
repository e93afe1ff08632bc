"""The Prometheus sensor: all series, each as old as it is, and every way of having nothing to say."""

from __future__ import annotations

import json
import math
import ssl
from datetime import timedelta

import pytest

from functions.verify_execution.core.conditions import Condition, examine
from functions.verify_execution.core.readings import Direction, is_fresh
from functions.verify_execution.sensors.prometheus import PrometheusSensor
from shared.adapters.endpoints import Endpoint
from shared.adapters.http import HttpClient
from shared.adapters.prometheus import PrometheusApi
from shared.domain.calls import CallFailed, FailureKind
from shared.local.simulators.faults import Fault
from shared.local.simulators.prometheus import PrometheusSimulator
from tests.contracts.misbehaving import Misbehaving, answering
from tests.contracts.rigs import CLOCK, question

API = {"namespace": "prod", "service": "api"}


@pytest.fixture
def simulator():
    return PrometheusSimulator()


@pytest.fixture
async def http():
    async with HttpClient(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as client:
        yield client


@pytest.fixture
async def api(simulator, http):
    async with simulator.serving() as url:
        yield PrometheusApi(Endpoint(http=http, url=url))


@pytest.fixture
def sensor(api):
    return PrometheusSensor(api, CLOCK)


async def failure(reading):
    with pytest.raises(CallFailed) as raised:
        await reading
    return raised.value.kind


def values(metric):
    return sorted(sample.value for sample in metric.samples)


class TestFamilies:
    async def test_http(self, simulator, sensor):
        simulator.scrape("probe_success", API, 1.0)
        simulator.scrape("probe_success", {**API, "service": "other"}, 0.0)
        simulator.scrape("probe_success", {**API, "namespace": "staging"}, 0.0)
        seen = await sensor.read(question("Service"))
        assert (seen.name, values(seen), seen.limit) == ("failed probes", [0.0], 0.0)

    async def test_http_of_an_instance(self, simulator, sensor):
        simulator.scrape("probe_success", {"instance": "https://api/"}, 0.0)
        seen = await sensor.read(question("Service", labels={"instance": "https://api/"}))
        assert values(seen) == [1.0]

    async def test_memory_is_that_of_the_pods_of_the_workload(self, simulator, sensor):
        for pod, container, mib in (
            ("api-7d9f6c5b4-x2x7q", "main", 100),
            ("api-7d9f6c5b4-x2x7q", "sidecar", 28),
            ("api-7d9f6c5b4-x2x7q", "", 128),
            ("api-7d9f6c5b4-zzzzz", "main", 64),
            ("api-gateway-7d9f6c5b4-x2x7q", "main", 999),
        ):
            labels = {"namespace": "prod", "pod": pod, "container": container}
            simulator.scrape("container_memory_working_set_bytes", labels, mib * 1024 * 1024)
        seen = await sensor.read(question(alertname="KubeMemoryHigh"))
        assert values(seen) == [64.0, 128.0]

    async def test_restarts_are_counted_from_the_action_on(self, simulator, sensor):
        labels = {"namespace": "prod", "pod": "api-7d9f6c5b4-x2x7q"}
        for age_s, restarts in ((200, 3), (130, 9), (10, 11)):
            simulator.scrape("kube_pod_container_status_restarts_total", labels, restarts, age_s=age_s)
        asked = question(alertname="KubePodCrashLooping", labels={}, acted_s_ago=60)
        seen = await sensor.read(asked)
        assert (values(seen), seen.counted_since_action) == ([2.0], True)

    async def test_a_baseline_of_what_is_counted_is_a_proper_question(self, simulator, sensor):
        labels = {"namespace": "prod", "pod": "api-7d9f6c5b4-x2x7q"}
        simulator.scrape("kube_pod_container_status_restarts_total", labels, 3)
        seen = await sensor.read(question(alertname="KubePodCrashLooping", labels={}, acted_s_ago=None))
        assert len(seen.samples) == 1

    async def test_an_action_that_ends_in_the_future_is_a_proper_question(self, simulator, sensor):
        labels = {"namespace": "prod", "pod": "api-7d9f6c5b4-x2x7q"}
        simulator.scrape("kube_pod_container_status_restarts_total", labels, 3)
        seen = await sensor.read(question(alertname="KubePodCrashLooping", labels={}, acted_s_ago=-600))
        assert len(seen.samples) == 1

    async def test_cpu_is_a_rate(self, simulator, sensor):
        labels = {"namespace": "prod", "pod": "api-7d9f6c5b4-x2x7q", "container": "main"}
        for age_s, seconds in ((90, 100.0), (30, 112.0)):
            simulator.scrape("container_cpu_usage_seconds_total", labels, seconds, age_s=age_s)
        (sample,) = (await sensor.read(question(alertname="KubeCpuThrottling", labels={}))).samples
        assert sample.value == pytest.approx(0.1)

    async def test_docker_memory_is_a_share_of_its_limit(self, simulator, sensor):
        labels = {"host": "h-1", "container_name": "api"}
        simulator.scrape("container_memory_usage_bytes", labels, 90.0)
        simulator.scrape("container_spec_memory_limit_bytes", labels, 100.0)
        asked = question("Container", alertname="DockerContainerMemoryHigh", labels={"host": "h-1"})
        assert values(await sensor.read(asked)) == [pytest.approx(0.9)]

    async def test_hosts_are_seen_by_metrics_alone(self, simulator, api):
        simulator.scrape("node_memory_MemAvailable_bytes", {"instance": "h-1:9100"}, 2.0 * 1024 * 1024)
        beside, about = PrometheusSensor(api, CLOCK), PrometheusSensor(api, CLOCK, about_target=True)
        asked = question("Host", "h-1", alertname="HostOutOfMemory", labels={"instance": "h-1:9100"})
        assert (beside.suits(asked), about.suits(asked)) == (False, True)
        assert (beside.suits(question()), about.suits(question())) == (True, False)
        seen = await about.read(asked)
        assert (values(seen), seen.direction) == ([2.0], Direction.HIGHER)
        assert examine(seen, since=None).condition is Condition.HEALTHY


class TestAge:
    async def test_a_sample_keeps_its_own_time(self, simulator, sensor):
        simulator.scrape("probe_success", API, 1.0, age_s=40)
        asked = question("Service", acted_s_ago=20)
        seen = await sensor.read(asked)
        age = CLOCK.now() - seen.samples[0].at
        assert timedelta(seconds=40) <= age < timedelta(seconds=100)
        assert not is_fresh(seen, asked.acted_at)
        simulator.scrape("probe_success", API, 1.0, age_s=10)
        assert is_fresh(await sensor.read(asked), asked.acted_at)

    async def test_every_series_has_its_own(self, simulator, sensor):
        for pod, age_s in (("api-7d9f6c5b4-aaaaa", 100), ("api-7d9f6c5b4-bbbbb", 1)):
            labels = {"namespace": "prod", "pod": pod, "container": "main"}
            simulator.scrape("container_memory_working_set_bytes", labels, 1024.0, age_s=age_s)
        asked = question(alertname="KubeMemoryHigh", labels={}, acted_s_ago=50)
        fresh = {sample.series[-7:-2]: sample.at > asked.acted_at for sample in (await sensor.read(asked)).samples}
        assert fresh == {"aaaaa": False, "bbbbb": True}

    async def test_a_sum_is_as_old_as_its_oldest_part(self, simulator, sensor):
        for container, age_s in (("main", 1), ("sidecar", 100)):
            labels = {"namespace": "prod", "pod": "api-7d9f6c5b4-aaaaa", "container": container}
            simulator.scrape("container_memory_working_set_bytes", labels, 1024.0, age_s=age_s)
        asked = question(alertname="KubeMemoryHigh", labels={}, acted_s_ago=50)
        assert not is_fresh(await sensor.read(asked), asked.acted_at)

    async def test_a_share_is_as_old_as_its_older_side(self, simulator, sensor):
        labels = {"host": "h-1", "container_name": "api"}
        asked = question("Container", alertname="DockerContainerMemoryHigh", labels={"host": "h-1"}, acted_s_ago=50)
        simulator.scrape("container_memory_usage_bytes", labels, 90.0, age_s=1)
        simulator.scrape("container_spec_memory_limit_bytes", labels, 100.0, age_s=100)
        assert not is_fresh(await sensor.read(asked), asked.acted_at)
        simulator.scrape("container_spec_memory_limit_bytes", labels, 100.0, age_s=1)
        assert is_fresh(await sensor.read(asked), asked.acted_at)

    async def test_what_is_older_than_five_minutes_is_not_there(self, simulator, sensor):
        simulator.scrape("probe_success", API, 1.0, age_s=301)
        assert await failure(sensor.read(question("Service"))) is FailureKind.EMPTY

    async def test_what_has_ended_is_not_there(self, simulator, sensor):
        simulator.scrape("probe_success", API, 1.0, age_s=10)
        simulator.scrape("probe_success", API, None, age_s=5)
        assert await failure(sensor.read(question("Service"))) is FailureKind.EMPTY

    async def test_a_value_that_cannot_be_dated_is_none(self, http):
        vector = {"resultType": "vector", "result": [{"metric": {"pod": "a"}, "value": [1, "1"]}]}
        undated = {"resultType": "vector", "result": [{"metric": {"pod": "b"}, "value": [1, "1"]}]}
        bodies = [{"status": "success", "data": data} for data in (vector, undated)]
        assert await failure(self._by_query(http, *bodies)) is FailureKind.EMPTY

    @pytest.mark.parametrize("time", ["NaN", "+Inf", "1e300"])
    async def test_a_time_that_is_none_is_unreadable(self, http, time):
        vector = {"resultType": "vector", "result": [{"metric": {}, "value": [1, "1"]}]}
        dated = {"resultType": "vector", "result": [{"metric": {}, "value": [1, time]}]}
        bodies = [{"status": "success", "data": data} for data in (vector, dated)]
        assert await failure(self._by_query(http, *bodies)) is FailureKind.UNREADABLE

    @staticmethod
    async def _by_query(http, value, age):
        async def behaviour(writer, server, request):
            body = age if b"timestamp" in request else value
            await answering(200, json.dumps(body).encode())(writer, server, request)

        async with Misbehaving(behaviour).serving() as url:
            api = PrometheusApi(Endpoint(http=http, url=url, timeout_s=5))
            try:
                return await PrometheusSensor(api, CLOCK).read(question("Service"))
            finally:
                await http.aclose()


class TestValues:
    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    async def test_what_is_not_finite_is_kept_and_not_judged(self, simulator, sensor, value):
        simulator.scrape("probe_success", API, value)
        (sample,) = (await sensor.read(question("Service"))).samples
        assert sample.value == pytest.approx(1 - value, nan_ok=True)
        assert not math.isfinite(sample.value)

    async def test_nothing_found_is_empty_and_not_good(self, sensor):
        assert await failure(sensor.read(question("Service"))) is FailureKind.EMPTY

    async def test_warnings_do_no_harm(self, simulator, sensor):
        simulator.warnings = ["PromQL warning: something"]
        simulator.scrape("probe_success", API, 1.0)
        assert values(await sensor.read(question("Service"))) == [0.0]

    async def test_all_series_are_kept(self, simulator, sensor):
        for number in range(100):
            simulator.scrape("probe_success", {**API, "pod": f"p-{number}"}, float(number % 2))
        assert len((await sensor.read(question("Service"))).samples) == 100

    async def test_too_many_series_are_no_measurement(self, simulator, sensor):
        for number in range(10_001):
            simulator.scrape("probe_success", {**API, "n": str(number)}, 1.0)
        assert await failure(sensor.read(question("Service"))) is FailureKind.TOO_LARGE

    async def test_too_many_bytes_are_no_measurement(self, simulator, sensor):
        for number in range(60):
            simulator.scrape("probe_success", {**API, "n": f"{number}" * 100_000}, 1.0)
        assert await failure(sensor.read(question("Service"))) is FailureKind.TOO_LARGE

    async def test_a_histogram_is_no_value(self, http):
        element = {"metric": {}, "histogram": [1, {"count": "1", "sum": "1"}]}
        body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": [element]}}).encode()
        async with Misbehaving(answering(200, body, connection="close")).serving() as url:
            sensor = PrometheusSensor(PrometheusApi(Endpoint(http=http, url=url)), CLOCK)
            assert await failure(sensor.read(question("Service"))) is FailureKind.UNREADABLE
            await http.aclose()

    @pytest.mark.parametrize(
        ("alertname", "missing"), [(None, "namespace"), ("HttpErrorsHigh", "namespace"), ("HttpErrorsHigh", "name")]
    )
    async def test_no_name_is_not_everybodys_name(self, simulator, sensor, alertname, missing):
        """A matcher without a value matches every series that lacks the label."""
        simulator.scrape("up", {"job": "unrelated"}, 1.0)
        simulator.scrape("probe_success", {"job": "unrelated"}, 1.0)
        asked = question("Service", alertname=alertname, labels={}, **{missing: ""})
        assert await failure(sensor.read(asked)) is FailureKind.NOT_FOUND
        assert not simulator.asked


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (400, FailureKind.REFUSED),
            (422, FailureKind.UNREACHABLE),
            (503, FailureKind.TIMEOUT),
            (500, FailureKind.UNREACHABLE),
            (404, FailureKind.NOT_FOUND),
            (401, FailureKind.DENIED),
            (429, FailureKind.THROTTLED),
            (502, FailureKind.UNREACHABLE),
            (504, FailureKind.TIMEOUT),
        ],
    )
    async def test_its_own_word_counts_and_else_the_status(self, simulator, sensor, status, kind):
        simulator.scrape("probe_success", API, 1.0)
        simulator.faults.add(Fault(status=status, times=2))
        assert await failure(sensor.read(question("Service"))) is kind
        simulator.faults.clear()
        assert values(await sensor.read(question("Service"))) == [0.0]

    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            ("bad_data", FailureKind.REFUSED),
            ("timeout", FailureKind.TIMEOUT),
            ("canceled", FailureKind.TIMEOUT),
            ("execution", FailureKind.UNREACHABLE),
            ("unavailable", FailureKind.UNREACHABLE),
            ("never heard of", FailureKind.UNREADABLE),
        ],
    )
    async def test_an_error_that_comes_with_200_is_one(self, http, error, kind):
        body = json.dumps({"status": "error", "errorType": error, "error": "…"}).encode()
        async with Misbehaving(answering(200, body, connection="close")).serving() as url:
            sensor = PrometheusSensor(PrometheusApi(Endpoint(http=http, url=url)), CLOCK)
            assert await failure(sensor.read(question("Service"))) is kind
            await http.aclose()

    async def test_two_series_for_one_are_an_error_of_the_query(self, simulator, sensor):
        labels = {"host": "h-1", "container_name": "api"}
        simulator.scrape("container_memory_usage_bytes", labels, 90.0)
        simulator.scrape("container_spec_memory_limit_bytes", labels, 100.0)
        simulator.scrape("container_spec_memory_limit_bytes", {**labels, "id": "2"}, 100.0)
        simulator.scrape("container_memory_usage_bytes", {**labels, "id": "2"}, 120.0)
        asked = question("Container", alertname="DockerContainerMemoryHigh", labels={"host": "h-1"})
        assert values(await sensor.read(asked)) == [pytest.approx(0.9), pytest.approx(1.2)]
