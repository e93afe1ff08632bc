"""The real service as a process that is started, broken, killed and restarted."""

from __future__ import annotations

import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from shared.local.ports import free_port, listens
from shared.local.servers import EmbeddedServer
from shared.local.simulators import service

_PROGRAM: Final = Path(service.__file__)
_PATIENCE_S: Final = 5.0


class ServiceProcess(EmbeddedServer):
    """The service of :mod:`shared.local.simulators.service`; ``restart`` is the fix.

    Args:
        folder: its log and lock.
        port: where it serves; None takes a free one. It keeps it over restarts.
        crash_after_s: it dies that long after each start, so that a restart is a bad fix.
    """

    name = "service"
    durable = False

    def __init__(self, folder: Path, *, port: int | None = None, crash_after_s: float | None = None) -> None:
        super().__init__(folder)
        self.port: Final = free_port() if port is None else port
        self.crash_after_s = crash_after_s

    @property
    def version(self) -> str:
        """Of the Python that runs it."""
        return sys.version.split()[0]

    @property
    def url(self) -> str:
        """Where it serves, while it lives."""
        return f"http://{service.HOST}:{self.port}"

    @property
    def break_file(self) -> Path:
        """Breaks it when it appears."""
        return self.folder / "break"

    def prepare(self) -> None:
        """There is nothing to prepare."""

    def command(self) -> Sequence[str]:
        """The program, in a bare interpreter."""
        crash = [] if self.crash_after_s is None else ["--crash-after", str(self.crash_after_s)]
        place = ["--port", str(self.port), "--break-file", str(self.break_file)]
        return [sys.executable, "-I", "-S", str(_PROGRAM), *place, *crash]

    def answers(self) -> bool:
        """Whether somebody takes connections; in good health or not."""
        return listens(self.port)

    def sabotage(self) -> None:
        """Break it, for as long as the process lives."""
        request = urllib.request.Request(f"{self.url}/break", method="POST")  # noqa: S310 - our own address
        with urllib.request.urlopen(request, timeout=_PATIENCE_S):  # noqa: S310 - the same
            pass
