"""Asking all sensors at once: each within its own time, and one that hangs costs nobody else anything.

A failure becomes data here, because a missing reading means something to the verdict. This is the one place beside
the outermost boundary that catches everything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from functions.verify_execution.core.questions import Question
from functions.verify_execution.core.readings import Attempt, Reading, SensorFailure, SensorKind, Snapshot
from shared.domain.calls import CallFailed, FailureKind
from shared.domain.ports import Clock


class Sensor(Protocol):
    """One instrument.

    Attributes:
        name: unique among the sensors; the name in the ledger.
        kind: what its readings are.
        about_target: it looks at the target itself.
        required: a success needs its reading.
    """

    name: str
    kind: SensorKind
    about_target: bool
    required: bool

    def suits(self, question: Question) -> bool:
        """Whether this instrument can say anything about the target."""

    async def read(self, question: Question) -> Reading:
        """Take one reading.

        Raises:
            CallFailed: there is none.
        """


def plan(sensors: Sequence[Sensor], question: Question) -> list[str]:
    """The names of the sensors to ask; pinned with a verification, so that before and after are comparable."""
    return [sensor.name for sensor in sensors if sensor.suits(question)]


async def observe(
    sensors: Sequence[Sensor], question: Question, *, names: Sequence[str], timeout_s: float, clock: Clock
) -> Snapshot:
    """Ask the planned sensors, in parallel; takes at most ``timeout_s``, whatever they do."""
    began = clock.monotonic()
    by_name = {sensor.name: sensor for sensor in sensors}
    asked = {name: asyncio.create_task(_read(by_name[name], question, clock)) for name in names if name in by_name}
    try:
        if asked:
            await asyncio.wait(asked.values(), timeout=timeout_s)
    finally:
        # Not awaited: one that does not heed this must not hold up the others, nor the verdict.
        for task in asked.values():
            task.cancel()
    waited_s = clock.monotonic() - began
    attempts = [
        _attempt(by_name[name], asked[name], waited_s) if name in asked else _absent(name)
        for name in dict.fromkeys(names)
    ]
    return Snapshot(taken_at=clock.now(), attempts=tuple(attempts))


async def _read(sensor: Sensor, question: Question, clock: Clock) -> tuple[Reading | SensorFailure, float]:
    """A reading, or why there is none; and the seconds it took."""
    began = clock.monotonic()
    result: Reading | SensorFailure
    try:
        result = await sensor.read(question)
    except CallFailed as error:
        result = SensorFailure(error.kind)
    except TimeoutError:
        result = SensorFailure(FailureKind.TIMEOUT)
    except Exception:  # noqa: BLE001 - the fan-out: whatever a sensor does, it is a missing reading and nothing more
        result = SensorFailure(FailureKind.UNREADABLE)
    return result, clock.monotonic() - began


def _attempt(sensor: Sensor, task: asyncio.Task[tuple[Reading | SensorFailure, float]], waited_s: float) -> Attempt:
    hangs = not task.done() or task.cancelled()
    result, took_s = (SensorFailure(FailureKind.TIMEOUT), waited_s) if hangs else task.result()
    return Attempt(
        sensor=sensor.name,
        kind=sensor.kind,
        about_target=sensor.about_target,
        required=sensor.required,
        duration_s=round(took_s, 3),
        result=result,
    )


def _absent(name: str) -> Attempt:
    """A sensor of the plan that this process does not have: nobody may take its silence for a good reading."""
    return Attempt(
        sensor=name,
        kind=None,
        about_target=False,
        required=True,
        duration_s=0.0,
        result=SensorFailure(FailureKind.ABSENT),
    )
