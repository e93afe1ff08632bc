"""verify-execution, composed: the environment becomes adapters, adapters become ``handle``."""

from __future__ import annotations

import asyncio
import os

from functions.verify_execution.captures import PostgresBaselines
from functions.verify_execution.core.timetable import Timing
from functions.verify_execution.handler import Ports, create_handler
from functions.verify_execution.instruments import sensors
from functions.verify_execution.model import ACCEPTS, REQUEST_TYPE
from functions.verify_execution.settings import Settings
from functions.verify_execution.verifications import PostgresVerifications
from shared.adapters.dsn import Dsn
from shared.adapters.http import HttpClient, http_sink
from shared.adapters.postgres import Database, Limits
from shared.adapters.relay import Relay
from shared.adapters.system import SystemClock
from shared.runtime.requests import EventReader
from shared.runtime.serving import Route, serve
from shared.runtime.stopping import Stopping

# What a verdict may take beyond the wait: its transactions, and the last look.
_MARGIN_S = 30.0

settings = Settings.load(os.environ)
database = Database(
    Dsn.parse(settings.database_url.get_secret_value()),
    application="verify-execution",
    limits=Limits(threads=settings.database_threads),
)
http = HttpClient()
clock = SystemClock()
sink = http_sink(settings.sink, settings.event_routes, token=settings.token)
relay = Relay(database, sink)
timing = Timing(
    warmup_s=settings.verify_warmup_seconds,
    soak_s=settings.verify_soak_seconds,
    whole_s=settings.verify_timeout_seconds,
    sensor_s=settings.sensor_timeout_seconds,
    interval_s=settings.verify_interval_seconds,
    recheck_scale=settings.verify_recheck_scale,
)

ports = Ports(
    verifications=PostgresVerifications(
        database,
        relay,
        timing,
        announce=sink is not None,
        propose_rollbacks=settings.enable_self_healing_validator,
    ),
    baselines=PostgresBaselines(database, relay, announce=sink is not None),
    sensors=sensors(settings, os.environ, http, clock),
    clock=clock,
    timing=timing,
    unless_stopping=Stopping().unless_stopping,
    places=asyncio.Semaphore(settings.verify_at_once),
)
handle = serve(
    "verify-execution",
    settings,
    {
        "/": Route(
            read=EventReader(ACCEPTS, request_type=REQUEST_TYPE, ticks=True),
            use_case=create_handler(ports),
        )
    },
    deadline_s=settings.verify_timeout_seconds + _MARGIN_S,
)
