from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml

from shared.domain.errors import ConfigurationError
from shared.local.knative import manifests
from shared.local.knative.manifests import Delivery, Destination

SHIPPED = Path(__file__).parents[2] / "functions"
OURS = "dev.aftercare.{}.v1"


@pytest.fixture(scope="module")
def shipped():
    return manifests.load(SHIPPED)


def named(things, name):
    [found] = [each for each in things if each.name == name]
    return found


# What ships.


def test_every_function_with_a_manifest_is_read(shipped):
    folders = {file.parent.name.replace("_", "-") for file in SHIPPED.glob("*/knative.yaml")}
    assert {service.name for service in shipped.services} == folders
    assert folders >= {"km-write", "alert-bridge", "backfill-reconcile"}


def test_every_function_runs_the_file_it_stands_beside(shipped):
    for service in shipped.services:
        assert service.command == ("gunicorn", "-c", "shared/runtime/gunicorn_conf.py", "functions_framework.aio:app")
        assert service.env["FUNCTION_SOURCE"] == f"functions/{service.name.replace('-', '_')}/main.py"
        assert service.env["FUNCTION_TARGET"] == "handle"
        assert service.env["APP_BIND"] == "0.0.0.0:8080"
        assert service.env["CONCURRENCY"] == str(service.concurrency)


def test_only_what_emits_several_events_has_a_sink(shipped):
    sinks = {service.name for service in shipped.services if "EVENT_SINK" in service.env}
    assert {"alert-bridge", "backfill-reconcile"} <= sinks
    assert "km-write" not in sinks


def test_every_function_says_how_it_authenticates(shipped):
    modes = {service.name: service.env["AUTH_MODE"] for service in shipped.services}
    triggered = {trigger.subscriber.service for trigger in shipped.triggers}
    assert modes["alert-bridge"] == "bearer"
    assert all(modes[service] == "network" for service in triggered)  # a broker has no token to send


def test_alert_bridge_is_given_no_queue_it_does_not_use(shipped):
    assert "REDIS_URL_FILE" not in named(shipped.services, "alert-bridge").env


@pytest.mark.parametrize(
    ("event_type", "taken"),
    [
        ("knowledge.write-requested", True),
        ("alert.resolved", True),
        ("execution.verified", True),
        ("remediation.approved", True),
        ("alert.firing", False),
        ("knowledge.written", False),
        ("knowledge.deferred", False),
    ],
)
def test_km_write_takes(shipped, event_type, taken):
    assert named(shipped.triggers, "km-write").takes({"type": OURS.format(event_type)}) is taken


def test_km_write_does_not_answer_itself(shipped):
    trigger = named(shipped.triggers, "km-write")
    assert not any(trigger.takes({"type": OURS.format(f"knowledge.{what}")}) for what in ("written", "quarantined"))


def test_backfill_takes_its_own_ticks_in_any_namespace(shipped):
    trigger, ping = named(shipped.triggers, "backfill-reconcile"), "dev.knative.sources.ping"
    assert trigger.takes({"type": ping, "source": "/apis/v1/namespaces/other/pingsources/backfill-reconcile"})
    assert not trigger.takes({"type": ping, "source": "/apis/v1/namespaces/aftercare/pingsources/drift-check"})
    assert named(shipped.ping_sources, "backfill-reconcile").schedule.text == "*/5 * * * *"


def test_every_trigger_has_a_dead_letter_sink_except_the_sink_itself(shipped):
    sink = Destination("backfill-reconcile", "/dead-letter")
    full = Delivery(retry=12, backoff_policy="exponential", backoff_delay_s=1.0, timeout_s=60.0, dead_letter=sink)
    assert named(shipped.triggers, "km-write").delivery == full == shipped.broker.delivery
    for trigger in shipped.triggers:
        assert trigger.delivery.dead_letter == (None if trigger.subscriber.service == sink.service else sink)


def test_nobody_is_asked_for_longer_than_it_may_take(shipped):
    allowed = {service.name: service.timeout_s for service in shipped.services}
    for trigger in shipped.triggers:
        assert trigger.delivery.timeout_s <= allowed[trigger.subscriber.service]


# What is refused.

BROKER = yaml.safe_load((SHIPPED / "broker.yaml").read_text())
SERVICE, TRIGGER, PING = yaml.safe_load_all((SHIPPED / "backfill_reconcile" / "knative.yaml").read_text())


