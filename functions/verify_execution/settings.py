"""verify-execution's settings."""

from __future__ import annotations

from json import loads
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from shared.runtime.settings import DatabaseSettings, Seconds, ServingSettings, Switch

ByTarget = Annotated[dict[str, str], BeforeValidator(lambda given: loads(given) if isinstance(given, str) else given)]


class Settings(ServingSettings, DatabaseSettings):
    """What verify-execution reads from the environment."""

    concurrency: Annotated[int, Field(ge=1, le=10_000)] = 1000
    """Requests handled at once; waiting is cheap. One more is answered 503."""
    verify_at_once: Annotated[int, Field(ge=1, le=10_000)] = 900
    """Verifications that wait within their request; a further one is answered 202 and finished by a tick."""
    verify_warmup_seconds: Seconds = 10.0
    """Before the first look, for controllers to converge."""
    verify_soak_seconds: Seconds = 15.0
    """How long the target must be stable."""
    verify_timeout_seconds: Seconds = 60.0
    """The bound of warm-up and soak together."""
    verify_interval_seconds: Seconds = 3.0
    """Between two looks of one soak."""
    sensor_timeout_seconds: Seconds = 8.0
    """The longest wait for one reading of one sensor."""
    verify_recheck_scale: Annotated[float, Field(gt=0, le=1)] = 1.0
    """What the waits of 5 min, 1 h and 24 h before the later looks are multiplied by; for stories and drills."""
    enable_self_healing_validator: Switch = True
    """Off proposes no rollbacks; scores are given all the same."""
    prometheus_url: str | None = None
    """Prometheus' base URL; without it no metric is asked for."""
    alertmanager_url: str | None = None
    """Alertmanager's base URL; without it Prometheus is asked whether the alert fires."""
    kubeconfig: Path | None = None
    """Which cluster to read, from outside of it; inside, the pod's service account is used."""
    kubernetes_service_host: str | None = None
    """Set by Kubernetes in every pod; without it and without `KUBECONFIG` no cluster is read."""
    docker_host: str | None = None
    """The Docker Engine: `unix:///var/run/docker.sock` or `http://host:2375`."""
    http_probes: ByTarget = {}
    """Health checks by target, as JSON: `{"Service */*": "http://{name}.{namespace}.svc/health"}`."""
    metrics_endpoints: ByTarget = {}
    """Metrics endpoints by target, as JSON, like `HTTP_PROBES`."""
    metrics_gauge: str | None = None
    """What to read there: a metric of which less is better, such as an error ratio."""
