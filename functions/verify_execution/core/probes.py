"""Which query answers for an alert: one table by family, scoped to the target, every value escaped.

A label of an alert comes from outside and must never become part of a query's syntax, so values are put into matchers
by :func:`equals` and :func:`starts` only; metric names and functions are fixed here.

What is counted is counted from the action on: by the difference to the value at that time, since a window would also
hold what happened before, and the pods that the action replaced.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from functions.verify_execution.core.readings import Direction
from shared.domain.executions import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A query and how to read it; see :class:`~functions.verify_execution.core.readings.Metric`."""

    name: str
    query: str
    direction: Direction
    limit: float | None = None
    counted_since_action: bool = False


class Unscoped(ValueError):
    """A matcher without a value would match whatever lacks the label, and prove something of somebody else's target."""


def equals(label: str, value: str) -> str:
    """``label="value"``, whatever the value holds.

    Raises:
        Unscoped: it holds nothing.
    """
    if not value:
        raise Unscoped(label)
    return f'{label}="{_quoted(value)}"'


def starts(label: str, value: str, rest: str) -> str:
    """``label=~"value" + rest``: whatever the value holds, it is taken literally; ``rest`` is a pattern of ours.

    Raises:
        Unscoped: it holds nothing.
    """
    if not value:
        raise Unscoped(label)
    return f'{label}=~"{_quoted(_literal(value) + rest)}"'


def probe(alertname: str | None, labels: Mapping[str, str], target: Target, *, window_s: int) -> Probe:
    """The probe of an alert's family.

    Args:
        alertname: matched case-insensitively; None asks only whether the target's namespace is up.
        labels: of the alert.
        target: what was acted on; every query is scoped to it.
        window_s: whole seconds since the action, for what is counted from then on.

    Raises:
        Unscoped: the target has no namespace, or no name, and the query needs it.
    """
    name = (alertname or "").lower()
    build = next((build for words, build in _FAMILIES if any(word in name for word in words)), _namespace_up)
    if name.startswith("dockercontainer"):
        build = _docker
    return build(name, labels, target, window_s)


# A rate needs two samples, and scrapes are a minute apart at worst.
_SHORTEST_RATE_S: Final = 120
# What comes after a workload's name in its pods' names. Another workload's name may begin with this one's.
_POD_ENDS: Final = {
    "Deployment": "-[a-z0-9]+-[a-z0-9]+",
    "StatefulSet": "-[0-9]+",
    "DaemonSet": "-[a-z0-9]+",
    "ReplicaSet": "-[a-z0-9]+",
    "Job": "(-[0-9]+)?-[a-z0-9]+",
}
_ANY_POD_END: Final = "-.+"
_MIB: Final = 1024 * 1024
_Build = Callable[[str, Mapping[str, str], Target, int], Probe]


def _docker(name: str, labels: Mapping[str, str], target: Target, window_s: int) -> Probe:
    host = labels.get("host") or labels.get("instance")
    where = ", ".join([*([equals("host", host)] if host else []), equals("container_name", target.name)])
    if "memory" in name:
        query = f"container_memory_usage_bytes{{{where}}} / (container_spec_memory_limit_bytes{{{where}}} > 0)"
        return Probe(name="memory share of limit", query=query, direction=Direction.LOWER, limit=1.0)
    if "restart" in name:
        return _counted("restarts since the action", _growth(f"container_restart_count{{{where}}}", window_s))
    if "cpu" in name:
        query = _rate(f"container_cpu_usage_seconds_total{{{where}}}", window_s)
        return Probe(name="cpu cores", query=query, direction=Direction.LOWER)
    query = f"container_info{{{where}}}"
    return Probe(name="container info", query=query, direction=Direction.HIGHER, limit=1.0)


