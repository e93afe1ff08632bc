"""What drift-check accepts and emits: its part of the wire contract."""

from __future__ import annotations

from typing import Final

from pydantic import ConfigDict, Field

from functions.drift_check.core.acceptances import Acceptance
from shared.domain.contract import Contract
from shared.domain.drift import DRIFT_CHECKED, DRIFT_DETECTED, DriftChecked, DriftDetected
from shared.domain.events import PING

FUNCTION: Final = "drift-check"
SOURCE: Final = "/aftercare/drift-check"
REQUEST_TYPE: Final = "dev.aftercare.config.check-requested.v1"
"""The type of a plain JSON request."""


class LiveConfigMap(Contract):
    """A ConfigMap as the cluster has it now."""

    namespace: str = Field(min_length=1, max_length=253)
    name: str = Field(min_length=1, max_length=253)


class WrittenConfigMap(Contract):
    """A ConfigMap in YAML or JSON: the only one of its documents, or the one of that namespace and name."""

    yaml: str
    namespace: str | None = None
    name: str | None = None


class SettingsSource(Contract):
    """A settings class: the text of its file, and its name unless it is the only one there.

    With `env_prefix` the class's own prefix does not count.
    """

    source: str
    class_: str | None = Field(default=None, alias="class")
    env_prefix: str | None = None


class CheckRequested(Contract):
    """Compare a ConfigMap with the defaults of a settings class; `fields` are all that count, if any are named."""

    configmap: LiveConfigMap | WrittenConfigMap
    settings: SettingsSource
    fields: list[str] = []
    accept: list[Acceptance] = []


class Tick(Contract):
    """Data of a ping: what it says does not matter, the slot does."""

    model_config = ConfigDict(extra="ignore")


ACCEPTS: Final[dict[str, type[Contract]]] = {REQUEST_TYPE: CheckRequested, PING: Tick}
EMITS: Final[dict[str, type[Contract]]] = {DRIFT_CHECKED: DriftChecked, DRIFT_DETECTED: DriftDetected}
