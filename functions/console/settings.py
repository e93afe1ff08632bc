"""console's settings."""

from __future__ import annotations

from shared.runtime.settings import DatabaseSettings, RedisUrl, Seconds, ServingSettings


class Settings(ServingSettings, DatabaseSettings):
    """What console reads from the environment."""

    redis_url: RedisUrl | None = None
    """Where the dead letters wait; without it there are no figures of them."""
    queue_timeout_seconds: Seconds = 1.0
    """The longest wait for Redis."""
