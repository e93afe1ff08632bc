"""Whether processes are gone."""

from __future__ import annotations

import os
import time
from pathlib import Path

PATIENCE_S = 20.0  # for a failing test only; a killed process needs milliseconds


def all_gone(pids) -> bool:
    """Wait until none of them is left; False when one stays."""
    deadline = time.monotonic() + PATIENCE_S
    while any(exists(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def exists(pid) -> bool:
    """Whether it runs. A zombie does not; whoever adopted it reaps it when it pleases."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
