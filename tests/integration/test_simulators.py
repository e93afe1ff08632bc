"""The simulators speak the protocols, refuse what the real ones refuse, and can be scripted from both sides."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import shutil
import sys
import time

import httpx
import pytest

from shared.local.children import ProcessFailed
from shared.local.simulators.alertmanager import AlertmanagerSimulator
from shared.local.simulators.docker import Container, DockerSimulator, container_id
from shared.local.simulators.faults import Fault
from shared.local.simulators.kubernetes import KubernetesSimulator, kubeconfig
from shared.local.simulators.prometheus import PrometheusSimulator
from shared.local.simulators.promql import parse
from shared.local.simulators.promql_tokens import BadQuery
from shared.local.simulators.series import Series
from shared.local.simulators.service import CRASHED
from shared.local.simulators.service_process import ServiceProcess
from shared.local.simulators.workloads import Workload, pod_name

PATIENCE_S = 20.0
TOKEN = {"authorization": "Bearer token"}
APPS = "/apis/apps/v1/namespaces/prod"


@contextlib.asynccontextmanager
async def talking(simulator, headers=None):
    async with (
        simulator.serving() as url,
        httpx.AsyncClient(base_url=url, trust_env=False, verify=False, headers=headers, timeout=PATIENCE_S) as http,
    ):
        yield http


@contextlib.asynccontextmanager
async def process(name, *arguments):
    """A simulator as a process; yields a client of it."""
    command = [sys.executable, "-m", f"shared.local.simulators.{name}", *arguments]
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(PATIENCE_S):
            url = (await child.stdout.readline()).decode().strip()
        async with httpx.AsyncClient(base_url=url, trust_env=False, verify=False, timeout=PATIENCE_S) as http:
            yield http
    finally:
        child.terminate()
        await child.communicate()


def workload(name="api", kind="Deployment", **changes):
    return Workload(kind=kind, namespace="prod", name=name, **changes)


class TestKubernetes:
    @pytest.fixture
    def simulator(self):
        simulator = KubernetesSimulator()
        simulator.cluster.put_workload(workload())
        simulator.cluster.put_workload(workload("db", "StatefulSet"))
        return simulator

    @pytest.fixture
    async def http(self, simulator):
        async with talking(simulator, TOKEN) as http:
            yield http

    async def names(self, http, path, **params):
        answer = await http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return [item["metadata"]["name"] for item in answer.json()["items"]]

    async def refusal(self, http, path, **request):
        answer = await http.request(request.pop("method", "GET"), path, **request)
        body = answer.json()
        assert (body["kind"], body["status"], body["code"]) == ("Status", "Failure", answer.status_code)
        return answer.status_code, body["reason"]

    async def test_an_object_and_a_list_are_as_the_api_has_them(self, http):
        found = (await http.get(f"{APPS}/deployments/api")).json()
        assert (found["kind"], found["apiVersion"], found["metadata"]["name"]) == ("Deployment", "apps/v1", "api")
        assert found["metadata"]["resourceVersion"]
        listed = (await http.get(f"{APPS}/deployments")).json()
        assert (listed["kind"], len(listed["items"])) == ("DeploymentList", 1)
        assert "kind" not in listed["items"][0]
        assert await self.names(http, "/api/v1/namespaces") == ["prod"]
        assert len(await self.names(http, "/api/v1/pods")) == 6

    @pytest.mark.parametrize(
        ("selector", "found"),
        [
            ("app=api", True),
            ("app==api", True),
            ("app!=api", False),
            ("app in (api,web)", True),
            ("app notin (api, web)", False),
            ("app", True),
            ("!app", False),
            ("app=api,!legacy", True),
            ("app in (api),app notin (db)", True),
            ("", True),
        ],
    )
    async def test_label_selectors(self, http, selector, found):
        assert ("api" in await self.names(http, f"{APPS}/deployments", labelSelector=selector)) is found

    @pytest.mark.parametrize("selector", ["app=(", "app in api", "-x", "app=a b", "=x", "app in (a b)", "a,,b"])
    async def test_a_selector_that_is_none_is_refused(self, http, selector):
        answer = await self.refusal(http, f"{APPS}/deployments", params={"labelSelector": selector})
        assert answer == (400, "BadRequest")

    async def test_field_selectors_know_names(self, http):
        assert await self.names(http, f"{APPS}/deployments", fieldSelector="metadata.name=api") == ["api"]
        assert await self.names(http, f"{APPS}/deployments", fieldSelector="metadata.name!=api") == []
        for wrong in ("spec.replicas=3", "metadata.name"):
            refused = await self.refusal(http, f"{APPS}/deployments", params={"fieldSelector": wrong})
            assert refused == (400, "BadRequest")

    async def test_pages_hold_everything_once(self, simulator, http):
        simulator.cluster.put_workload(workload(replicas=25))
        names, token = [], ""
        while True:
            params = {"limit": "10", "labelSelector": "app=api", **({"continue": token} if token else {})}
            page = (await http.get("/api/v1/namespaces/prod/pods", params=params)).json()
            names += [item["metadata"]["name"] for item in page["items"]]
            token = page["metadata"].get("continue", "")
            if not token:
                break
            assert page["metadata"]["remainingItemCount"] == 25 - len(names)
        assert sorted(names) == sorted({pod_name(workload(), number) for number in range(25)})

    async def test_a_list_cannot_go_on_when_the_past_is_gone(self, simulator, http):
        page = (await http.get("/api/v1/namespaces/prod/pods", params={"limit": "2"})).json()
        simulator.cluster.put_workload(workload("late"))
        simulator.compact()
        params = {"limit": "2", "continue": page["metadata"]["continue"]}
        assert await self.refusal(http, "/api/v1/namespaces/prod/pods", params=params) == (410, "Expired")
        params["continue"] = "garbage"
        assert await self.refusal(http, "/api/v1/namespaces/prod/pods", params=params) == (400, "BadRequest")

    @pytest.mark.parametrize(
        ("version", "refused"),
        [("x", (400, "BadRequest")), ("99999999", (504, "Timeout")), ("-1", (400, "BadRequest"))],
    )
    async def test_resource_versions(self, http, version, refused):
        assert await self.refusal(http, f"{APPS}/deployments", params={"resourceVersion": version}) == refused
        assert await self.names(http, f"{APPS}/deployments", resourceVersion="0") == ["api"]

    async def test_what_is_refused(self, simulator, http):
        assert await self.refusal(http, f"{APPS}/deployments/none") == (404, "NotFound")
        assert await self.refusal(http, f"{APPS}/deployments", params={"watch": "true"}) == (400, "BadRequest")
        assert await self.refusal(http, f"{APPS}/deployments", params={"limit": "x"}) == (400, "BadRequest")
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert await self.refusal(http, f"{APPS}/deployments/api", method=method) == (405, "MethodNotAllowed")
        for wrong in ({}, {"authorization": "Bearer x"}, {"authorization": "Basic token"}):
            async with httpx.AsyncClient(base_url=http.base_url, headers=wrong, verify=False) as stranger:
                assert await self.refusal(stranger, f"{APPS}/deployments/api") == (401, "Unauthorized")
        refused = await self.refusal(http, f"{APPS}/deployments", headers={"accept": "application/yaml"})
        assert refused == (406, "NotAcceptable")
        simulator.allow("token", namespaces=["other"])
        assert await self.refusal(http, f"{APPS}/deployments/api") == (403, "Forbidden")
        assert (await http.get("/apis/apps/v1/nonsense")).status_code == 404

    async def test_faults_happen_in_their_order_and_pass(self, simulator, http):
        simulator.faults.add(Fault(status=429, path="/apis/apps", times=2))
        simulator.faults.add(Fault(status=500, path="/api/v1"))
        throttled = await http.get(f"{APPS}/deployments/api")
        assert (throttled.json()["reason"], throttled.headers["retry-after"]) == ("TooManyRequests", "1")
        assert await self.refusal(http, "/api/v1/pods") == (500, "InternalError")
        assert await self.refusal(http, f"{APPS}/deployments/api") == (429, "TooManyRequests")
        assert (await http.get(f"{APPS}/deployments/api")).status_code == 200

    async def test_a_change_of_the_spec_is_a_generation(self, simulator):
        found = simulator.cluster.get("Pod", "prod", pod_name(workload(), 0))
        changed = json.loads(json.dumps(found))
        del changed["metadata"]["generation"]
        simulator.cluster.put(changed)
        assert simulator.cluster.get("Pod", "prod", pod_name(workload(), 0))["metadata"]["generation"] == 1
        changed["spec"]["hostname"] = "x"
        simulator.cluster.put(changed)
        assert simulator.cluster.get("Pod", "prod", pod_name(workload(), 0))["metadata"]["generation"] == 2

    async def test_a_workload_that_is_put_again_has_no_old_pods(self, simulator):
        simulator.cluster.put_workload(workload(replicas=1, rollout=5))
        pods = simulator.cluster.all("Pod", "prod")
        assert [pod["metadata"]["name"] for pod in pods if pod["metadata"]["labels"]["app"] == "api"] == [
            pod_name(workload(rollout=5), 0)
        ]

    @pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl on this machine")
    async def test_kubectl_takes_it_for_an_api_server(self, tmp_path):
        simulator = KubernetesSimulator(None)
        simulator.cluster.put_workload(workload())
        async with simulator.serving() as url:
            (tmp_path / "config").write_text(kubeconfig(url))
            asked = ["get", "deploy,rs,po", "-n", "prod", "-l", "app in (api)", "-o", "name", "--chunk-size", "2"]
            said, _ = await self.kubectl(tmp_path, *asked)
            _, complained = await self.kubectl(tmp_path, "get", "deploy", "none", "-n", "prod")
        assert said[0] == "deployment.apps/api"
        assert len(said) == 6
        assert complained == ['Error from server (NotFound): deployments.apps "none" not found']

    async def kubectl(self, folder, *arguments):
        child = await asyncio.create_subprocess_exec(
            *("kubectl", "--kubeconfig", str(folder / "config"), "--cache-dir", str(folder / "cache"), *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        )
        return [stream.decode().splitlines() for stream in await child.communicate()]

    async def test_as_a_process_it_is_scripted_over_http(self):
        async with process("kubernetes", "--token", "secret") as http:
            http.headers["authorization"] = "Bearer secret"
            given = {"kind": "Deployment", "namespace": "prod", "name": "api", "replicas": 2, "ready": 1}
            assert (await http.put("/_simulator/workloads", json=given)).status_code == 204
            assert (await http.get(f"{APPS}/deployments/api")).json()["status"]["readyReplicas"] == 1
            pod = {"kind": "Pod", "metadata": {"name": "lonely", "namespace": "prod"}}
            assert (await http.put("/_simulator/objects", json=[pod])).status_code == 204
            assert len(await self.names(http, "/api/v1/pods")) == 3
            assert (await http.delete("/_simulator/objects/Pod/prod/lonely")).status_code == 204
            assert (await http.delete("/_simulator/objects/Pod/prod/lonely")).status_code == 404
            await http.post("/_simulator/faults", json={"status": 503, "times": None})
            assert await self.refusal(http, "/api/v1/pods") == (503, "ServiceUnavailable")
            await http.delete("/_simulator/faults")
            assert len(await self.names(http, "/api/v1/pods")) == 2
            for path, wrong in (("workloads", {"kind": "Deployment", "colour": 1}), ("objects", {"kind": "Cat"})):
                assert (await http.put(f"/_simulator/{path}", json=wrong)).status_code == 400
            assert (await http.post("/_simulator/faults", json={"colour": 1})).status_code == 400


class TestPromQl:
    @pytest.mark.parametrize(
        "query",
        [
            "",
            "up{",
            'up{x="y"',
            "up{x=y}",
            'up{"x"="y"}',
            "up{x='y\n'}",
            'up{x="\\q"}',
            'up{x=~"["}',
            "{}",
            '{x=~".*"}',
            "sum by (pod (up)",
            "sum by (pod) (up",
            "nope(up)",
            "rate(up)",
            "timestamp(up[5m])",
            "up[0s]",
            "up offset 0s",
            "up up",
            "up +",
            "1 @ 2",
            "up;",
            "up[5m]",
        ],
    )
    async def test_what_is_no_query_is_refused(self, query):
        async with talking(PrometheusSimulator()) as http:
            answer = await http.get("/api/v1/query", params={"query": query})
        assert answer.status_code == 400
        assert answer.json()["errorType"] == "bad_data"
        if query != "up[5m]":  # which is one, and has a result that nothing here asks for
            with pytest.raises(BadQuery):
                parse(query)

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("a", {"a": 4.0}),
            ('{__name__="a"} # and so on', {"a": 4.0}),
            ("a - 1", {"": 3.0}),
            ("1 - a", {"": -3.0}),
            ("1 + 2 * 3", 7.0),
            ("(1 + 2) * 3", 9.0),
            ("-a", {"": -4.0}),
            ("a / b", {"": 2.0}),
            ("a / 0", {"": math.inf}),
            ("a / (b > 5)", {}),
            ("a > 3", {"a": 4.0}),
            ("a > 5", {}),
            ("5 > a", {"a": 4.0}),
            ("a > b", {"a": 4.0}),
            ("a or b", {"a": 4.0}),
            ("nothing or b", {"b": 2.0}),
            ("a and b", {"a": 4.0}),
            ("a and nothing", {}),
            ("a unless b", {}),
            ("a unless nothing", {"a": 4.0}),
            ("sum(a)", {"": 4.0}),
            ("count by (job) (a or b)", {"": 1.0}),
            ("vector(1)", {"": 1.0}),
            ("timestamp(a)", {"": 90.0}),
            ("timestamp(a + 1)", {"": 100.0}),
            ("a offset 30s", {"a": 1.0}),
            ("increase(counter[60s])", {"": 6.0}),
            ("rate(counter[60s])", {"": 0.1}),
            ("increase(a[5s])", {}),
            ("last_over_time(a[60s])", {"a": 4.0}),
            ("ended", {}),
            ("old", {}),
        ],
    )
    def test_what_a_query_is(self, query, expected):
        series = Series()
        for name, at, value in (
            ("a", 50, 1),
            ("a", 90, 4),
            ("b", 90, 2),
            ("counter", 50, 10),
            ("counter", 70, 14),
            ("counter", 90, 2),
            ("ended", 90, 1),
            ("ended", 95, None),
            ("old", -201, 1),
        ):
            series.add(name, {"job": "j"}, value, at)
        found = series.evaluate(parse(query), 100.0)
        if isinstance(expected, float):
            assert found == expected
        else:
            by_name = {dict(labels).get("__name__", ""): value for labels, value in found.items()}
            assert by_name == pytest.approx(expected)


class TestPrometheus:
    async def test_values_are_written_as_go_writes_them(self):
        simulator = PrometheusSimulator()
        for name, value in {
            "a": 1.0,
            "b": 1e21,
            "c": 0.1,
            "d": math.nan,
            "e": math.inf,
            "f": -math.inf,
            "g": 1e-7,
        }.items():
            simulator.scrape(name, {}, value)
        async with talking(simulator) as http:
            said = [
                (await http.get("/api/v1/query", params={"query": name})).json()["data"]["result"][0]["value"][1]
                for name in "abcdefg"
            ]
            scalar = (await http.post("/api/v1/query", data={"query": "1 / 0", "time": "5"})).json()["data"]
        assert said == ["1", "1000000000000000000000", "0.1", "NaN", "+Inf", "-Inf", "0.0000001"]
        assert scalar == {"resultType": "scalar", "result": [5.0, "+Inf"]}

    async def test_parameters_that_are_wrong_are_refused(self):
        async with talking(PrometheusSimulator()) as http:
            for wrong in ({"time": "x"}, {"timeout": "soon"}):
                answer = await http.get("/api/v1/query", params={"query": "up", **wrong})
                assert (answer.status_code, answer.json()["errorType"]) == (400, "bad_data")
            assert (await http.put("/api/v1/query")).status_code == 405
            assert (await http.get("/api/v1/nonsense")).status_code == 404

    async def test_alerts_fire_until_they_do_not(self):
        simulator = PrometheusSimulator()
        async with talking(simulator) as http:
            simulator.fire({"alertname": "A", "x": "1"}, {"alertname": "B"})
            assert [alert["labels"]["alertname"] for alert in (await self.alerts(http))] == ["A", "B"]
            assert len(await self.found(http, 'ALERTS{alertstate="firing"}')) == 2
            simulator.fire({"alertname": "B"})
            assert [each["metric"]["alertname"] for each in await self.found(http, "ALERTS")] == ["B"]
            assert len(await self.found(http, "last_over_time(ALERTS[1h])")) == 2

    async def alerts(self, http):
        return (await http.get("/api/v1/alerts")).json()["data"]["alerts"]

    async def found(self, http, query):
        return (await http.get("/api/v1/query", params={"query": query})).json()["data"]["result"]

    async def test_as_a_process_it_looks_at_a_real_service(self, tmp_path):
        with ServiceProcess(tmp_path) as service:
            async with process("prometheus", "--probe", f"prod/api={service.url}/health") as http:
                query = 'probe_success{namespace="prod", service="api"}'

                async def value():
                    return (await self.found(http, query))[-1]["value"][1]

                assert await value() == "1"
                service.sabotage()
                assert await value() == "0"
                service.stop()
                assert await value() == "0"
                assert (await self.found(http, "up"))[0]["value"][1] == "0"
                samples = [
                    {"metric": "m", "labels": {"a": "b"}, "value": "NaN", "age_s": 1},
                    {"metric": "n", "value": 2},
                ]
                assert (await http.put("/_simulator/samples", json=samples)).status_code == 204
                assert [each["value"][1] for each in await self.found(http, "m")] == ["NaN"]
                assert (await http.put("/_simulator/alerts", json=[{"alertname": "A"}])).status_code == 204
                assert len(await self.found(http, "ALERTS")) == 1
                await http.put("/_simulator/warnings", json=["careful"])
                assert (await http.get("/api/v1/query", params={"query": "n"})).json()["warnings"] == ["careful"]
                await http.delete("/_simulator/samples")
                assert await self.found(http, "m") == []
                assert (await http.put("/_simulator/samples", json=[{"value": 1}])).status_code == 400


class TestAlertmanager:
    @pytest.mark.parametrize(
        ("text", "status"),
        [
            ('alertname="A"', 200),
            ("alertname=A", 200),
            ('alertname=~"A|B"', 200),
            ('alertname="A"B"', 400),
            ("alertname", 400),
            ('{alertname="A"}', 400),
            ('alertname=~"(["', 400),
            ('alertname="A", job="B"', 400),
        ],
    )
    async def test_filters(self, text, status):
        simulator = AlertmanagerSimulator()
        simulator.fire({"alertname": "A"})
        async with talking(simulator) as http:
            answer = await http.get("/api/v2/alerts", params={"filter": text})
        assert answer.status_code == status
        if status == 200:
            assert [alert["labels"] for alert in answer.json()] == [{"alertname": "A"}]

    async def test_alerts_are_sent_as_prometheus_sends_them(self):
        async with process("alertmanager") as http:
            alert = {"labels": {"alertname": "A"}, "startsAt": "2026-01-01T00:00:00Z"}
            assert (await http.post("/api/v2/alerts", json=[alert])).status_code == 200
            (found,) = (await http.get("/api/v2/alerts")).json()
            assert (found["labels"], found["status"]["state"]) == ({"alertname": "A"}, "active")
            await http.post("/api/v2/alerts", json=[{**alert, "endsAt": "2026-01-01T00:01:00Z"}])
            assert (await http.get("/api/v2/alerts")).json() == []
            assert (await http.post("/api/v2/alerts", json=[{"nonsense": 1}])).status_code == 400

    async def test_what_is_silenced_fires_on(self):
        simulator = AlertmanagerSimulator()
        simulator.fire({"alertname": "A"}, silenced=True)
        async with talking(simulator) as http:
            (found,) = (await http.get("/api/v2/alerts")).json()
            assert found["status"]["state"] == "suppressed"
            assert (await http.get("/api/v2/alerts", params={"silenced": "false"})).json() == []


class TestDocker:
    @pytest.fixture
    async def http(self):
        simulator = DockerSimulator()
        simulator.containers |= {"api": Container(health="healthy"), "old": Container(status="exited")}
        async with talking(simulator) as http:
            yield http

    async def test_a_container_by_name_and_by_id(self, http):
        for name in ("api", container_id("api"), container_id("api")[:12]):
            found = (await http.get(f"/containers/{name}/json")).json()
            assert (found["Name"], found["State"]["Health"]["Status"]) == ("/api", "healthy")

    async def test_lists_and_their_filters(self, http):
        async def names(**params):
            return [each["Names"][0] for each in (await http.get("/containers/json", params=params)).json()]

        assert await names() == ["/api"]
        assert await names(all="1") == ["/api", "/old"]
        assert await names(all="1", filters='{"name": ["ol"]}') == ["/old"]
        for wrong in ("x", '{"colour": ["red"]}'):
            assert (await http.get("/containers/json", params={"filters": wrong})).status_code == 400

    @pytest.mark.parametrize(("version", "status"), [("v1.24", 200), ("v1.43", 200), ("v1.44", 400), ("v1.12", 400)])
    async def test_versions(self, http, version, status):
        assert (await http.get(f"/{version}/containers/api/json")).status_code == status

    async def test_what_is_not_there(self, http):
        answer = await http.get("/containers/none/json")
        assert (answer.status_code, answer.json()) == (404, {"message": "No such container: none"})

    async def test_as_a_process_it_is_scripted_over_http(self):
        async with process("docker") as http:
            assert (await http.put("/_simulator/containers/api", json={"status": "paused"})).status_code == 204
            assert (await http.get("/containers/api/json")).json()["State"]["Paused"] is True
            assert (await http.put("/_simulator/containers/api", json={"colour": 1})).status_code == 400
            await http.delete("/_simulator/containers/api")
            assert (await http.get("/containers/api/json")).status_code == 404


class TestService:
    def ask(self, service, path):
        answer = httpx.get(service.url + path, trust_env=False, verify=False)
        return answer.status_code, answer.text

    def test_it_really_breaks_and_a_restart_really_heals_it(self, tmp_path):
        with ServiceProcess(tmp_path) as service:
            assert self.ask(service, "/health")[0] == 200
            assert 'shop_requests_total{code="200"} 1' in self.ask(service, "/metrics")[1]
            service.sabotage()
            assert [self.ask(service, path)[0] for path in ("/", "/health")] == [500, 500]
            assert "shop_error_ratio 0.666667" in self.ask(service, "/metrics")[1]
            address = service.url
            service.restart()
            assert service.url == address
            assert self.ask(service, "/health")[0] == 200
            assert "shop_error_ratio 0\n" in self.ask(service, "/metrics")[1]

    def test_a_file_breaks_it_as_well(self, tmp_path):
        with ServiceProcess(tmp_path) as service:
            service.break_file.touch()
            assert self.ask(service, "/health")[0] == 500
            service.restart()
            assert not service.break_file.exists()
            assert self.ask(service, "/health")[0] == 200

    def test_a_bad_fix_is_up_and_then_it_is_not(self, tmp_path):
        with ServiceProcess(tmp_path) as service:
            service.crash_after_s = 0.5
            service.restart()
            assert self.ask(service, "/health")[0] == 200
            deadline = time.monotonic() + PATIENCE_S
            while service.alive:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            assert service._child.reap() == CRASHED
            with pytest.raises(httpx.ConnectError):
                self.ask(service, "/health")

    def test_what_it_does_not_have_is_not_there(self, tmp_path):
        with ServiceProcess(tmp_path) as service:
            assert self.ask(service, "/nonsense")[0] == 404
            assert httpx.post(f"{service.url}/nonsense", trust_env=False, verify=False).status_code == 404

    def test_a_port_that_is_taken_is_said(self, tmp_path):
        with ServiceProcess(tmp_path / "one") as service:
            other = ServiceProcess(tmp_path / "two", port=service.port)
            other.answers = lambda: False  # the first one would answer for it
            with pytest.raises(ProcessFailed, match="ended while starting"):
                other.start()
