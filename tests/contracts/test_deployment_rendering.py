"""Every rendering of the manifests: what ships, its overlays, and each component on its own."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import yaml

from shared.local.knative import durations
from shared.local.knative.manifest_shapes import conform
from tests.manifest_kinds import KINDS, KUSTOMIZATION
from tests.rendering import (
    BASE,
    COMPONENTS,
    KNATIVE,
    ROOT,
    container,
    environment,
    overlay,
    pod,
    render,
    rendered,
    secrets,
)

TOGETHER = ("jobsink", "kafka-broker", "images", "observed-namespace", "oidc")
SECRETS = "/var/openfaas/secrets/"


@pytest.fixture(scope="module")
def production():
    return rendered(KNATIVE / "prod")


@pytest.fixture(scope="module")
def development():
    return rendered(KNATIVE / "dev")


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    return rendered(overlay(tmp_path_factory.mktemp("everything") / "made", TOGETHER))


@pytest.fixture(scope="module", params=["base", "development", "production", "everything"])
def manifests(request):
    return rendered(BASE) if request.param == "base" else request.getfixturevalue(request.param)


def test_all_components_are_tried_together():
    assert sorted(TOGETHER) == sorted(path.name for path in COMPONENTS.iterdir())


@pytest.mark.parametrize("component", [name for name in TOGETHER if name != "images"])
def test_a_component_renders_on_its_own(component, tmp_path):
    assert render(overlay(tmp_path / "made", [component])) != ""


def test_no_object_has_a_field_that_a_cluster_would_ignore(manifests):
    for each in manifests.objects:
        conform(each, KINDS[each["kind"]], f"{each['kind']} {each['metadata']['name']}")


def test_no_object_is_there_twice(manifests):
    seen = [(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in manifests.objects]
    assert len(seen) == len(set(seen))


def test_everything_is_in_one_namespace_and_only_bindings_reach_others(manifests):
    assert manifests.names("Namespace") == {"aftercare"}
    elsewhere = {
        each["kind"] for each in manifests.objects if each["metadata"].get("namespace", "aftercare") != "aftercare"
    }
    assert elsewhere <= {"RoleBinding"}


def test_whatever_is_referred_to_is_there(manifests):
    brokers, services = manifests.names("Broker"), manifests.names("Service")
    for trigger in manifests.of("Trigger"):
        spec = trigger["spec"]
        assert spec["broker"] in brokers
        assert spec["subscriber"]["ref"]["name"] in manifests.names(spec["subscriber"]["ref"]["kind"])
        sink = spec["delivery"].get("deadLetterSink")
        assert sink is None or sink["ref"]["name"] in services
    for ping in manifests.of("PingSource"):
        assert ping["spec"]["sink"]["ref"]["name"] in brokers
    for policy in manifests.of("EventPolicy"):
        assert {target["ref"]["name"] for target in policy["spec"]["to"]} <= brokers
    for binding in manifests.of("RoleBinding"):
        assert binding["roleRef"]["name"] in manifests.names("ClusterRole")
        assert {subject["name"] for subject in binding["subjects"]} <= manifests.names("ServiceAccount")


def test_every_function_has_an_account_of_its_own(manifests):
    accounts = {each["metadata"]["name"]: pod(each)["serviceAccountName"] for each in manifests.of("Service")}
    assert accounts == {name: name for name in accounts}
    assert set(accounts) <= manifests.names("ServiceAccount")


def test_nobody_is_asked_for_longer_than_it_may_take(manifests):
    for trigger in manifests.of("Trigger"):
        ref = trigger["spec"]["subscriber"]["ref"]
        timeout_s = durations.parse(trigger["spec"]["delivery"]["timeout"])
        if ref["kind"] == "Service":
            assert timeout_s <= pod(manifests.get("Service", ref["name"]))["timeoutSeconds"], trigger["metadata"]


def test_a_request_can_finish_before_its_pod_is_killed(manifests):
    for service in manifests.of("Service"):
        graceful_s = int(environment(service).get("GRACEFUL_TIMEOUT_SECONDS", "30"))
        assert graceful_s <= pod(service)["timeoutSeconds"], service["metadata"]["name"]


def test_every_delivery_is_complete(manifests):
    fields = {"retry", "backoffPolicy", "backoffDelay", "timeout", "deadLetterSink"}
    for trigger in manifests.of("Trigger"):
        for_the_sink_itself = trigger["spec"]["subscriber"]["ref"]["name"] == "backfill-reconcile"
        missing = fields - set(trigger["spec"]["delivery"])
        assert missing == ({"deadLetterSink"} if for_the_sink_itself else set()), trigger["metadata"]["name"]


def test_no_more_are_kept_warm_than_there_may_be(manifests):
    for service in manifests.of("Service"):
        scale = service["spec"]["template"]["metadata"]["annotations"]
        low, high = (int(scale[f"autoscaling.knative.dev/{bound}-scale"]) for bound in ("min", "max"))
        assert 0 <= low <= high > 0, service["metadata"]["name"]


def test_every_secret_file_is_mounted_and_every_mounted_secret_is_read(manifests):
    for each in manifests.of("Service", "JobSink"):
        files = {value for name, value in environment(each).items() if name.endswith("_FILE")}
        assert {file for file in files if not file.startswith(SECRETS)} == set()
        assert {file.removeprefix(SECRETS) for file in files} == secrets(each), each["metadata"]["name"]
        mounted = {mount["name"]: mount["mountPath"] for mount in container(each)["volumeMounts"]}
        assert f"{mounted['secrets']}/" == SECRETS
        assert set(mounted) == {volume["name"] for volume in pod(each)["volumes"]}


def test_every_variable_is_set_once_and_read(manifests):
    served = {"APP_BIND", "FUNCTION_SOURCE", "FUNCTION_TARGET", "GRACEFUL_TIMEOUT_SECONDS"}
    for each in manifests.of("Service", "JobSink"):
        given = [entry["name"] for entry in container(each)["env"]]
        assert len(given) == len(set(given)), each["metadata"]["name"]
        source = Path(environment(each)["FUNCTION_SOURCE"])
        assert source.parent.name == each["metadata"]["name"].replace("-", "_")
        settings = importlib.import_module(f"functions.{source.parent.name}.settings").Settings
        read = {field.upper() for field in settings.model_fields}
        assert {name.removesuffix("_FILE") for name in given} - served <= read, each["metadata"]["name"]


def test_events_go_to_the_broker_that_is_there(manifests):
    [broker] = manifests.of("Broker")
    kafka = broker["metadata"]["annotations"]["eventing.knative.dev/broker.class"] == "Kafka"
    ingress = "kafka-broker-ingress" if kafka else "broker-ingress"
    sinks = {environment(each).get("EVENT_SINK") for each in manifests.of("Service", "JobSink")} - {None}
    assert sinks == {f"http://{ingress}.knative-eventing.svc.cluster.local/aftercare/aftercare"}


def test_nothing_is_public_and_every_pod_meets_the_restricted_standard(manifests):
    labels = manifests.get("Namespace", "aftercare")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    for service in manifests.of("Service"):
        assert service["metadata"]["labels"]["networking.knative.dev/visibility"] == "cluster-local"
    for each in manifests.of("Service", "JobSink"):
        security = container(each)["securityContext"]  # its fields are held to the standard by the shape
        assert security["runAsUser"] == 65532
        assert set(container(each)["resources"]["limits"]) == {"cpu", "memory"}


def test_production_keeps_events_on_kafka_and_people_do_not_wait(production, development):
    def warm(manifests, name):
        annotations = manifests.get("Service", name)["spec"]["template"]["metadata"]["annotations"]
        return int(annotations["autoscaling.knative.dev/min-scale"])

    [broker] = production.of("Broker")
    assert broker["metadata"]["annotations"]["eventing.knative.dev/broker.class"] == "Kafka"
    assert broker["spec"]["config"]["name"] == "kafka-broker-config"
    assert {warm(production, name) for name in ("alert-bridge", "km-write")} == {2}
    assert {warm(development, name) for name in development.names("Service")} == {0}


def test_one_place_names_the_registry_of_all_images(development):
    images = {container(each)["image"] for each in development.of("Service")}
    assert {image.split("/")[0] for image in images} == {"dev.local"}
    assert {image.rpartition(":")[2] for image in images} == {"latest"}


def test_long_verifications_become_jobs_of_the_same_image(everything):
    function, job = everything.get("Service", "verify-execution"), everything.get("JobSink", "verify-execution")

    assert everything.get("Trigger", "verify-execution")["spec"]["subscriber"]["ref"]["kind"] == "JobSink"
    assert everything.get("Trigger", "verify-execution-tick")["spec"]["subscriber"]["ref"]["kind"] == "Service"
    assert container(job)["image"] == container(function)["image"]
    assert container(job)["securityContext"] == container(function)["securityContext"]
    assert environment(job)["FUNCTION_SOURCE"] == environment(function)["FUNCTION_SOURCE"]
    longest_s = job["spec"]["job"]["spec"]["activeDeadlineSeconds"]
    assert int(environment(job)["VERIFY_TIMEOUT_SECONDS"]) < longest_s


def test_whoever_sends_to_the_broker_gets_a_token_for_it(everything):
    assert {trigger["spec"]["subscriber"]["audience"] for trigger in everything.of("Trigger")} == {"aftercare"}
    for each in everything.of("Service", "JobSink"):
        [token] = [
            source["serviceAccountToken"]
            for volume in pod(each)["volumes"]
            for source in volume.get("projected", {}).get("sources", [])
            if "serviceAccountToken" in source
        ]
        assert token["audience"] == "eventing.knative.dev/broker/aftercare/aftercare"


def test_every_function_is_in_the_base():
    listed = yaml.safe_load((BASE / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    folders = {str(path.relative_to(BASE)) for path in BASE.glob("*/knative.yaml")}
    assert {path for path in listed if path.endswith("/knative.yaml")} == folders


@pytest.mark.parametrize(
    "path",
    [BASE / "kustomization.yaml", *sorted(KNATIVE.rglob("kustomization.yaml"))],
    ids=lambda path: str(path.relative_to(ROOT).parent),
)
def test_no_kustomization_has_a_field_that_would_be_ignored(path):
    conform(yaml.safe_load(path.read_text(encoding="utf-8")), KUSTOMIZATION)


def test_rendering_is_stable(tmp_path):
    twice = [render(overlay(tmp_path / name, TOGETHER)) for name in ("once", "again")]
    assert twice[0] == twice[1]
