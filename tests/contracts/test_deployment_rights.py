"""Who may do what in a cluster: accounts, rights and flows, as they ship, held against what the functions read."""

from __future__ import annotations

import importlib

import pytest

from shared.adapters.kubernetes import api
from shared.local.knative.manifest_shapes import conform
from shared.runtime.settings import Settings
from tests.manifest_kinds import KINDS
from tests.rendering import BASE, COMPONENTS, ROOT, Rendered, environment, parsed, pod

OPENFAAS = ROOT / "templates" / "openfaas" / "rbac.yaml"
EVERYONE = {path.parent.name.replace("_", "-") for path in BASE.glob("*/__init__.py")}


def documents(*files):
    return Rendered(tuple(each for file in files for each in parsed(file.read_text(encoding="utf-8"))))


RIGHTS = documents(BASE / "rbac.yaml")
FLOWS = documents(BASE / "network.yaml")
DEPLOYED = documents(*sorted(BASE.glob("*/knative.yaml")))


def folder(function):
    return BASE / function.replace("-", "_")


def settings(function) -> type[Settings]:
    return importlib.import_module(f"functions.{folder(function).name}.settings").Settings


def readers_of(field):
    return {
        name for name in EVERYONE if (folder(name) / "settings.py").exists() and field in settings(name).model_fields
    }


# They read a cluster.
READERS = readers_of("kubernetes_service_host")


@pytest.mark.parametrize("file", [BASE / "rbac.yaml", BASE / "network.yaml", BASE / "namespace.yaml", OPENFAAS])
def test_no_field_would_be_ignored(file):
    for each in documents(file).objects:
        conform(each, KINDS[each["kind"]], each["metadata"]["name"])


# Rights.


def test_every_function_has_an_account_and_nobody_else():
    assert RIGHTS.names("ServiceAccount") == EVERYONE


def test_only_who_reads_the_cluster_gets_a_token_for_it():
    mounted = {
        each["metadata"]["name"]
        for each in RIGHTS.of("ServiceAccount")
        if each.get("automountServiceAccountToken", True)
    }
    assert mounted == READERS == {"drift-check", "verify-execution"}
    for service in DEPLOYED.of("Service"):
        is_reader = service["metadata"]["name"] in READERS
        assert pod(service).get("automountServiceAccountToken", True) is is_reader, service["metadata"]["name"]


def granted(rights):
    return {
        role["metadata"]["name"]: {
            (group, resource, verb)
            for rule in role["rules"]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        }
        for role in rights.of("ClusterRole")
    }


def test_verification_may_read_the_kinds_it_asks_for_and_no_more():
    resources = [*api.WORKLOADS.values(), api.PODS, api.CONTROLLER_REVISIONS]
    groups = {"/api/v1": "", "/apis/apps/v1": "apps", "/apis/batch/v1": "batch"}
    wanted = {(groups[each.group], each.plural, verb) for each in resources for verb in ("get", "list")}

    assert granted(RIGHTS)["aftercare-verify-execution"] == wanted


def test_drift_may_get_a_config_map_that_it_can_name():
    assert granted(RIGHTS)["aftercare-drift-check"] == {("", "configmaps", "get")}


def test_nobody_else_may_anything():
    assert set(granted(RIGHTS)) == {f"aftercare-{name}" for name in READERS}
    for binding in RIGHTS.of("RoleBinding"):
        [subject] = binding["subjects"]
        assert binding["roleRef"]["name"] == f"aftercare-{subject['name']}"
    assert {kind["kind"] for kind in RIGHTS.objects} == {"ServiceAccount", "ClusterRole", "RoleBinding"}


def test_a_watched_namespace_is_bound_as_ours_is():
    def bound(rights):
        return {(each["roleRef"]["name"], str(each["subjects"])) for each in rights.of("RoleBinding")}

    component = documents(COMPONENTS / "observed-namespace" / "role-bindings.yaml")
    assert bound(component) == bound(RIGHTS)
    assert {each["metadata"]["namespace"] for each in component.objects} == {"prod"}


def test_openfaas_gives_the_same_rights_to_the_account_that_functions_run_as():
    rights = documents(OPENFAAS)
    assert granted(rights) == granted(RIGHTS)
    subjects = [subject for binding in rights.of("RoleBinding") for subject in binding["subjects"]]
    assert {(each["name"], each["namespace"]) for each in subjects} == {("default", "openfaas-fn")}


# Flows.


def chosen(policy):
    """The functions that a policy is about; everyone when it names none."""
    [expression] = FLOWS.get("NetworkPolicy", policy)["spec"]["podSelector"]["matchExpressions"]
    assert expression["key"] == "serving.knative.dev/service"
    return set(expression["values"]) if expression["operator"] == "In" else EVERYONE


