"""console, composed: the environment becomes adapters, adapters become ``handle``."""

from __future__ import annotations

import os
from pathlib import Path

from functions.console.core import EXPOSITION
from functions.console.figures import PostgresFigures, redis_figures
from functions.console.handler import Gather, Ports, create_metrics_handler, create_overview_handler
from functions.console.settings import Settings
from shared.adapters.dsn import Dsn
from shared.adapters.postgres import Database, Limits
from shared.runtime.serving import Page, serve

settings = Settings.load(os.environ)
database = Database(
    Dsn.parse(settings.database_url.get_secret_value()),
    application="console",
    limits=Limits(threads=settings.database_threads),
)
stores: dict[str, Gather] = {"postgresql": PostgresFigures(database).gather}
redis = (
    {}
    if settings.redis_url is None
    else {
        "redis": redis_figures(settings.redis_url.get_secret_value(), timeout_s=settings.queue_timeout_seconds).gather
    }
)
ports = Ports(stores={**stores, **redis}, page=Path(__file__).with_name("overview.html").read_text(encoding="utf-8"))
handle = serve(
    "console",
    settings,
    {},
    pages={
        "/": Page(media_type="text/html", show=create_overview_handler(ports)),
        "/metrics": Page(media_type=EXPOSITION, show=create_metrics_handler(ports)),
    },
)
