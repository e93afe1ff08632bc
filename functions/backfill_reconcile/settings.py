"""backfill-reconcile's settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.runtime.settings import DatabaseSettings, QueueSettings, Seconds, ServingSettings, Switch


class Settings(ServingSettings, DatabaseSettings, QueueSettings):
    """What backfill-reconcile reads from the environment."""

    enable_km_backfill_reconciler: Switch = True
    """Off answers ticks without doing anything; `/dead-letter` keeps taking letters."""
    reconcile_interval_seconds: Seconds = 300.0
    """Length of a slot; the same as the schedule of the ticks. One run per slot across replicas."""
    reconcile_lease_seconds: Seconds = 120.0
    """After this silence another replica takes over a slot."""
    drain_budget_seconds: Seconds = 8.0
    """Time for one stream in one run; the rest is drained in the next."""
    drain_group: Annotated[int, Field(ge=1, le=500)] = 500
    """Letters in one transaction."""
    drain_idle_seconds: Seconds = 60.0
    """A letter claimed longer ago than this was claimed by a process that died."""
    inbox_retention_days: Annotated[int, Field(ge=7)] = 30
    """How long an event id is remembered."""
