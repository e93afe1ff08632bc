"""The checks, composed of settings: once for the function, once for the command."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import Final

from functions.governance_check.counts import PostgresCounts
from functions.governance_check.handler import Lease, Ports
from functions.governance_check.inspectors import inspectors
from functions.governance_check.ledger import PostgresLedger, Terms
from functions.governance_check.metrics import PrometheusMetrics
from functions.governance_check.model import FUNCTION
from functions.governance_check.no_lease import NoLease
from functions.governance_check.settings import GovernanceSettings
from shared.adapters.dsn import Dsn
from shared.adapters.endpoints import Endpoint
from shared.adapters.http import HttpClient
from shared.adapters.postgres import Database, Limits
from shared.adapters.prometheus import PrometheusApi
from shared.adapters.relay import Relay
from shared.adapters.slots import Slots
from shared.adapters.system import SystemClock
from shared.domain.ports import EventSink

_OWNER: Final = f"{socket.gethostname()}-{os.getpid()}"


@dataclass(frozen=True, slots=True)
class House:
    """What was composed: the ports, and what has to be closed or asked again."""

    ports: Ports
    database: Database
    relay: Relay


def compose(settings: GovernanceSettings, http: HttpClient, sink: EventSink | None) -> House:
    """Adapters for the settings; ``http`` asks Prometheus, ``sink`` is where events go, if anywhere."""
    database = Database(
        Dsn.parse(settings.database_url.get_secret_value()),
        application=FUNCTION,
        limits=Limits(threads=settings.database_threads, statement_s=settings.governance_check_timeout_seconds),
    )
    relay = Relay(database, sink)
    slots = Slots(
        database,
        FUNCTION,
        owner=_OWNER,
        interval_s=settings.governance_interval_seconds,
        lease_s=settings.governance_lease_seconds,
    )
    terms = Terms(pause_s=settings.governance_redispatch_seconds, announce=sink is not None)
    policy = settings.policy
    ports = Ports(
        checks=inspectors(PostgresCounts(database, policy), _metrics(settings, http), policy),
        ledger=PostgresLedger(database, relay, slots, policy, terms),
        lease=_lease(settings),
        clock=SystemClock(),
        policy=policy,
        timeout_s=settings.governance_check_timeout_seconds,
        read_only=settings.governance_read_only,
    )
    return House(ports, database, relay)


def _metrics(settings: GovernanceSettings, http: HttpClient) -> PrometheusMetrics | None:
    if settings.prometheus_url is None:
        return None
    timeout_s = settings.prometheus_timeout_seconds
    return PrometheusMetrics(PrometheusApi(Endpoint(http=http, url=settings.prometheus_url, timeout_s=timeout_s)))


def _lease(settings: GovernanceSettings) -> Lease:
    if settings.redis_url is None:
        return NoLease()
    # A start without Redis does not wait for its client.
    from functions.governance_check.lease import RedisLease  # noqa: PLC0415
    from shared.adapters.dead_letter_streams import connect  # noqa: PLC0415

    redis = connect(settings.redis_url.get_secret_value(), timeout_s=settings.lease_timeout_seconds)
    return RedisLease(redis, owner=_OWNER, lease_s=settings.governance_lease_seconds)
