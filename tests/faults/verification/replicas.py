"""Processes of verify-execution, started as its image starts them, and what is done to them."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from shared.local.processes import Program, Supervisor

if TYPE_CHECKING:
    from types import TracebackType

_ROOT: Final = Path(__file__).parents[3]
_GUNICORN: Final = ("-m", "gunicorn", "-c", "shared/runtime/gunicorn_conf.py", "functions_framework.aio:app")

SENSOR_S: Final = 1.0
_TIMING: Final = {
    "VERIFY_WARMUP_SECONDS": "0.2",
    "VERIFY_SOAK_SECONDS": "0.3",
    "VERIFY_INTERVAL_SECONDS": "0.1",
    "SENSOR_TIMEOUT_SECONDS": str(SENSOR_S),
}
# The only long wait; what is told to end must not need it.
_GRACE_S: Final = 10.0


class Replicas:
    """So many processes side by side. As a context manager it leaves none.

    Args:
        count: how many.
        folder: for their logs.
        whole_s: the bound of a verification.
        settings: the rest of their environment.
    """

    def __init__(self, count: int, folder: Path, *, whole_s: float, **settings: str) -> None:
        self.names: Final = [f"verify-{number + 1}" for number in range(count)]
        self._ports: Final = {name: _free_port() for name in self.names}
        self._supervisor: Final = Supervisor()
        self._running: Final[set[str]] = set()
        self._folder: Final = folder
        self._settings: Final = {**_TIMING, "VERIFY_TIMEOUT_SECONDS": str(whole_s), **settings}

    def url(self, name: str) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._ports[name]}/"

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
        self.start(*self.names)
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
            "FUNCTION_TARGET": "handle",
            "AUTH_MODE": "network",
            "SENSORS": "1",
            **self._settings,
        }
        return Program(
            name=name,
            argv=[sys.executable, *_GUNICORN],
            log=self._folder / f"{name}.log",
            env=env,
            cwd=_ROOT,
            ready=f"{self.url(name)}readyz",
            grace_s=_GRACE_S,
        )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
