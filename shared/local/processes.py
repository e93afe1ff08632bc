"""The programs of a local run, by name: started side by side, awaited until they answer, ended in reverse order.

Nothing is restarted by itself: on a laptop a crash should be seen.
"""

from __future__ import annotations

import http.client
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

from shared.local.children import Child, ProcessFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

_PAUSE_S: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Something to run.

    Attributes:
        name: what people call it.
        argv: the program and its arguments.
        log: takes what it prints, appended.
        env: its whole environment; None means ours.
        cwd: its folder; None means ours.
        ready: a URL that answers 200, or a question, asked until it says yes; None means ready at once.
        grace_s: seconds between SIGTERM and SIGKILL.
    """

    name: str
    argv: Sequence[str]
    log: Path
    env: Mapping[str, str] | None = field(default=None, repr=False)
    cwd: Path | None = None
    ready: str | Callable[[], bool] | None = None
    grace_s: float = 10.0

    def is_ready(self) -> bool:
        """Whether it answers."""
        return _answers_ok(self.ready) if isinstance(self.ready, str) else self.ready is None or self.ready()


class Supervisor:
    """Programs by name. As a context manager it leaves nothing running."""

    def __init__(self) -> None:
        self._programs: dict[str, Program] = {}
        self._children: dict[str, Child] = {}

    def start(self, *programs: Program, timeout_s: float = 30.0) -> None:
        """Start all of them side by side and wait until each is ready.

        Raises:
            ProcessFailed: one ended, or was not ready in time.
        """
        for program in programs:
            if program.name in self._children:
                raise ProcessFailed(f"{program.name} is already started.")
            self._programs[program.name] = program
            self._children[program.name] = Child.spawn(program.argv, log=program.log, env=program.env, cwd=program.cwd)
        deadline = time.monotonic() + timeout_s
        for program in programs:
            self._until_ready(program, deadline)

    def terminate(self, name: str) -> int:
        """SIGTERM, and SIGKILL after its grace period; its exit code."""
        return self._children.pop(name).stop(self._programs[name].grace_s)

    def kill9(self, name: str) -> int:
        """SIGKILL for it and everything it started; its exit code."""
        return self._children.pop(name).kill9()

    def restart(self, name: str, *, timeout_s: float = 30.0) -> None:
        """Terminate it if it runs, and start it again."""
        if name in self._children:
            self.terminate(name)
        self.start(self._programs[name], timeout_s=timeout_s)

    def pid(self, name: str) -> int:
        """The process that leads it; gunicorn's master, for a function."""
        return self._children[name].pid

    def ended(self) -> dict[str, int]:
        """Who ended without being asked to, with the exit code."""
        codes = {name: child.exit_code() for name, child in self._children.items()}
        return {name: code for name, code in codes.items() if code is not None}

    def stop(self) -> None:
        """End all of them, the last started first."""
        for name in reversed(list(self._children)):
            self.terminate(name)

    def __enter__(self) -> Self:
        """Nothing is started by entering."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all of them."""
        self.stop()

    def _until_ready(self, program: Program, deadline: float) -> None:
        child = self._children[program.name]
        while not program.is_ready():
            code = child.exit_code()
            if code is not None:
                raise ProcessFailed(f"{program.name} ended with {code} before it was ready:\n{child.last_words()}")
            if time.monotonic() >= deadline:
                raise ProcessFailed(f"{program.name} is not ready in time; its log says:\n{child.last_words()}")
            time.sleep(_PAUSE_S)


def _answers_ok(url: str) -> bool:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=2.0)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
