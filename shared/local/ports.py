"""Ports of this machine."""

from __future__ import annotations

import socket
from typing import Final

LOOPBACK: Final = "127.0.0.1"


def free_port(wanted: int = 0) -> int:
    """A port that nobody listens on now: the wanted one, or any."""
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, wanted))
        except OSError:
            return free_port()
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as line:
        line.settimeout(2.0)
        return line.connect_ex((LOOPBACK, port)) == 0
