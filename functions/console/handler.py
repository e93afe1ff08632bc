"""console: the figures, gathered when somebody looks.

A store that is down is a figure as well (``aftercare_up``): a scrape that fails would hide what the other store says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from functions.console.core import Family, Sample, exposition, overview
from shared.domain.errors import DatabaseUnavailable, QueueUnavailable

Gather = Callable[[], Awaitable[Sequence[Family]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What console needs.

    Attributes:
        stores: by name, what each store says; may raise DatabaseUnavailable or QueueUnavailable.
        page: the template of the overview, with ``$body``.
    """

    stores: dict[str, Gather]
    page: str


def create_metrics_handler(ports: Ports) -> Callable[[], Awaitable[str]]:
    """For Prometheus."""

    async def metrics() -> str:
        return exposition(await _figures(ports))

    return metrics


def create_overview_handler(ports: Ports) -> Callable[[], Awaitable[str]]:
    """For people."""

    async def show() -> str:
        return overview(await _figures(ports), ports.page)

    return show


async def _figures(ports: Ports) -> list[Family]:
    found = await asyncio.gather(*(_of(gather) for gather in ports.stores.values()))
    up = [
        Sample(float(families is not None), {"store": name}) for name, families in zip(ports.stores, found, strict=True)
    ]
    health = Family(name="aftercare_up", about="Whether the store answers", section="Health", samples=up)
    return [health, *(family for families in found if families is not None for family in families)]


async def _of(gather: Gather) -> Sequence[Family] | None:
    try:
        return await gather()
    except (DatabaseUnavailable, QueueUnavailable):
        return None
