"""Functions as processes of their own, started as their images start them."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from shared.local.processes import Program, Supervisor

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A function that serves.

    Attributes:
        url: where.
        log: all that it printed, also after it has ended.
        pid: of gunicorn's master.
    """

    url: str
    log: Path
    pid: int = 0


@contextmanager
def deployed(folder: Path, *functions: str, **settings: str) -> Iterator[list[Deployed]]:
    """Start functions side by side, the same one perhaps twice; ``settings`` are their environment."""
    places = [Deployed(url=f"http://127.0.0.1:{_free_port()}", log=folder / f"{n}.log") for n in range(len(functions))]
    with Supervisor() as supervisor:
        supervisor.start(*(_program(f, place, settings) for f, place in zip(functions, places, strict=True)))
        yield [replace(place, pid=supervisor.pid(place.log.stem)) for place in places]


def _program(function: str, place: Deployed, settings: dict[str, str]) -> Program:
    env = {
        "PATH": os.environ["PATH"],
        "APP_BIND": place.url.removeprefix("http://"),
        "FUNCTION_SOURCE": f"functions/{function}/main.py",
        "FUNCTION_TARGET": "handle",
        **{name.upper(): value for name, value in settings.items()},
    }
    configuration = "shared/runtime/gunicorn_conf.py"
    argv = [sys.executable, "-m", "gunicorn", "-c", configuration, "functions_framework.aio:app"]
    return Program(name=place.log.stem, argv=argv, log=place.log, env=env, cwd=ROOT, ready=f"{place.url}/readyz")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
