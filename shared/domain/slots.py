"""Who runs a slot of a scheduled job."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Mine:
    """This process runs the slot; its writes carry the fence."""

    slot_start: datetime
    fence: int


@dataclass(frozen=True, slots=True)
class Done:
    """The slot is done; this was the result."""

    slot_start: datetime
    result: Any


@dataclass(frozen=True, slots=True)
class Taken:
    """Another process runs the slot right now."""


Slot = Mine | Done | Taken
