"""Locks that die with their holders: ``flock(2)``, which the kernel drops when the last descriptor is closed.

A process that inherits the descriptor holds the lock as well. A whole family of processes can therefore hold one, and
"nobody holds it" proves that all of them are gone: no process list, no stale pid file, also after ``kill -9``.
"""

from __future__ import annotations

import fcntl
import os
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_PAUSE_S: Final = 0.005
_PROBE_S: Final = 0.1  # a probe holds the lock for microseconds; whoever wants it outwaits that


def held(path: Path) -> bool:
    """Whether any living process holds the lock on this file."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two who ask at once do not take each other for the holder.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def take(path: Path) -> int | None:
    """Take the lock on this file: a descriptor that holds it until it and all its heirs are closed; None if taken."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + _PROBE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                return None
            time.sleep(_PAUSE_S)
        else:
            return descriptor
