"""The Knative manifests that ship, read for the laptop: what to start, and what to deliver to whom.

One set of files drives both the cluster and the local broker, so the wiring that is tried on a laptop is the wiring
that ships. Reading is strict: the first unknown or wrong field is one sentence that names the file and the field, and
the references between the files must hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

from shared.local.knative import manifest_files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo
    from pathlib import Path

    from shared.local.knative.filters import Filter
    from shared.local.knative.manifest_files import Document
    from shared.local.knative.schedules import Schedule


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an event is posted.

    Attributes:
        service: the Knative Service's name.
        path: the URI path on that service.
    """

    service: str
    path: str = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How often, how fast, how long, and what then.

    Attributes:
        retry: tries after the first.
        backoff_policy: ``linear`` or ``exponential``; None retries at once, whatever the delay.
        backoff_delay_s: what the pauses are multiples of, in seconds; 0 retries at once, whatever the policy.
        timeout_s: seconds for one try; None waits as long as it takes.
        dead_letter: who gets what could not be delivered; None loses it.
    """

    retry: int = 0
    backoff_policy: str | None = None
    backoff_delay_s: float = 0.0
    timeout_s: float | None = None
    dead_letter: Destination | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """The broker's identity, and the delivery of triggers that have none."""

    name: str
    namespace: str
    delivery: Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionService:
    """A function, as the cluster would start it.

    Attributes:
        command: the program and its arguments.
        env: the environment the manifest gives it.
        concurrency: requests it takes at a time.
        timeout_s: seconds one request may take.
    """

    name: str
    command: tuple[str, ...]
    env: dict[str, str]
    concurrency: int
    timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """Who gets which events."""

    name: str
    broker: str
    filters: tuple[Filter, ...]
    subscriber: Destination
    delivery: Delivery

    def takes(self, attributes: Mapping[str, str]) -> bool:
        """Whether an event with these attributes matches every filter; without filters each event does."""
        return all(condition.matches(attributes) for condition in self.filters)


@dataclass(frozen=True, slots=True, kw_only=True)
class PingSource:
    """A cron schedule that sends an event to the broker.

    Attributes:
        data: the event's data as it goes over the wire; empty for none.
        content_type: the data's media type.
    """

    name: str
    broker: str
    schedule: Schedule
    timezone: tzinfo
    data: bytes
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifests:
    """Everything the manifests say, with every reference resolved; names are unique per kind."""

    broker: Broker
    services: tuple[FunctionService, ...]
    triggers: tuple[Trigger, ...]
    ping_sources: tuple[PingSource, ...]


def load(directory: Path) -> Manifests:
    """Read ``broker.yaml`` and every ``*/knative.yaml`` below the directory.

    Raises:
        ConfigurationError: a file is missing or unreadable, a field is unknown or wrong, or a reference leads nowhere.
    """
    documents = manifest_files.read(directory)
    [broker] = [_broker(document) for document in documents if document.kind == "Broker"]
    return Manifests(
        broker=broker,
        services=tuple(_service(document) for document in documents if document.kind == "Service"),
        triggers=tuple(_trigger(document, broker) for document in documents if document.kind == "Trigger"),
        ping_sources=tuple(_ping_source(document) for document in documents if document.kind == "PingSource"),
    )


def _broker(document: Document) -> Broker:
    return Broker(name=document.name, namespace=document.namespace, delivery=_delivery(document.spec["delivery"]))


def _trigger(document: Document, broker: Broker) -> Trigger:
    spec = document.spec
    # Knative's order: `filters` wins over `filter`, and a delivery replaces the broker's as a whole.
    conditions = spec.get("filters") or [each for each in (spec.get("filter", {}).get("attributes"),) if each]
    return Trigger(
        name=document.name,
        broker=spec["broker"],
        filters=tuple(conditions),
        subscriber=_destination(spec["subscriber"]),
        delivery=_delivery(spec["delivery"]) if "delivery" in spec else broker.delivery,
    )


def _destination(given: dict[str, Any]) -> Destination:
    return Destination(given["ref"]["name"], given.get("uri", "/"))


def _delivery(given: dict[str, Any]) -> Delivery:
    return Delivery(
        retry=given.get("retry", 0),
        backoff_policy=given.get("backoffPolicy"),
        backoff_delay_s=given.get("backoffDelay", 0.0),
        timeout_s=given.get("timeout"),
        dead_letter=_destination(given["deadLetterSink"]) if "deadLetterSink" in given else None,
    )


def _ping_source(document: Document) -> PingSource:
    spec = document.spec
    return PingSource(
        name=document.name,
        broker=spec["sink"]["ref"]["name"],
        schedule=spec["schedule"],
        timezone=spec.get("timezone", UTC),
        data=spec.get("data", "").encode(),
        content_type=spec.get("contentType", "application/json"),
    )


def _service(document: Document) -> FunctionService:
    pod = document.spec["template"]["spec"]
    if len(pod["containers"]) != 1:
        raise document.refuse("spec.template.spec.containers must hold exactly one container")
    container = pod["containers"][0]
    env: dict[str, str] = {}
    for entry in container["env"]:
        name = entry["name"]
        if name in env or name == "PORT" or name.startswith("K_"):
            raise document.refuse(f"env {name} is given twice, or reserved by Knative")
        env[name] = entry["value"]
    if env.get("CONCURRENCY") != str(pod["containerConcurrency"]):
        raise document.refuse(f"env CONCURRENCY must be containerConcurrency, {pod['containerConcurrency']}")
    return FunctionService(
        name=document.name,
        command=tuple(container["command"]),
        env=env,
        concurrency=pod["containerConcurrency"],
        timeout_s=pod["timeoutSeconds"],
    )
