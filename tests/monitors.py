"""The real Prometheus and Alertmanager on the files that ship; only addresses are others, and pauses are shorter."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHIPPED = Path(__file__).parents[1] / "templates" / "monitoring"
ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
PATIENCE_S = 60.0

needs_prometheus = pytest.mark.skipif(shutil.which("prometheus") is None, reason="no prometheus on this machine")
needs_alertmanager = pytest.mark.skipif(ALERTMANAGER is None, reason="no alertmanager on this machine")


@contextmanager
def prometheus(folder: Path, *, target: str, alertmanager: str, token: Path) -> Iterator[str]:
    """Scrapes ``target`` and evaluates the shipped rules each second, without their ``for``."""
    folder.mkdir()
    config = (SHIPPED / "prometheus.yml").read_text()
    config = config.replace("15s", "1s").replace("/etc/prometheus/secrets/aftercare-token", str(token))
    config = config.replace("console.aftercare.svc.cluster.local", target)
    config = config.replace("alertmanager.monitoring.svc.cluster.local:9093", alertmanager)
    (folder / "prometheus.yml").write_text(config)
    (folder / "rules.yml").write_text(re.sub(r"for: \d+m", "for: 0s", (SHIPPED / "rules.yml").read_text()))
    arguments = ["--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    with _serving("prometheus", folder, *arguments) as url:
        yield url


@contextmanager
def alertmanager(folder: Path, *, webhook: str, token: Path) -> Iterator[str]:
    """Routes and mutes as shipped."""
    assert ALERTMANAGER is not None
    folder.mkdir()
    config = (SHIPPED / "alertmanager.yml").read_text()
    config = config.replace("/etc/alertmanager/secrets/aftercare-token", str(token))
    config = config.replace("group_wait: 10s", "group_wait: 1s").replace("group_interval: 1m", "group_interval: 1s")
    config = config.replace("http://alert-bridge.aftercare.svc.cluster.local/alertmanager", webhook)
    (folder / "alertmanager.yml").write_text(config)
    arguments = ["--config.file=alertmanager.yml", "--storage.path=data", "--cluster.listen-address="]
    with _serving(ALERTMANAGER, folder, *arguments) as url:
        yield url


def until(found: Callable[[], Any]) -> Any:
    """What is found in the end; other processes take their time."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(0.2)
    raise AssertionError(f"nothing was found within {PATIENCE_S:.0f} s")


def asked(url: str, **params: str) -> Any:
    """The JSON at a URL; None while nobody is there."""
    try:
        answer = httpx.get(url, params=params, timeout=5, trust_env=False, verify=False)
    except httpx.TransportError:
        return None
    return answer.json() if answer.is_success else None


@contextmanager
def _serving(program: str, folder: Path, *arguments: str) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [program, *arguments, f"--web.listen-address={address}"], cwd=folder, stdout=log, stderr=log
        )
    try:
        until(lambda: _ready(f"http://{address}"))
        yield f"http://{address}"
    finally:
        server.terminate()
        server.wait(PATIENCE_S)


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", timeout=5, trust_env=False, verify=False).is_success
    except httpx.TransportError:
        return False
