"""alert-bridge, composed: the environment becomes adapters, adapters become ``handle``."""

from __future__ import annotations

import os

from functions.alert_bridge.announcements import PostgresAnnouncements
from functions.alert_bridge.handler import Ports, create_handler
from functions.alert_bridge.model import WEBHOOK_TYPE
from functions.alert_bridge.settings import Settings
from shared.adapters.dsn import Dsn
from shared.adapters.http import http_sink
from shared.adapters.postgres import Database, Limits
from shared.adapters.relay import Relay
from shared.adapters.system import SystemClock
from shared.runtime.requests import document
from shared.runtime.serving import Route, serve

settings = Settings.load(os.environ)
database = Database(
    Dsn.parse(settings.database_url.get_secret_value()),
    application="alert-bridge",
    limits=Limits(threads=settings.database_threads),
)
sink = http_sink(settings.sink, settings.event_routes, token=settings.token)

ports = Ports(announcements=PostgresAnnouncements(database, Relay(database, sink)), clock=SystemClock())
handle = serve(
    "alert-bridge",
    settings,
    {"/alertmanager": Route(read=document(WEBHOOK_TYPE), use_case=create_handler(ports))},
)