def ports(policy, way="egress"):
    return {port["port"] for rule in FLOWS.get("NetworkPolicy", policy)["spec"][way] for port in rule["ports"]}


def test_nothing_flows_unless_it_is_said():
    spec = FLOWS.get("NetworkPolicy", "default-deny")["spec"]
    assert spec == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_requests_come_from_knative_only():
    rules = FLOWS.get("NetworkPolicy", "from-knative")["spec"]["ingress"]
    sources = [peer["namespaceSelector"] for rule in rules for peer in rule["from"]]
    named = {
        value for each in sources for expression in each.get("matchExpressions", []) for value in expression["values"]
    }

    assert {"knative-serving", "knative-eventing"} <= named
    assert all(peer.keys() == {"namespaceSelector"} for rule in rules for peer in rule["from"])
    assert ports("from-knative", "ingress") == {8012, 8013, 8112, 9090}
    assert [each for each in FLOWS.of("NetworkPolicy") if "ingress" in each["spec"]] == [
        FLOWS.get("NetworkPolicy", "from-knative")
    ]


@pytest.mark.parametrize(
    ("policy", "setting", "port"),
    [
        ("to-postgresql", "database_url", 5432),
        ("to-redis", "redis_url", 6379),
        ("to-prometheus", "prometheus_url", 9090),
        ("to-alertmanager", "alertmanager_url", 9093),
        ("to-forge", "gitea_api_url", 443),
        ("to-chats", "telegram_api_url", 443),
    ],
)
def test_who_reads_an_address_may_go_there(policy, setting, port):
    known = {name for name in EVERYONE if (folder(name) / "settings.py").exists()}
    assert chosen(policy) & known == readers_of(setting)
    assert port in ports(policy)


def test_who_has_a_token_for_the_cluster_may_reach_it():
    assert chosen("to-kubernetes") == READERS


def test_who_sends_events_may_reach_the_broker():
    senders = {each["metadata"]["name"] for each in DEPLOYED.of("Service") if "EVENT_SINK" in environment(each)}
    assert chosen("to-broker") & DEPLOYED.names("Service") == senders


def test_chats_are_outside_and_the_cluster_is_not():
    [rule] = FLOWS.get("NetworkPolicy", "to-chats")["spec"]["egress"]
    blocks = {peer["ipBlock"]["cidr"]: set(peer["ipBlock"]["except"]) for peer in rule["to"]}
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"} <= blocks["0.0.0.0/0"]
    assert {"fc00::/7", "fe80::/10"} <= blocks["::/0"]


# Events.


def accepted(function):
    model = importlib.import_module(f"functions.{folder(function).name}.model")
    return set(getattr(model, "READS", model.ACCEPTS))


def conditions(filters):
    """Every condition of a Trigger, however deep it stands."""
    for entry in filters:
        inner = [*entry.get("any", []), *entry.get("all", [])]
        yield from conditions(inner) if inner else [entry]


def types(trigger):
    """The types that a Trigger names."""
    found = conditions(trigger["spec"]["filters"])
    return {entry["exact"]["type"] for entry in found if "type" in entry.get("exact", {})}


@pytest.mark.parametrize("trigger", DEPLOYED.of("Trigger"), ids=lambda each: each["metadata"]["name"])
def test_a_trigger_names_only_types_that_its_function_accepts(trigger):
    assert types(trigger) != set()
    assert types(trigger) <= accepted(trigger["spec"]["subscriber"]["ref"]["name"])


@pytest.mark.parametrize("function", sorted(DEPLOYED.names("Service")))
def test_what_is_emitted_and_accepted_is_delivered(function):
    emitted = {
        event_type
        for path in BASE.glob("*/model.py")
        for event_type in importlib.import_module(f"functions.{path.parent.name}.model").EMITS
    }
    subscribed = set()
    for trigger in DEPLOYED.of("Trigger"):
        if trigger["spec"]["subscriber"]["ref"]["name"] == function:
            subscribed |= types(trigger)
    assert accepted(function) & emitted <= subscribed


@pytest.mark.parametrize("ping", DEPLOYED.of("PingSource"), ids=lambda each: each["metadata"]["name"])
def test_a_tick_reaches_its_function_and_no_other(ping):
    name = ping["metadata"]["name"]
    takers = [
        trigger["spec"]["subscriber"]["ref"]["name"]
        for trigger in DEPLOYED.of("Trigger")
        if {"suffix": {"source": f"/pingsources/{name}"}} in conditions(trigger["spec"]["filters"])
    ]
    assert takers == [name]
