"""drift-check, composed: the environment becomes adapters, adapters become ``handle``."""

from __future__ import annotations

import os
import secrets
import socket
from functools import partial

from functions.drift_check.configmaps import ConfigMapReader, cluster
from functions.drift_check.handler import Ports, create_handler
from functions.drift_check.ledger import PostgresChecks
from functions.drift_check.model import ACCEPTS, FUNCTION, REQUEST_TYPE
from functions.drift_check.settings import Settings
from shared.adapters.dsn import Dsn
from shared.adapters.http import http_sink
from shared.adapters.postgres import Database, Limits
from shared.adapters.relay import Relay
from shared.adapters.slots import Slots
from shared.adapters.system import SystemClock
from shared.runtime.requests import EventReader
from shared.runtime.serving import Route, serve

settings = Settings.load(os.environ)
database = Database(
    Dsn.parse(settings.database_url.get_secret_value()),
    application=FUNCTION,
    limits=Limits(threads=settings.database_threads),
)
slots = Slots(
    database,
    FUNCTION,
    owner=f"{socket.gethostname()}-{os.getpid()}",
    interval_s=settings.drift_interval_seconds,
    lease_s=settings.drift_lease_seconds,
)
sink = http_sink(settings.sink, settings.event_routes, token=settings.token)

ports = Ports(
    configmaps=ConfigMapReader(
        cluster(os.environ, kubeconfig=settings.kubeconfig, timeout_s=settings.cluster_timeout_seconds)
    ),
    checks=PostgresChecks(
        database,
        Relay(database, sink),
        slots,
        remind_s=settings.drift_remind_seconds,
        announce=sink is not None,
    ),
    clock=SystemClock(),
    salt=partial(secrets.token_bytes, 16),
    watched=settings.drift_checks,
)
handle = serve(
    FUNCTION,
    settings,
    {
        "/": Route(
            read=EventReader(ACCEPTS, request_type=REQUEST_TYPE, ticks=True),
            use_case=create_handler(ports),
        )
    },
)
