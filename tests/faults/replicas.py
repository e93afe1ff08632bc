"""Processes of one function, started as its image starts them, and what is done to them."""

from __future__ import annotations

import os
import random
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from shared.local.processes import Program, Supervisor

if TYPE_CHECKING:
    from types import TracebackType

_ROOT: Final = Path(__file__).parents[2]
_GUNICORN: Final = ("-m", "gunicorn", "-c", "shared/runtime/gunicorn_conf.py", "functions_framework.aio:app")
_PORTS: Final = (20_000, 32_768)


class Replicas:
    """Processes side by side. As a context manager it leaves none.

    Args:
        source: the composition that is started.
        folder: for their logs.
        settings: the environment of each, by its name.
        more: of each program, such as its ``grace_s``.
    """

    def __init__(self, source: str, folder: Path, settings: Mapping[str, Mapping[str, str]], **more: float) -> None:
        self.names: Final = list(settings)
        self._source: Final = source
        self._folder: Final = folder
        self._settings: Final = settings
        self._more: Final = more
        self._ports: Final = {name: _free_port() for name in settings}
        self._supervisor: Final = Supervisor()
        self._running: Final[set[str]] = set()

    def url(self, name: str) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._ports[name]}"

    def start(self, *names: str) -> None:
        """Start some of them, side by side."""
        self._running.update(names)
        self._supervisor.start(*(self._program(name) for name in names))

    def kill9(self, name: str) -> None:
        """SIGKILL."""
        self._running.remove(name)
        self._supervisor.kill9(name)

    def terminate(self, name: str) -> int:
        """SIGTERM, and wait; its exit code."""
        self._running.remove(name)
        return self._supervisor.terminate(name)

    def stall(self, name: str) -> None:
        """Stop it in its tracks, as a frozen machine would be."""
        os.killpg(self._supervisor.pid(name), signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let it go on where it was stopped."""
        os.killpg(self._supervisor.pid(name), signal.SIGCONT)

    def __enter__(self) -> Self:
        """Start all."""
        try:
            self.start(*self.names)
        except BaseException:
            self._supervisor.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all; nothing here is worth an orderly end."""
        for name in list(self._running):
            self.kill9(name)

    def _program(self, name: str) -> Program:
        env = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}",
            "APP_BIND": f"127.0.0.1:{self._ports[name]}",
            "FUNCTION_SOURCE": self._source,
            "FUNCTION_TARGET": "handle",
            "AUTH_MODE": "network",
            **self._settings[name],
        }
        return Program(
            name=name,
            argv=[sys.executable, *_GUNICORN],
            log=self._folder / f"{name}.log",
            env=env,
            cwd=_ROOT,
            ready=f"{self.url(name)}/readyz",
            **self._more,
        )


def _free_port() -> int:
    """Below those that outgoing connections are given: one might have it when a killed process comes back."""
    while True:
        port = random.randrange(*_PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
