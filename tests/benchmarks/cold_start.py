"""From nothing to the first answered event: a new process, exactly as an image starts it, and one request.

Byte-code is compiled, as it is in the images. What the development environment has and an image has not is hidden:
with ``rich`` around, structlog imports it, and httpx does.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from tests.benchmarks.results import Failed, Run
from tests.benchmarks.stage import spare_port

_ROOT = Path(__file__).parents[2]
_PATIENCE_S = 30.0
_PAUSE_S = 0.001
_IMPORT_ROUNDS = 5
_NOT_IN_AN_IMAGE = ("rich", "pygments", "greenlet", "cryptography")
_SERVER = ["-m", "gunicorn", "functions_framework.aio:app"]
_CONFIGURATION = "shared/runtime/gunicorn_conf.py"
_IMPORTS = "import gunicorn.app.wsgiapp, uvloop, httptools, shared.runtime.gunicorn_conf"
_IMPORT_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)")


def hide(folder: Path) -> Path:
    """A folder for PYTHONPATH in which those modules cannot be imported."""
    for name in _NOT_IN_AN_IMAGE:
        (folder / f"{name}.py").write_text("raise ImportError('not in an image')\n")
    return folder


def bare(hidden: Path) -> Run:
    """The framework, with a function that does nothing."""
    server = [*_SERVER, "--worker-class=uvicorn_worker.UvicornWorker", "--log-level=warning"]
    request = b"POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 0\r\n\r\n"
    return _start(server, "tests/benchmarks/noop.py", {}, hidden, request)


def function(name: str, settings: Mapping[str, str], hidden: Path, request: bytes) -> Run:
    """One of ours; its first answer says that something is durable."""
    return _start([*_SERVER, f"--config={_CONFIGURATION}"], f"functions/{name}/main.py", settings, hidden, request)


def _start(server: list[str], source: str, settings: Mapping[str, str], hidden: Path, request: bytes) -> Run:
    port = spare_port()
    command = [sys.executable, *server, f"--bind=127.0.0.1:{port}"]
    env = _environment(source, settings, hidden)
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=_ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            answer = _ask(port, request, process)
            seconds = time.perf_counter() - began
            memory_mb = _memory_mb(process.pid)
        finally:
            process.terminate()
    if not answer.startswith(b"HTTP/1.1 20"):
        raise Failed(f"{source} answered {answer[:300].decode(errors='replace')}")
    return Run(1 / seconds, seconds * 1000, rss_mb=memory_mb)


def _environment(source: str, settings: Mapping[str, str], hidden: Path) -> dict[str, str]:
    target = {"FUNCTION_SOURCE": source, "FUNCTION_TARGET": "handle"}
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(hidden), **target, **settings}


def _ask(port: int, request: bytes, process: subprocess.Popen[bytes]) -> bytes:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), _PATIENCE_S) as line:
                line.sendall(request)
                return line.recv(65_536)
        except ConnectionRefusedError:
            time.sleep(_PAUSE_S)
        if process.poll() is not None and process.stderr is not None:
            raise Failed(process.stderr.read().decode(errors="replace"))
    raise Failed("the server does not answer")


def _memory_mb(pid: int) -> float:
    """Resident memory of the server and its worker; 0 where the system does not tell."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        sizes = [Path(f"/proc/{process}/statm").read_text().split()[1] for process in (pid, *children)]
    except OSError:
        return 0.0
    return sum(map(int, sizes)) * os.sysconf("SC_PAGE_SIZE") / 2**20


def imports(name: str, settings: Mapping[str, str], hidden: Path, *, most: int) -> list[tuple[str, float]]:
    """Milliseconds of imports by top-level package, the costliest first; the server's own are among them."""
    env = _environment(f"functions/{name}/main.py", settings, hidden)
    command = [sys.executable, "-X", "importtime", "-c", f"{_IMPORTS}, functions.{name}.main"]
    found: list[Counter[str]] = []
    for _ in range(_IMPORT_ROUNDS):
        done = subprocess.run(command, cwd=_ROOT, env=env, check=True, capture_output=True, text=True)
        total: Counter[str] = Counter()
        for microseconds, module in _IMPORT_LINE.findall(done.stderr):
            total[module.partition(".")[0]] += int(microseconds)
        found.append(total)
    typical = Counter({package: int(median(total[package] for total in found)) for package in found[0]})
    return [(package, microseconds / 1000) for package, microseconds in typical.most_common(most)]
