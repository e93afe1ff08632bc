"""Who descends from whom, as the system tells it: ``/proc`` where there is one, otherwise ``ps``."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class Entry:
    """One process; a zombie is one that has ended and whose parent has yet to notice."""

    pid: int
    parent: int
    group: int
    zombie: bool

    @classmethod
    def of(cls, pid: str, parent: str, group: str, state: str) -> Self:
        """From the system's own words."""
        return cls(int(pid), int(parent), int(group), state.startswith("Z"))


def children_of(pid: int) -> set[int]:
    """The processes that ``pid`` started and that still live."""
    return {entry.pid for entry in _entries() if entry.parent == pid and not entry.zombie}


def group_lives(group: int) -> bool:
    """Whether any process of this group still lives."""
    return any(entry.group == group and not entry.zombie for entry in _entries())


def _entries() -> Iterator[Entry]:
    return _from_proc() if (_PROC / "self" / "stat").exists() else _from_ps()


def _from_proc() -> Iterator[Entry]:
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            try:
                # The name of the program stands in brackets and may hold anything, brackets too.
                state, parent, group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
            except (FileNotFoundError, ProcessLookupError):  # it ended just now
                continue
            yield Entry.of(folder.name, parent, group, state)


def _from_ps() -> Iterator[Entry]:
    listing = subprocess.run(["ps", "-axo", "pid=,ppid=,pgid=,stat="], check=True, capture_output=True, text=True)
    for line in listing.stdout.splitlines():
        yield Entry.of(*line.split())
