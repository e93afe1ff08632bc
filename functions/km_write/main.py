"""km-write, composed: the environment becomes adapters, adapters become ``handle``."""

from __future__ import annotations

import os
import random

from functions.km_write.core import WritePolicy
from functions.km_write.handler import Ports, create_handler
from functions.km_write.model import ACCEPTS, REQUEST_TYPE
from functions.km_write.settings import Settings
from shared.adapters.dsn import Dsn
from shared.adapters.http import http_sink
from shared.adapters.knowledge_store import PostgresKnowledge
from shared.adapters.late_dead_letters import LateDeadLetters
from shared.adapters.postgres import Database, Limits
from shared.adapters.relay import Relay
from shared.adapters.system import SystemClock
from shared.domain.dead_letters import Caps
from shared.runtime.requests import EventReader
from shared.runtime.serving import Route, serve
from shared.runtime.settings import Durability

settings = Settings.load(os.environ)
database = Database(
    Dsn.parse(settings.database_url.get_secret_value()),
    application="km-write",
    limits=Limits(threads=settings.database_threads, statement_s=settings.km_write_timeout_seconds),
)
caps = Caps(
    entries=settings.dlq_max_entries,
    bytes=settings.dlq_max_bytes,
    durability_asserted=settings.dlq_durability is Durability.ASSERTED,
)
redis_url = settings.redis_url.get_secret_value()
sink = http_sink(settings.sink, settings.event_routes, token=settings.token)

ports = Ports(
    knowledge=PostgresKnowledge(database, announce=sink is not None),
    dead_letters=LateDeadLetters(redis_url, caps, timeout_s=settings.queue_timeout_seconds),
    clock=SystemClock(),
    chance=random.random,
    committed=Relay(database, sink).nudge,
)
policy = WritePolicy.of(
    attempts=settings.km_retry_max,
    base_s=settings.km_retry_base_seconds,
    timeout_s=settings.km_write_timeout_seconds,
    queue_s=settings.queue_timeout_seconds,
    wait=settings.km_write_await,
    defer=settings.defer,
)
handle = serve(
    "km-write",
    settings,
    {
        "/": Route(
            read=EventReader(ACCEPTS, request_type=REQUEST_TYPE, batch=True), use_case=create_handler(ports, policy)
        )
    },
)
