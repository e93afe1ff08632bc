"""What a manifest may say: one closed shape per kind, and the walk that holds a document against it.

A cluster accepts fields it does not know and ignores them, so a misspelt ``timeout`` costs an incident. Here a field is
known or it is an error. A shape is a mapping of field names (``?`` marks the optional ones) to shapes, a list of one
shape, or a rule: a function that returns the value it understood and raises ``ValueError`` when there is none.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable
from datetime import UTC, tzinfo
from typing import Any, Final, TypeAlias

from shared.local.knative import durations, filters, schedules

Rule: TypeAlias = Callable[[Any], Any]
Shape: TypeAlias = "Rule | dict[str, Shape] | list[Shape]"

_NAME: Final = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_LONGEST_REQUEST_S: Final = 600  # Knative Serving's default limit for timeoutSeconds


def conform(value: Any, shape: Shape, where: str = "") -> Any:
    """The value as the shape understands it.

    Args:
        value: what the YAML says.
        shape: what it may say.
        where: the field's path, for the message.

    Raises:
        ValueError: the text names the first field at fault and what is wrong with it.
    """
    if isinstance(shape, dict):
        return _conform_fields(value, shape, where)
    if isinstance(shape, list):
        if not isinstance(value, list) or not value:
            raise ValueError(f"{where} must be a list with at least one entry")
        return [conform(entry, shape[0], f"{where}[{position}]") for position, entry in enumerate(value)]
    try:
        return shape(value)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _conform_fields(value: Any, shape: dict[str, Shape], where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where or 'the document'} must be a mapping")  # noqa: TRY004 - one class for all refusals
    known = {name.removesuffix("?"): name for name in shape}
    path = f"{where}." if where else ""
    for name in value:
        if name not in known:
            raise ValueError(f"{path}{name} is not a known field; known here: {', '.join(known)}")
    for name, spelled in known.items():
        if name not in value and not spelled.endswith("?"):
            raise ValueError(f"{path}{name} is missing")
    return {name: conform(given, shape[known[name]], f"{path}{name}") for name, given in value.items()}


def only(*allowed: str | bool) -> Rule:
    """One of these values, of the same type."""

    def rule(value: Any) -> Any:
        if not any(value == each and type(value) is type(each) for each in allowed):
            raise ValueError(f"must be {' or '.join(map(str, allowed))}, not {value!r}")
        return value

    return rule


def whole(low: int, high: int = 2**31 - 1) -> Rule:
    """A whole number in this range."""

    def rule(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"must be a whole number from {low} to {high}, not {value!r}")
        return value

    return rule


def text(value: Any) -> str:
    """A text that is not empty; YAML turns an unquoted 8 or true into something else."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"must be text, not {value!r}; put it in quotes")
    return value


def name(value: Any) -> str:
    """A Kubernetes name."""
    if not _NAME.fullmatch(text(value)):
        raise ValueError(f"{value!r} is not a Kubernetes name: lower-case letters, digits and dashes")
    return str(value)


def path(value: Any) -> str:
    """A URI path, resolved against the service it stands beside."""
    if not text(value).startswith("/"):
        raise ValueError(f"must begin with /, not {value!r}: it is resolved against the service")
    return str(value)


def strings(value: Any) -> dict[str, str]:
    """Labels or annotations."""
    if not isinstance(value, dict):
        raise ValueError(f"must be a mapping, not {value!r}")  # noqa: TRY004 - one class for all refusals
    return {text(key): text(each) for key, each in value.items()}


def zone(value: Any) -> tzinfo:
    """A time zone's name; UTC is known even where the system ships no time zones."""
    if value in ("UTC", "Etc/UTC"):
        return UTC
    try:
        return zoneinfo.ZoneInfo(text(value))
    except zoneinfo.ZoneInfoNotFoundError as error:
        raise ValueError(f"{value!r} is not a time zone this machine knows") from error


