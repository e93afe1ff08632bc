"""A target that tests play: sensors in another process ask over a socket, and are answered when it suits the test.

A question is the target's name on a line of its own; an answer is one word: ``up``, ``down`` or ``dead``. A question
that is held is a sensor that hangs, and the process that asked is known to be at that very step.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, Self

from functions.verify_execution.core.questions import Question
from functions.verify_execution.core.readings import Reading, SensorKind, Workload
from shared.domain.calls import CallFailed, FailureKind
from shared.domain.ports import Clock

if TYPE_CHECKING:
    from types import TracebackType

Behaviour = Callable[[], str]
"""The word that answers a target's next question."""

READY: Final = {"up": 2, "down": 0}
REPLICAS: Final = 2


class Laboratory:
    """Answers for every target.

    Attributes:
        behaviours: by target.
        asked: by target, how often; also by processes that are no more.
        said: by target and word, how often.
    """

    def __init__(self) -> None:
        self.behaviours: Final[dict[str, Behaviour]] = {}
        self.asked: Final[Counter[str]] = Counter()
        self.said: Final[Counter[tuple[str, str]]] = Counter()
        self._holds: Final[dict[str, int]] = {}
        self._held: Final[list[tuple[str, asyncio.StreamWriter]]] = []
        self._lines: Final[set[asyncio.StreamWriter]] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def held(self) -> set[str]:
        """The targets of which a question is held."""
        return {target for target, _ in self._held}

    def hold(self, targets: Iterable[str], *, question: int) -> None:
        """Leave the so manieth question from now without an answer, of each target."""
        self._holds.update({target: self.asked[target] + question for target in targets})

    def release(self) -> None:
        """Answer what is held."""
        self._holds.clear()
        while self._held:
            self._answer(*self._held.pop())

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._listen, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, also on whoever still waits."""
        assert self._server is not None
        self._server.close()
        for line in self._lines:
            line.close()
        await asyncio.gather(*(line.wait_closed() for line in self._lines), return_exceptions=True)

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines.add(writer)
        target = (await reader.readline()).decode().strip()
        if not target:
            return  # killed before it could ask
        self.asked[target] += 1
        if self.asked[target] == self._holds.get(target):
            self._held.append((target, writer))
        else:
            self._answer(target, writer)

    def _answer(self, target: str, writer: asyncio.StreamWriter) -> None:
        word = self.behaviours[target]()
        self.said[target, word] += 1
        writer.write(f"{word}\n".encode())
        writer.close()


class LaboratorySensor:
    """See :class:`functions.verify_execution.observing.Sensor`."""

    kind = SensorKind.WORKLOAD
    about_target = True
    required = True

    def __init__(self, name: str, port: int, clock: Clock) -> None:
        self.name = name
        self._port = port
        self._clock = clock

    def suits(self, question: Question) -> bool:
        """It sees every target."""
        return question.target.kind == "Deployment"

    async def read(self, question: Question) -> Reading:
        """Ask, for as long as it takes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(f"{question.target.name}\n".encode())
            said = (await reader.readline()).decode().strip()
        finally:
            writer.close()
        if said not in READY:
            raise CallFailed(FailureKind.UNREACHABLE)
        return Workload(
            at=self._clock.now(),
            generation=1,
            observed_generation=1,
            desired=REPLICAS,
            updated=REPLICAS,
            ready=READY[said],
            available=READY[said],
            restarts=0,
            revisions=3,
        )
