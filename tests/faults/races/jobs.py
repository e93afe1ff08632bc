"""The scheduled functions, and what each announces once per slot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from shared.domain.drift import DRIFT_CHECKED, DRIFT_DETECTED
from shared.domain.governance import ALERT_RAISED, GOVERNANCE_COMPLETED

LEASE_S: Final = 60.0
"""Of every job; it passes on the database's clock, and nobody waits for it."""

_HOUR: Final = "3600"
_SETTINGS: Final = "from pydantic_settings import BaseSettings\nclass Settings(BaseSettings):\n    port: int = 8080\n"
_MANIFEST: Final = "kind: ConfigMap\nmetadata: {name: api, namespace: prod}\ndata: {PORT: '9090'}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A function that has slots.

    Attributes:
        function: its name, and its job's.
        announces: the type of the event that tells of a slot.
        once: the type of an event that tells of a trouble which lasts all the time, and is told once, not per slot.
        settings: its environment.
    """

    function: str
    announces: str
    once: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """The composition that ships."""
        return f"functions/{self.function.replace('-', '_')}/main.py"

    def environment(self, folder: Path) -> dict[str, str]:
        """Its settings; files they name are made in the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in (("settings.py", _SETTINGS), ("configmap.yaml", _MANIFEST)):
            (folder / name).write_text(text)
        return {name: value.replace("FOLDER", str(folder)) for name, value in self.settings.items()}


_WATCHED: Final = [{"configmap": {"path": "FOLDER/configmap.yaml"}, "settings": {"path": "FOLDER/settings.py"}}]

JOBS: Final = (
    Job(
        function="governance-check",
        announces=GOVERNANCE_COMPLETED,
        once=ALERT_RAISED,  # nobody can say whether the objectives are met: there is no Prometheus
        settings={
            "GOVERNANCE_INTERVAL_SECONDS": _HOUR,
            "GOVERNANCE_LEASE_SECONDS": str(LEASE_S),
            "LEASE_TIMEOUT_SECONDS": "0.3",
        },
    ),
    Job(
        function="drift-check",
        announces=DRIFT_CHECKED,
        once=DRIFT_DETECTED,
        settings={
            "DRIFT_CHECKS": json.dumps(_WATCHED),
            "DRIFT_INTERVAL_SECONDS": _HOUR,
            "DRIFT_LEASE_SECONDS": str(LEASE_S),
            "DRIFT_REMIND_SECONDS": "2592000",
        },
    ),
    Job(
        function="backfill-reconcile",
        announces="dev.aftercare.reconcile.completed.v1",
        settings={
            "RECONCILE_INTERVAL_SECONDS": _HOUR,
            "RECONCILE_LEASE_SECONDS": str(LEASE_S),
            "QUEUE_TIMEOUT_SECONDS": "0.3",
        },
    ),
)