def write(directory, broker=BROKER, function=(SERVICE, TRIGGER, PING)):
    (directory / "f").mkdir(exist_ok=True)
    (directory / "broker.yaml").write_text(yaml.safe_dump(broker))
    (directory / "f" / "knative.yaml").write_text(yaml.safe_dump_all(function))
    return directory


def changed(document, path, value):
    """A copy of the document with one field set; ``...`` takes it away."""
    document = copy.deepcopy(document)
    *way, last = path
    place = document
    for step in way:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return document


POD = ("spec", "template", "spec")
CONTAINER = (*POD, "containers", 0)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("spec", "delivery", "timout"), "PT1S", "spec.delivery.timout is not a known field"),
        (("spec", "delivery", "retry"), "12", "spec.delivery.retry: must be a whole number"),
        (("spec", "delivery", "retry"), True, "spec.delivery.retry: must be a whole number"),
        (("spec", "delivery", "retry"), -1, "spec.delivery.retry: must be a whole number"),
        (("spec", "delivery", "backoffDelay"), "1s", "spec.delivery.backoffDelay: '1s' is not an ISO 8601 duration"),
        (("spec", "delivery", "backoffPolicy"), "jitter", "backoffPolicy: must be linear or exponential"),
        (("spec", "delivery", "retryAfterMax"), "PT1S", "retryAfterMax is not a known field"),
        (("spec", "broker"), "other", "spec.broker: there is no Broker other"),
        (("spec", "broker"), ..., "spec.broker is missing"),
        (("spec", "subscriber", "ref", "name"), "gone", "spec.subscriber.ref.name: there is no Service gone"),
        (("spec", "subscriber", "ref", "kind"), "Channel", "spec.subscriber.ref.kind: must be Service"),
        (("spec", "subscriber", "uri"), "dead-letter", "spec.subscriber.uri: must begin with /"),
        (("spec", "filters"), [{"exact": {"incident_id": "a"}}], r"spec.filters[0]: exact.incident_id"),
        (("spec", "filters"), [], "spec.filters must be a list"),
        (("metadata", "name"), "Backfill", "metadata.name: 'Backfill' is not a Kubernetes name"),
        (("metadata", "namespace"), "other", "metadata.namespace must be the Broker's, aftercare"),
        (("apiVersion",), "eventing.knative.dev/v1beta1", "apiVersion: must be eventing.knative.dev/v1"),
        (("kind",), "Subscription", "kind must be Service or Trigger or PingSource, not 'Subscription'"),
        (("spec",), "all", "spec must be a mapping"),
    ],
)
def test_wrong_trigger(tmp_path, path, value, message):
    with pytest.raises(ConfigurationError) as refused:
        manifests.load(write(tmp_path, function=[SERVICE, changed(TRIGGER, path, value), PING]))
    assert message in str(refused.value)
    assert "knative.yaml" in str(refused.value)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("spec", "schedule"), "@every 5m", "spec.schedule: '@every 5m' must have five fields"),
        (("spec", "timezone"), "Mars/Olympus", "spec.timezone: 'Mars/Olympus' is not a time zone"),
        (("spec", "sink", "ref", "name"), "gone", "spec.sink.ref.name: there is no Broker gone"),
    ],
)
def test_wrong_ping_source(tmp_path, path, value, message):
    with pytest.raises(ConfigurationError) as refused:
        manifests.load(write(tmp_path, function=[SERVICE, TRIGGER, changed(PING, path, value)]))
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ((*POD, "containerConcurrency"), 5, "env CONCURRENCY must be containerConcurrency, 5"),
        ((*POD, "timeoutSeconds"), 900, "timeoutSeconds: must be a whole number from 1 to 600"),
        ((*POD, "securityContext"), {}, "securityContext is not a known field"),
        ((*CONTAINER, "env", 0), {"name": "PORT", "value": "1"}, "env PORT"),
        ((*CONTAINER, "env", 0), {"name": "K_SINK", "value": "x"}, "env K_SINK"),
        ((*CONTAINER, "env", 0), {"name": "CONCURRENCY", "value": "16"}, "env CONCURRENCY is given twice"),
        ((*CONTAINER, "env", 0), {"name": "A", "value": 8}, r"containers[0].env[0].value: must be text"),
        ((*CONTAINER, "env", 0), {"name": "A", "valeu": "8"}, r"containers[0].env[0].valeu is not a known field"),
        ((*CONTAINER, "securityContext", "runAsNonRoot"), False, "runAsNonRoot: must be True"),
        ((*CONTAINER, "readinessProbe", "httpGet", "path"), "readyz", "readinessProbe.httpGet.path: must begin with /"),
        ((*CONTAINER, "command"), "gunicorn", "command must be a list"),
        (CONTAINER, ..., "containers must be a list with at least one entry"),
    ],
)
def test_wrong_service(tmp_path, path, value, message):
    with pytest.raises(ConfigurationError) as refused:
        manifests.load(write(tmp_path, function=[changed(SERVICE, path, value), TRIGGER, PING]))
    assert message in str(refused.value)


