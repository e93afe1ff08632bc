"""Whether an action only looked: nothing it did can have cured anything."""

from __future__ import annotations

import re
import shlex
from typing import Final

from shared.domain.executions import Action, ActionKind

# Commands that look, by their first words. Anything else may have changed something.
_LOOKS: Final = frozenset(
    {
        ("cat",), ("df",), ("dmesg",), ("du",), ("free",), ("head",), ("iostat",), ("journalctl",), ("ls",), ("lsof",),
        ("netstat",), ("ping",), ("ps",), ("ss",), ("ssh_diagnose",), ("tail",), ("top",), ("uptime",), ("vmstat",),
        ("docker", "inspect"), ("docker", "logs"), ("docker", "ps"), ("docker", "stats"), ("docker", "top"),
        ("kubectl", "describe"), ("kubectl", "events"), ("kubectl", "explain"), ("kubectl", "get"),
        ("kubectl", "logs"), ("kubectl", "top"), ("systemctl", "status"),
    }
)  # fmt: skip
_CHAINED: Final = re.compile(r"[;&|<>`$\n]")


def is_observe_only(action: Action) -> bool:
    """Whether an action is known to have changed nothing.

    A typed action says so itself; an untyped one is believed only if its command is a single one of the known looks.
    """
    if action.kind is ActionKind.OBSERVE:
        return True
    if action.kind is not ActionKind.OTHER or not action.command or _CHAINED.search(action.command):
        return False
    try:
        words = shlex.split(action.command)
    except ValueError:
        return False
    return tuple(words[:1]) in _LOOKS or tuple(words[:2]) in _LOOKS