def _host(name: str, labels: Mapping[str, str], target: Target, _window_s: int) -> Probe:
    where = equals("instance", labels.get("instance") or target.name)
    if any(word in name for word in ("memory", "oom")):
        query = f"node_memory_MemAvailable_bytes{{{where}}} / {_MIB}"
        return Probe(name="memory available MiB", query=query, direction=Direction.HIGHER)
    if any(word in name for word in ("disk", "storage")):
        query = f'node_filesystem_avail_bytes{{{where}, fstype!~"tmpfs|overlay"}} / {_MIB}'
        return Probe(name="disk available MiB", query=query, direction=Direction.HIGHER)
    if any(word in name for word in ("load", "cpu")):
        return Probe(name="load over 5 minutes", query=f"node_load5{{{where}}}", direction=Direction.LOWER)
    return Probe(name="up", query=f"up{{{where}}}", direction=Direction.HIGHER, limit=1.0)


def _memory(_name: str, _labels: Mapping[str, str], target: Target, _window_s: int) -> Probe:
    query = f'sum by (pod) (container_memory_working_set_bytes{{{_pods(target)}, container!=""}}) / {_MIB}'
    return Probe(name="working set MiB", query=query, direction=Direction.LOWER)


def _cpu(_name: str, _labels: Mapping[str, str], target: Target, window_s: int) -> Probe:
    rate = _rate(f'container_cpu_usage_seconds_total{{{_pods(target)}, container!=""}}', window_s)
    query = f"sum by (pod) ({rate})"
    return Probe(name="cpu cores", query=query, direction=Direction.LOWER)


def _crash(_name: str, _labels: Mapping[str, str], target: Target, window_s: int) -> Probe:
    growth = _growth(f"kube_pod_container_status_restarts_total{{{_pods(target)}}}", window_s)
    return _counted("restarts since the action", f"sum by (pod) ({growth})")


def _http(_name: str, labels: Mapping[str, str], target: Target, _window_s: int) -> Probe:
    instance = labels.get("instance")
    where = (
        equals("instance", instance)
        if instance
        else f"{equals('namespace', target.namespace)}, {equals('service', target.name)}"
    )
    return Probe(name="failed probes", query=f"1 - probe_success{{{where}}}", direction=Direction.LOWER, limit=0.0)


def _namespace_up(_name: str, _labels: Mapping[str, str], target: Target, _window_s: int) -> Probe:
    query = f"up{{{equals('namespace', target.namespace)}}}"
    return Probe(name="up", query=query, direction=Direction.HIGHER, limit=1.0)


_FAMILIES: Final[tuple[tuple[tuple[str, ...], _Build], ...]] = (
    (("host", "node"), _host),
    (("mem", "oom"), _memory),
    (("cpu", "load", "throttl"), _cpu),
    (("crash", "restart", "backoff"), _crash),
    (("http", "error", "5xx", "probe", "down", "unhealthy"), _http),
)


def _counted(name: str, query: str) -> Probe:
    return Probe(name=name, query=query, direction=Direction.LOWER, limit=0.0, counted_since_action=True)


def _growth(series: str, window_s: int) -> str:
    """How much a counter grew within the window; what is new, or was reset, began at nothing."""
    return f"{series} - (({series} offset {window_s}s <= {series}) or {series} * 0)"


def _rate(series: str, window_s: int) -> str:
    """A rate, of what is there now."""
    return f"rate({series}[{max(window_s, _SHORTEST_RATE_S)}s]) and {series}"


def _pods(target: Target) -> str:
    end = _POD_ENDS.get(target.kind, _ANY_POD_END)
    pod = equals("pod", target.name) if target.kind == "Pod" else starts("pod", target.name, end)
    return f"{equals('namespace', target.namespace)}, {pod}"


def _quoted(value: str) -> str:
    """Escaped for a double-quoted PromQL string; U+FFFD is what its reader takes a broken character for."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return escaped.replace("\ufffd", "\\ufffd")


def _literal(value: str) -> str:
    """Escaped for RE2: only what is special there, so that no escape is unknown to it."""
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", value)