def test_one_container_only(tmp_path):
    two = changed(SERVICE, (*POD, "containers"), SERVICE["spec"]["template"]["spec"]["containers"] * 2)
    with pytest.raises(ConfigurationError, match="exactly one container"):
        manifests.load(write(tmp_path, function=[two, TRIGGER, PING]))


def test_names_are_unique(tmp_path):
    with pytest.raises(ConfigurationError, match=r"Trigger backfill-reconcile: metadata.name is taken by .*knative"):
        manifests.load(write(tmp_path, function=[SERVICE, TRIGGER, TRIGGER, PING]))


def test_the_dead_letter_sink_must_exist(tmp_path):
    broker = changed(BROKER, ("spec", "delivery", "deadLetterSink", "ref", "name"), "gone")
    with pytest.raises(ConfigurationError, match=r"broker.yaml.*deadLetterSink.ref.name: there is no Service gone"):
        manifests.load(write(tmp_path, broker=broker))


def test_the_broker_says_how_it_delivers(tmp_path):
    with pytest.raises(ConfigurationError, match=r"broker.yaml: spec.delivery is missing"):
        manifests.load(write(tmp_path, broker=changed(BROKER, ("spec", "delivery"), ...)))


def test_no_broker(tmp_path):
    with pytest.raises(ConfigurationError, match=r"broker.yaml"):
        manifests.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: Trigger\nkind: Service\n", "kind is given twice in line 2"),
        ("a: [", "did not find"),
        ("- a\n", "kind must be"),
        ("a: \x00", "(control|special) characters"),
    ],
)
def test_wrong_yaml(tmp_path, text, message):
    write(tmp_path)
    (tmp_path / "f" / "knative.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=message) as refused:
        manifests.load(tmp_path)
    assert "\n" not in str(refused.value)


# Knative's defaults.


def test_a_delivery_replaces_the_brokers_as_a_whole(tmp_path):
    delivery = {"retry": 3, "backoffPolicy": "linear", "backoffDelay": "PT0.2S"}
    trigger = changed(TRIGGER, ("spec", "delivery"), delivery)
    loaded = manifests.load(write(tmp_path, function=[SERVICE, trigger, PING]))
    assert loaded.triggers[0].delivery == Delivery(retry=3, backoff_policy="linear", backoff_delay_s=0.2)


def test_without_a_delivery_the_brokers_counts(tmp_path):
    trigger = changed(TRIGGER, ("spec", "delivery"), ...)
    loaded = manifests.load(write(tmp_path, function=[SERVICE, trigger, PING]))
    assert loaded.triggers[0].delivery == loaded.broker.delivery


def test_filters_win_over_filter(tmp_path):
    legacy = {"attributes": {"type": "old"}}
    both = changed(TRIGGER, ("spec", "filter"), legacy)
    [trigger] = manifests.load(write(tmp_path, function=[SERVICE, both, PING])).triggers
    assert not trigger.takes({"type": "old"})
    only = changed(both, ("spec", "filters"), ...)
    [trigger] = manifests.load(write(tmp_path, function=[SERVICE, only, PING])).triggers
    assert trigger.takes({"type": "old"})


def test_without_filters_every_event_is_taken(tmp_path):
    trigger = changed(TRIGGER, ("spec", "filters"), ...)
    loaded = manifests.load(write(tmp_path, function=[SERVICE, trigger, PING]))
    assert loaded.triggers[0].takes({"type": "anything"})
