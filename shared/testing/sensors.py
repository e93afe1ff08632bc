"""Sensors that say what their script says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from enum import Enum, auto
from typing import NoReturn

from functions.verify_execution.core.questions import Question
from functions.verify_execution.core.readings import Reading, SensorKind
from shared.domain.calls import CallFailed, FailureKind
from shared.domain.ports import Clock


class Hang(Enum):
    """How a sensor never answers."""

    IDLE = auto()  # it waits, and ends when it is told to
    DEAF = auto()  # it does not end the first time it is told to


Step = Callable[[datetime], Reading] | FailureKind | Exception | Hang
"""What a sensor does at one look: a reading of that time, a failure it names, a bug, or nothing ever."""


class ScriptedSensor:
    """See :class:`functions.verify_execution.observing.Sensor`.

    Args:
        clock: for the time of its readings, and for how long they take.
        script: one step for each look; the last one is repeated.
        takes_s: seconds of each look.
        suits: the kinds of targets it can see; None is all.

    Attributes:
        asked: the questions so far.
    """

    def __init__(
        self,
        clock: Clock,
        *script: Step,
        name: str = "kubernetes",
        kind: SensorKind = SensorKind.WORKLOAD,
        about_target: bool = True,
        required: bool = True,
        takes_s: float = 0.0,
        suits: tuple[str, ...] | None = None,
    ) -> None:
        self._clock = clock
        self._script = script
        self._takes_s = takes_s
        self._suits = suits
        self.name = name
        self.kind = kind
        self.about_target = about_target
        self.required = required
        self.asked: list[Question] = []

    def suits(self, question: Question) -> bool:
        """Whether it can say anything about the target."""
        return self._suits is None or question.target.kind in self._suits

    async def read(self, question: Question) -> Reading:
        """Do the next step."""
        step = self._script[min(len(self.asked), len(self._script) - 1)]
        self.asked.append(question)
        if self._takes_s:
            await self._clock.sleep(self._takes_s)
        if isinstance(step, Hang):
            await _hang(step)
        if isinstance(step, FailureKind):
            raise CallFailed(step)
        if isinstance(step, Exception):
            raise step
        return step(self._clock.now())


async def _hang(how: Hang) -> NoReturn:
    if how is Hang.DEAF:
        with suppress(asyncio.CancelledError):
            await asyncio.get_running_loop().create_future()
    await asyncio.get_running_loop().create_future()
    raise AssertionError("nobody knows of this future")
