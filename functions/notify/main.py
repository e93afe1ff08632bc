"""notify, composed: the environment becomes adapters, adapters become ``handle``."""

from __future__ import annotations

import os

from functions.notify.channels import receivers
from functions.notify.courier import DestinationCourier, Pace
from functions.notify.deliveries import PostgresDeliveries
from functions.notify.handler import Ports, create_handler
from functions.notify.model import ACCEPTS, REQUEST_TYPE
from functions.notify.settings import Settings
from shared.adapters.dsn import Dsn
from shared.adapters.http import HttpClient
from shared.adapters.postgres import Database, Limits
from shared.adapters.system import SystemClock
from shared.runtime.requests import EventReader
from shared.runtime.serving import Route, serve

# A tick delivers for a while, and its last message may be tried in three forms.
_DEADLINE_S = 55.0

settings = Settings.load(os.environ)
database = Database(
    Dsn.parse(settings.database_url.get_secret_value()),
    application="notify",
    limits=Limits(threads=settings.database_threads),
)
clock = SystemClock()
deliveries = PostgresDeliveries(database, repeat_s=settings.notify_repeat_seconds)
pace = Pace(gather_s=settings.notify_gather_seconds, interval_s=settings.notify_interval_seconds)

ports = Ports(
    deliveries=deliveries,
    couriers=[DestinationCourier(receiver, deliveries, clock, pace) for receiver in receivers(settings, HttpClient())],
    give_up_s=settings.notify_give_up_seconds,
)
handle = serve(
    "notify",
    settings,
    {"/": Route(read=EventReader(ACCEPTS, request_type=REQUEST_TYPE, ticks=True), use_case=create_handler(ports))},
    deadline_s=_DEADLINE_S,
)
