"""km-write's settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.runtime.settings import DatabaseSettings, QueueSettings, Seconds, ServingSettings, Switch


class Settings(ServingSettings, DatabaseSettings, QueueSettings):
    """What km-write reads from the environment."""

    km_write_timeout_seconds: Seconds = 5.0
    """The whole call, the dead letter included."""
    km_retry_max: Annotated[int, Field(ge=1, le=10)] = 3
    """Tries in all, for failures that another try may cure."""
    km_retry_base_seconds: Seconds = 0.1
    """Before the second try; doubles, with full jitter. 1.0 waits about 1 s, then 2 s."""
    km_write_await: Switch = True
    """Off is the emergency mode: one try, two seconds, still durable or refused."""
    defer: Switch = True
    """Off answers 503 instead of keeping events in Redis; choose it with a durable broker."""
