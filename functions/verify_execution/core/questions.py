"""What is asked of the sensors: one question, the same before and after, so that the answers can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.domain.alerts import Alert
from shared.domain.executions import Target

# Which label of an alert names a workload, the most specific owner first. A pod is resolved to its owner by the sensor:
# after a restart the alert's own pod is gone.
_KIND_OF_LABEL = (
    ("deployment", "Deployment"),
    ("statefulset", "StatefulSet"),
    ("daemonset", "DaemonSet"),
    ("job_name", "Job"),
    ("pod", "Pod"),
    ("container_name", "Container"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What every sensor is asked.

    Attributes:
        target: what was, or will be, acted on.
        alertname: of the alert behind it, if there was one; with its labels it chooses and scopes the query.
        acted_at: the end of the action; None while there was none.
    """

    target: Target
    alertname: str | None
    labels: Mapping[str, str]
    acted_at: datetime | None = None


def target_of(alert: Alert) -> Target | None:
    """What an alert is about; None when its labels do not say, since a guessed target proves nothing."""
    cluster = alert.labels.get("cluster")
    namespace = alert.labels.get("namespace")
    for label, kind in _KIND_OF_LABEL:
        name = alert.labels.get(label)
        if name and (namespace or kind == "Container"):
            return Target(cluster=cluster, namespace=namespace or "docker", kind=kind, name=name)
    instance = alert.labels.get("instance")
    if instance and any(word in alert.alertname.lower() for word in ("host", "node")):
        return Target(cluster=cluster, namespace=namespace or "hosts", kind="Host", name=instance)
    return None