METADATA: Final[Shape] = {"name": name, "namespace": name, "labels?": strings, "annotations?": strings}


def _reference(api: str, kind: str) -> Shape:
    return {"apiVersion": only(api), "kind": only(kind), "name": name, "namespace?": name}


_DESTINATION: Final[Shape] = {"ref": _reference("serving.knative.dev/v1", "Service"), "uri?": path}
_DELIVERY: Final[Shape] = {
    "retry?": whole(0),
    "backoffPolicy?": only("linear", "exponential"),
    "backoffDelay?": lambda value: durations.parse(text(value)),
    "timeout?": lambda value: durations.parse(text(value)),
    "deadLetterSink?": _DESTINATION,
}
BROKER: Final[Shape] = {
    "apiVersion": only("eventing.knative.dev/v1"),
    "kind": only("Broker"),
    "metadata": METADATA,
    "spec": {"delivery": _DELIVERY},
}
TRIGGER: Final[Shape] = {
    "apiVersion": only("eventing.knative.dev/v1"),
    "kind": only("Trigger"),
    "metadata": METADATA,
    "spec": {
        "broker": name,
        "filters?": [filters.parse],
        "filter?": {"attributes": filters.parse_attributes},
        "subscriber": _DESTINATION,
        "delivery?": _DELIVERY,
    },
}
PING_SOURCE: Final[Shape] = {
    "apiVersion": only("sources.knative.dev/v1"),
    "kind": only("PingSource"),
    "metadata": METADATA,
    "spec": {
        "schedule": lambda value: schedules.parse(text(value)),
        "timezone?": zone,
        "contentType?": text,
        "data?": text,
        "sink": {"ref": _reference("eventing.knative.dev/v1", "Broker")},
    },
}
_PROBE: Final[Shape] = {
    "httpGet": {"path": path, "port?": whole(1, 65_535)},
    **{f"{field}?": whole(0) for field in ("initialDelaySeconds", "periodSeconds", "timeoutSeconds")},
    **{f"{field}?": whole(1) for field in ("failureThreshold", "successThreshold")},
}
_AMOUNTS: Final[Shape] = {"cpu?": text, "memory?": text}
_CONTAINER: Final[Shape] = {
    "image": text,
    "command": [text],
    "ports?": [{"name?": only("http1", "h2c"), "containerPort": whole(1, 65_535)}],
    "env": [{"name": text, "value": text}],
    "resources?": {"requests?": _AMOUNTS, "limits?": _AMOUNTS},
    "startupProbe?": _PROBE,
    "readinessProbe?": _PROBE,
    "livenessProbe?": _PROBE,
    "securityContext?": {
        "runAsNonRoot": only(True),
        "runAsUser?": whole(1),
        "allowPrivilegeEscalation": only(False),
        "readOnlyRootFilesystem": only(True),
        "capabilities": {"drop": [only("ALL")]},
        "seccompProfile": {"type": only("RuntimeDefault")},
    },
    "volumeMounts?": [{"name": name, "mountPath": path, "readOnly?": only(True, False)}],
}
_VOLUME: Final[Shape] = {
    "name": name,
    "emptyDir?": {"medium?": only("Memory"), "sizeLimit?": text},
    "projected?": {"sources": [{"secret": {"name": name}}]},
}
SERVICE: Final[Shape] = {
    "apiVersion": only("serving.knative.dev/v1"),
    "kind": only("Service"),
    "metadata": METADATA,
    "spec": {
        "template": {
            "metadata?": {"labels?": strings, "annotations?": strings},
            "spec": {
                "serviceAccountName?": name,
                "automountServiceAccountToken?": only(False),
                "enableServiceLinks?": only(True, False),
                "containerConcurrency": whole(1),
                "timeoutSeconds": whole(1, _LONGEST_REQUEST_S),
                "containers": [_CONTAINER],
                "volumes?": [_VOLUME],
            },
        },
    },
}
