"""A proxy that breaks lines: between a function and PostgreSQL, Redis or its sink, on TCP and on unix sockets.

``proxy.fault = Stall()`` holds for every line, open or new, until it is set to something else. A dialect knows the
protocol that is spoken, so that a fault can pick a statement, a command or a request instead of some bytes. Each fault
counts its ``hits``: a test of a fault that never struck proves nothing.
"""

from __future__ import annotations

from tests.faults.proxy.faults import Bandwidth, Fault, Instead, Latency, Mute, Refuse, Reset, Slice, SlowClose, Stall
from tests.faults.proxy.lines import Dialect, Unit, Way
from tests.faults.proxy.listener import Address, Proxy

__all__ = [
    "Address",
    "Bandwidth",
    "Dialect",
    "Fault",
    "Instead",
    "Latency",
    "Mute",
    "Proxy",
    "Refuse",
    "Reset",
    "Slice",
    "SlowClose",
    "Stall",
    "Unit",
    "Way",
]
