"""drift-check's settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, Json, model_validator

from functions.drift_check.core.acceptances import Acceptance
from functions.drift_check.model import LiveConfigMap
from shared.domain.contract import Contract
from shared.runtime.settings import DatabaseSettings, Seconds, ServingSettings


class WatchedManifest(Contract):
    """A ConfigMap in a file."""

    path: Path
    namespace: str | None = None
    name: str | None = None


class WatchedSettings(Contract):
    """A settings class in a file."""

    path: Path
    class_: str | None = Field(default=None, alias="class")
    env_prefix: str | None = None


class Watched(Contract):
    """One comparison that each tick makes."""

    configmap: LiveConfigMap | WatchedManifest
    settings: WatchedSettings
    fields: list[str] = []
    accept: list[Acceptance] = []


class Settings(ServingSettings, DatabaseSettings):
    """What drift-check reads from the environment."""

    drift_checks: Json[list[Watched]] = []
    """What each tick compares, as JSON: `[{"configmap": {"namespace", "name"}, "settings": {"path", "class"}}]`."""
    drift_interval_seconds: Seconds = 900.0
    """Length of a slot; the same as the schedule of the ticks. One run per slot across replicas."""
    drift_lease_seconds: Seconds = 60.0
    """After this silence another replica takes over a slot."""
    drift_remind_seconds: Annotated[float, Field(gt=0, le=2_592_000)] = 86_400.0
    """Drift that stays the same is announced again after this time, not at every tick."""
    cluster_timeout_seconds: Seconds = 8.0
    """The longest wait for the Kubernetes API."""
    kubeconfig: Path | None = None
    """Which cluster to read, from outside of it; inside, the pod's service account is used."""
    kubernetes_service_host: str | None = None
    """Set by Kubernetes in every pod; without it and without `KUBECONFIG` no cluster is read."""

    @model_validator(mode="after")
    def _many_need_a_sink(self) -> Self:
        if len(self.drift_checks) > 1 and not self.announces:
            raise ValueError("DRIFT_CHECKS has several checks and a reply carries one event; set EVENT_SINK")
        return self
