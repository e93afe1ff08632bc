"""Processes of verify-execution, with waits that are a second long instead of a minute."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.faults import replicas

SENSOR_S: Final = 1.0
_TIMING: Final = {
    "VERIFY_WARMUP_SECONDS": "0.2",
    "VERIFY_SOAK_SECONDS": "0.3",
    "VERIFY_INTERVAL_SECONDS": "0.1",
    "SENSOR_TIMEOUT_SECONDS": str(SENSOR_S),
}
# The only long wait; what is told to end must not need it.
_GRACE_S: Final = 10.0


class Replicas(replicas.Replicas):
    """So many processes side by side.

    Args:
        count: how many.
        source: the composition that is started.
        folder: for their logs.
        whole_s: the bound of a verification.
        settings: the rest of their environment.
    """

    def __init__(self, count: int, source: str, folder: Path, *, whole_s: float, **settings: str) -> None:
        each = {**_TIMING, "SENSORS": "1", "VERIFY_TIMEOUT_SECONDS": str(whole_s), **settings}
        names = [f"verify-{number + 1}" for number in range(count)]
        super().__init__(source, folder, dict.fromkeys(names, each), grace_s=_GRACE_S)
