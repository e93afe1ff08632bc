"""What the manifests beside the functions' own may say: closed shapes of the kinds that only a cluster reads.

The functions' kinds are those of :mod:`shared.local.knative.manifest_shapes`, widened by what an overlay may add.
"""

from __future__ import annotations

import copy
import ipaddress
from typing import Any

from shared.local.knative import manifest_shapes as shapes
from shared.local.knative.manifest_shapes import name, only, strings, text, whole


def cidr(value: Any) -> Any:
    """A range of addresses."""
    return ipaddress.ip_network(text(value))


def open_text(value: Any) -> str:
    """A text that may be empty, such as the core group's name."""
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {value!r}")  # noqa: TRY004 - one class for all refusals
    return value


def widened(shape: Any, *path: str, **fields: Any) -> Any:
    """A copy of a shape with more fields at a place; ``0`` is the entry of a list."""
    made = copy.deepcopy(shape)
    place = made
    for step in path:
        place = place[int(step)] if step.isdigit() else place[step]
    place.update(fields)
    return made


def namespaced(api: str, kind: str, **fields: Any) -> Any:
    return {"apiVersion": only(api), "kind": only(kind), "metadata": shapes.METADATA, **fields}


def cluster_wide(api: str, kind: str, **fields: Any) -> Any:
    metadata = {"name": name, "labels?": strings, "annotations?": strings}
    return {"apiVersion": only(api), "kind": only(kind), "metadata": metadata, **fields}


SELECTOR = {
    "matchLabels?": strings,
    "matchExpressions?": [{"key": text, "operator": only("In", "Exists"), "values?": [text]}],
}
PEER = {"namespaceSelector?": SELECTOR, "podSelector?": SELECTOR, "ipBlock?": {"cidr": cidr, "except?": [cidr]}}
PORTS = [{"protocol": only("TCP", "UDP"), "port": whole(1, 65_535)}]
RULE = {"apiGroups": [open_text], "resources": [text], "verbs": [only("get", "list")]}
RBAC = "rbac.authorization.k8s.io"
BROKER_CONFIG = {"apiVersion": only("v1"), "kind": only("ConfigMap"), "name": name, "namespace": name}
TOKEN = {"path": text, "audience": text, "expirationSeconds": whole(600)}
SOURCES = [{"secret?": {"name": name}, "serviceAccountToken?": TOKEN}]
JOB_SINK = {"apiVersion": only("sinks.knative.dev/v1alpha1"), "kind": only("JobSink"), "name": name}


def subscriber(value: Any) -> Any:
    """A Service, or a JobSink in its place."""
    shape = JOB_SINK if value.get("kind") == "JobSink" else shapes.TRIGGER["spec"]["subscriber"]["ref"]
    return shapes.conform(value, shape)


POD = ("spec", "template", "spec")
SERVICE = widened(shapes.SERVICE, *POD, "volumes?", "0", **{"projected?": {"sources": SOURCES}})
JOB_POD = {
    "restartPolicy": only("Never"),
    "serviceAccountName": name,
    "enableServiceLinks": only(False),
    "containers": [{"name": name, **SERVICE["spec"]["template"]["spec"]["containers"][0]}],
    "volumes": SERVICE["spec"]["template"]["spec"]["volumes?"],
}
EXIT_CODES = {"containerName": name, "operator": only("In"), "values": [whole(1, 255)]}
JOB = {
    "backoffLimit": whole(0),
    "activeDeadlineSeconds": whole(1),
    "ttlSecondsAfterFinished": whole(0),
    "podFailurePolicy": {"rules": [{"action": only("FailJob"), "onExitCodes": EXIT_CODES}]},
    "template": {"metadata": {"labels": strings}, "spec": JOB_POD},
}
KINDS = {
    "Namespace": cluster_wide("v1", "Namespace"),
    "ServiceAccount": namespaced("v1", "ServiceAccount", **{"automountServiceAccountToken?": only(False)}),
    "ClusterRole": cluster_wide(f"{RBAC}/v1", "ClusterRole", rules=[RULE]),
    "RoleBinding": namespaced(
        f"{RBAC}/v1",
        "RoleBinding",
        roleRef={"apiGroup": only(RBAC), "kind": only("ClusterRole"), "name": name},
        subjects=[{"kind": only("ServiceAccount"), "name": name, "namespace": name}],
    ),
    "NetworkPolicy": namespaced(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        spec={
            "podSelector": SELECTOR,
            "policyTypes": [only("Ingress", "Egress")],
            "ingress?": [{"from": [PEER], "ports": PORTS}],
            "egress?": [{"to?": [PEER], "ports": PORTS}],
        },
    ),
    "Broker": widened(shapes.BROKER, "spec", **{"config?": BROKER_CONFIG}),
    "Service": SERVICE,
    "Trigger": widened(shapes.TRIGGER, "spec", "subscriber", ref=subscriber, **{"audience?": text}),
    "PingSource": shapes.PING_SOURCE,
    "EventPolicy": namespaced(
        "eventing.knative.dev/v1alpha1",
        "EventPolicy",
        spec={
            "to": [{"ref": {"apiVersion": only("eventing.knative.dev/v1"), "kind": only("Broker"), "name": name}}],
            "from": [{"sub": text}],
        },
    ),
    "JobSink": namespaced("sinks.knative.dev/v1alpha1", "JobSink", spec={"job": {"spec": JOB}}),
}
KUSTOMIZATION = {
    "apiVersion": only("kustomize.config.k8s.io/v1beta1", "kustomize.config.k8s.io/v1alpha1"),
    "kind": only("Kustomization", "Component"),
    "resources?": [text],
    "components?": [text],
    "patches?": [{"path?": text, "patch?": text, "target": strings}],
    "replacements?": [
        {
            "source": strings,
            "targets": [
                {
                    "select": strings,
                    "reject?": [strings],
                    "fieldPaths": [text],
                    "options?": {"delimiter": text, "index": whole(0)},
                }
            ],
        }
    ],
}
AMOUNTS = {"cpu": text, "memory": text}
STACK_FUNCTION = {
    "lang": only("python3-aftercare"),
    "handler": text,
    "image": text,
    "build_args": strings,
    "environment_file": [text],
    "environment": strings,
    "secrets": [name],
    "labels": strings,
    "annotations?": strings,
    "requests": AMOUNTS,
    "limits": AMOUNTS,
    "readonly_root_filesystem": only(True),
}
STACK = {
    "version": lambda value: value,  # a number to YAML, whatever it means
    "provider": {"name": only("openfaas"), "gateway": text},
    "configuration": {"copy": [text]},
}
