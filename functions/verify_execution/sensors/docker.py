"""The Docker Engine: does the container run, does its health check pass, how often was it restarted."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from functions.verify_execution.core.questions import Question
from functions.verify_execution.core.readings import Container, ContainerHealth, SensorKind
from shared.adapters.endpoints import Endpoint
from shared.domain.calls import CallFailed, FailureKind
from shared.domain.ports import Clock

_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}")
_FIRST_YEAR: Final = 1  # in which everything began that never began


def _pascal(field: str) -> str:
    return "".join(word.capitalize() for word in field.split("_"))


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", alias_generator=_pascal)


class _Health(_Part):
    status: Literal["", "none", "starting", "healthy", "unhealthy"]


class _State(_Part):
    running: bool
    paused: bool = False
    restarting: bool = False
    dead: bool = False
    oom_killed: bool = Field(default=False, alias="OOMKilled")
    started_at: Annotated[AwareDatetime, Field(strict=False)]
    health: _Health | None = None


class _Inspected(_Part):
    id: str
    name: str
    restart_count: int
    state: _State


class DockerSensor:
    """A container; see :class:`functions.verify_execution.observing.Sensor`.

    Args:
        endpoint: the Engine; over a unix socket any host name will do.
        clock: for the time of the reading.
        host: the machine's name; an alert that names another one is not about a container here. None takes every one.
    """

    def __init__(self, endpoint: Endpoint, clock: Clock, *, host: str | None = None) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._host = host
        self.name = "docker"
        self.kind = SensorKind.CONTAINER
        self.about_target = True
        self.required = True

    def suits(self, question: Question) -> bool:
        """Containers of this machine."""
        named = question.labels.get("host")
        return question.target.kind == "Container" and (self._host is None or named is None or named == self._host)

    async def read(self, question: Question) -> Container:
        """The container of exactly this name."""
        at = self._clock.now()
        name = question.target.name
        if not _NAME.fullmatch(name):
            raise CallFailed(FailureKind.NOT_FOUND)
        seen = await self._endpoint.ask(_Inspected, f"/containers/{name}/json")
        # The Engine also takes the beginning of an id for a name, and would answer with somebody else's container.
        if name not in (seen.name.removeprefix("/"), seen.id):
            raise CallFailed(FailureKind.NOT_FOUND)
        state = seen.state
        return Container(
            at=at,
            # While it waits for its next restart, is frozen or cannot be removed, the Engine still says "running".
            running=state.running and not (state.paused or state.restarting or state.dead),
            health=ContainerHealth.NONE if state.health is None else ContainerHealth(state.health.status or "none"),
            restarts=seen.restart_count,
            oom_killed=state.oom_killed,
            started_at=_began(state.started_at),
        )


def _began(at: datetime) -> datetime | None:
    return None if at.year == _FIRST_YEAR else at
