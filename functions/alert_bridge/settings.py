"""alert-bridge's settings."""

from __future__ import annotations

from shared.runtime.settings import DatabaseSettings, ServingSettings


class Settings(ServingSettings, DatabaseSettings):
    """What alert-bridge reads from the environment."""
