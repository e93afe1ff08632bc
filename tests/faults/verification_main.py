"""verify-execution composed with sensors that tests play; everything else is as shipped.

``SENSORS`` is how many there are. With ``LABORATORY``, a port, they ask there; without it each takes ``SENSOR_S``
seconds and sees a healthy target.
"""

from __future__ import annotations

import asyncio
import os

from functions.verify_execution.captures import PostgresBaselines
from functions.verify_execution.core.questions import Question
from functions.verify_execution.core.readings import Reading, SensorKind, Workload
from functions.verify_execution.core.timetable import Timing
from functions.verify_execution.handler import Ports, create_handler
from functions.verify_execution.model import ACCEPTS, REQUEST_TYPE
from functions.verify_execution.observing import Sensor
from functions.verify_execution.settings import Settings
from functions.verify_execution.verifications import PostgresVerifications
from shared.adapters.dsn import Dsn
from shared.adapters.http import HttpClient, HttpSink
from shared.adapters.postgres import Database, Limits
from shared.adapters.relay import Relay
from shared.adapters.system import SystemClock
from shared.runtime.requests import EventReader
from shared.runtime.serving import Route, serve
from shared.runtime.stopping import Stopping
from tests.faults.laboratory import LaboratorySensor

settings = Settings.load(os.environ)
timing = Timing(
    warmup_s=settings.verify_warmup_seconds,
    soak_s=settings.verify_soak_seconds,
    whole_s=settings.verify_timeout_seconds,
    sensor_s=settings.sensor_timeout_seconds,
    interval_s=settings.verify_interval_seconds,
    recheck_scale=settings.verify_recheck_scale,
)
clock = SystemClock()


class SteadySensor:
    """It sees a healthy target, after a while."""

    kind = SensorKind.WORKLOAD
    required = True

    def __init__(self, name: str, *, about_target: bool, takes_s: float) -> None:
        self.name = name
        self.about_target = about_target
        self._takes_s = takes_s

    def suits(self, question: Question) -> bool:
        """It sees every target."""
        return question.target.kind == "Deployment"

    async def read(self, question: Question) -> Reading:  # noqa: ARG002 - the port's
        """Take as long as it takes."""
        await clock.sleep(self._takes_s)
        counts = {"desired": 2, "updated": 2, "ready": 2, "available": 2, "restarts": 0}
        return Workload(at=clock.now(), generation=1, observed_generation=1, **counts)


def sensor(number: int) -> Sensor:
    """One of the sensors."""
    name, laboratory = f"sensor-{number}", os.environ.get("LABORATORY")
    if laboratory is not None:
        return LaboratorySensor(name, int(laboratory), clock)
    return SteadySensor(name, about_target=number == 0, takes_s=float(os.environ["SENSOR_S"]))


database = Database(
    Dsn.parse(settings.database_url.get_secret_value()),
    application="verify-execution",
    limits=Limits(threads=settings.database_threads),
)
sink = None if settings.sink is None else HttpSink(HttpClient(), settings.sink)
relay = Relay(database, sink)
ports = Ports(
    verifications=PostgresVerifications(
        database,
        relay,
        timing,
        announce=sink is not None,
        propose_rollbacks=settings.enable_self_healing_validator,
    ),
    baselines=PostgresBaselines(database, relay, announce=sink is not None),
    sensors=[sensor(number) for number in range(int(os.environ["SENSORS"]))],
    clock=clock,
    timing=timing,
    unless_stopping=Stopping().unless_stopping,
    places=asyncio.Semaphore(settings.verify_at_once),
)
handle = serve(
    "verify-execution",
    settings,
    {"/": Route(read=EventReader(ACCEPTS, request_type=REQUEST_TYPE, ticks=True), use_case=create_handler(ports))},
    deadline_s=settings.verify_timeout_seconds + 15,
)
