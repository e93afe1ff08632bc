"""Who runs a slot of a scheduled job."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
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


@asynccontextmanager
async def given_back(slot: Mine, release: Callable[[Mine], Awaitable[None]]) -> AsyncIterator[None]:
    """Give the slot back when the block does not come to its end, or the next tick would wait for the lease's.

    That is also after a deadline that cancelled it, and after a COMMIT of which nobody knows: ``release`` lets a slot
    that is done, or somebody else's by now, be.
    """
    try:
        yield
    except BaseException:
        await release(slot)
        raise
