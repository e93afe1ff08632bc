"""backfill-reconcile, composed: the environment becomes adapters, adapters become ``handle``."""

from __future__ import annotations

import os
import socket
from functools import partial

from functions.backfill_reconcile.drain import Drain, DrainPolicy, Replay
from functions.backfill_reconcile.handler import Ports, create_dead_letter_handler, create_tick_handler
from functions.backfill_reconcile.model import ACCEPTS, FUNCTION, Drained
from functions.backfill_reconcile.settings import Settings
from functions.backfill_reconcile.upkeep import KnowledgeReplay, PostgresQuarantine, PostgresUpkeep, Redelivery
from shared.adapters.dead_letter_streams import RedisDeadLetters, connect
from shared.adapters.dsn import Dsn
from shared.adapters.http import http_sink
from shared.adapters.knowledge_store import PostgresKnowledge
from shared.adapters.postgres import Database, Limits
from shared.adapters.relay import Relay
from shared.adapters.slots import Slots
from shared.adapters.system import SystemClock
from shared.domain.dead_letters import BROKER_STREAM, KNOWLEDGE_STREAM, Caps
from shared.runtime.requests import EventReader
from shared.runtime.serving import Route, serve
from shared.runtime.settings import Durability

settings = Settings.load(os.environ)
owner = f"{socket.gethostname()}-{os.getpid()}"
database = Database(
    Dsn.parse(settings.database_url.get_secret_value()),
    application=FUNCTION,
    limits=Limits(threads=settings.database_threads),
)
caps = Caps(
    entries=settings.dlq_max_entries,
    bytes=settings.dlq_max_bytes,
    durability_asserted=settings.dlq_durability is Durability.ASSERTED,
)
redis = connect(settings.redis_url.get_secret_value(), timeout_s=settings.queue_timeout_seconds)
letters = RedisDeadLetters(redis, caps, consumer=owner)
sink = http_sink(settings.sink, settings.event_routes, token=settings.token)
relay = Relay(database, sink)
slots = Slots(
    database,
    FUNCTION,
    owner=owner,
    interval_s=settings.reconcile_interval_seconds,
    lease_s=settings.reconcile_lease_seconds,
)
clock = SystemClock()
quarantine = PostgresQuarantine(database)
policy = DrainPolicy(
    group=settings.drain_group, idle_s=settings.drain_idle_seconds, budget_s=settings.drain_budget_seconds
)
replays: dict[str, Replay] = {
    KNOWLEDGE_STREAM: KnowledgeReplay(PostgresKnowledge(database, announce=sink is not None), deadline_s=5.0),
    BROKER_STREAM: Redelivery(database, can_send=sink is not None),
}


async def drain(stream: str) -> Drained:
    """Drain one stream."""
    return await Drain(stream, letters, quarantine, replays[stream], clock, policy).run()


ports = Ports(
    upkeep=PostgresUpkeep(
        database,
        relay,
        slots,
        retention_days=settings.inbox_retention_days,
        announce=sink is not None,
    ),
    drains={stream: partial(drain, stream) for stream in replays},
    dead_letters=letters,
    quarantine=quarantine,
    clock=clock,
    can_send=sink is not None,
    enabled=settings.enable_km_backfill_reconciler,
)
handle = serve(
    FUNCTION,
    settings,
    {
        "/": Route(read=EventReader(ACCEPTS, ticks=True), use_case=create_tick_handler(ports)),
        "/dead-letter": Route(read=EventReader(None), use_case=create_dead_letter_handler(ports)),
    },
)
