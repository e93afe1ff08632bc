"""The target's own health check, asked as its clients would ask it."""

from __future__ import annotations

from typing import Final

from functions.verify_execution.core.questions import Question
from functions.verify_execution.core.readings import HttpProbe, SensorKind
from functions.verify_execution.sensors.addresses import Addresses
from shared.adapters.endpoints import Endpoint
from shared.adapters.http import HttpClient
from shared.domain.calls import CallFailed, FailureKind
from shared.domain.ports import Clock

# A connection from before the restart says nothing about who listens now.
_ANEW: Final = {"connection": "close"}


class HttpProbeSensor:
    """One GET; see :class:`functions.verify_execution.observing.Sensor`.

    Args:
        http: the process's client.
        addresses: of health checks, by target.
        clock: for the time of the reading.
        timeout_s: for the whole of it.
    """

    def __init__(self, http: HttpClient, addresses: Addresses, clock: Clock, *, timeout_s: float = 8.0) -> None:
        self._http = http
        self._addresses = addresses
        self._clock = clock
        self._timeout_s = timeout_s
        self.name = "http"
        self.kind = SensorKind.HTTP
        self.about_target = True
        self.required = True

    def suits(self, question: Question) -> bool:
        """Targets that settings have an address for."""
        return self._addresses.of(question.target) is not None

    async def read(self, question: Question) -> HttpProbe:
        """Its status. Nobody there is a reading too; too late or too long is none."""
        at = self._clock.now()
        url = self._addresses.of(question.target)
        if url is None:
            raise CallFailed(FailureKind.NOT_FOUND)
        try:
            answer = await Endpoint(http=self._http, url=url, timeout_s=self._timeout_s).get(headers=_ANEW)
        except CallFailed as error:
            if error.kind is not FailureKind.UNREACHABLE:
                raise
            return HttpProbe(at=at, status=None)
        return HttpProbe(at=at, status=answer.status)
