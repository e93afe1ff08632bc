"""W6: a thousand executions that end at once, on one process, and whether it still answers its health checks.

``python -m tests.benchmarks.w6 <port> <executions> <run>`` is the load: every execution on a connection of its own, and
beside them one that asks for ``/livez`` a hundred times a second.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop

from shared.domain.executions import EXECUTION_COMPLETED
from tests.benchmarks.contest import Contest, Goal
from tests.benchmarks.results import Failed, Run, measured
from tests.deployed import deployed

if TYPE_CHECKING:
    from tests.benchmarks.stage import Stage
    from tests.benchmarks.workloads import Effort

EXECUTIONS = 1000
WARMUP_S, SOAK_S, SENSOR_S, SENSORS = 2.0, 3.0, 0.2, 4
SLACK, LIVEZ_MS = 1.3, 50.0

_IDEAL_S = WARMUP_S + SOAK_S + SENSOR_S
_BETWEEN_PINGS_S = 0.01
_PATIENCE_S = 120.0
_VERIFY = "verify-execution"
_GOAL = f"{SLACK} x the wait, /livez {LIVEZ_MS:.0f} ms"


@contextmanager
def verifying(stage: Stage, effort: Effort) -> Iterator[list[Contest]]:
    """The contest; p50 and p99 are those of the health checks."""
    settings = {
        "FUNCTION_SOURCE": "tests/faults/verification_main.py",
        "CONCURRENCY": str(EXECUTIONS),
        "VERIFY_AT_ONCE": str(EXECUTIONS),
        "VERIFY_WARMUP_SECONDS": str(WARMUP_S),
        "VERIFY_SOAK_SECONDS": str(SOAK_S),
        "SENSORS": str(SENSORS),
        "SENSOR_S": str(SENSOR_S),
    }
    folder = stage.folder / "verifying"
    folder.mkdir()
    with (
        stage.sink() as sink,
        deployed(folder, "verify_execution", **stage.settings, **settings, EVENT_SINK=sink) as (place,),
    ):
        port = place.url.rpartition(":")[2]
        yield [
            Contest(
                title=f"W6  {EXECUTIONS:,} verifications at once, {SENSORS} sensors each (waits are those of /livez)",
                contestants={
                    _GOAL: lambda _: Run(EXECUTIONS / (SLACK * _IDEAL_S), LIVEZ_MS, LIVEZ_MS),
                    _VERIFY: _verify(stage, port),
                },
                rounds=effort.rounds,
                figures=("rate", "p50_ms", "p99_ms", "rss_mb"),
                beside=(_GOAL,),
                goals=(
                    Goal(who=_VERIFY, beside=_GOAL, limit=1),
                    Goal(who=_VERIFY, beside=_GOAL, figure="p99_ms", limit=1, at_least=False),
                ),
            )
        ]


def _verify(stage: Stage, port: str) -> Callable[[str], Run]:
    def run(name: str) -> Run:
        result = measured("w6", port, EXECUTIONS, name)
        with stage.postgres.connection() as connection:
            kept = connection.run("SELECT verdict, count(*) FROM auto_repair_executions GROUP BY verdict")
        if kept != [["success", EXECUTIONS]]:
            raise Failed(f"of {EXECUTIONS} executions these are judged: {kept}")
        return result

    return run


def completion(run: str, number: int) -> bytes:
    """A request: one execution that has just ended."""
    now, name = datetime.now(UTC).isoformat(), f"{run}-{number}"
    target = {"namespace": "prod", "kind": "Deployment", "name": f"api-{number}"}
    data = {
        "execution_id": f"ex-{name}",
        "incident_id": f"INC-{name}",
        "alertname": "KubePodCrashLooping",
        "labels": {"namespace": "prod", "deployment": f"api-{number}", "severity": "critical"},
        "action": {"kind": "rollout_restart", "target": target},
        "playbook_id": f"pb-{number % 50}",
        "decided_by": "rule",
        "succeeded": True,
        "finished_at": now,
    }
    event = {
        "specversion": "1.0",
        "id": f"completed-{name}",
        "source": "/benchmarks",
        "type": EXECUTION_COMPLETED,
        "time": now,
        "subject": data["incident_id"],
        "datacontenttype": "application/json",
        "data": data,
    }
    body = json.dumps(event).encode()
    head = (
        f"POST / HTTP/1.1\r\nHost: f\r\nContent-Type: application/cloudevents+json\r\nContent-Length: {len(body)}\r\n"
    )
    return f"{head}\r\n".encode() + body


class Line(asyncio.Protocol):
    """One connection: a request, and the status line of its answer."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def ask(self, request: bytes) -> asyncio.Future[bytes]:
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.answer

    def data_received(self, data: bytes) -> None:
        if not self.answer.done():
            self.answer.set_result(data.partition(b"\r\n")[0])

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_exception(Failed(f"the connection was closed: {exc}"))


async def _line(port: int) -> Line:
    _, line = await asyncio.get_running_loop().create_connection(Line, "127.0.0.1", port)
    return line


async def _ping(port: int, waits_s: list[float]) -> None:
    line = await _line(port)
    while True:
        began = time.perf_counter()
        status = await line.ask(b"GET /livez HTTP/1.1\r\nHost: f\r\n\r\n")
        waits_s.append(time.perf_counter() - began)
        if b" 200" not in status:
            raise Failed(f"/livez answered {status!r}")
        await asyncio.sleep(_BETWEEN_PINGS_S)


async def main(port: int, executions: int, run: str) -> None:
    lines = [await _line(port) for _ in range(executions)]
    requests = [completion(run, number) for number in range(executions)]
    waits_s: list[float] = []
    pinging = asyncio.create_task(_ping(port, waits_s))
    began = time.perf_counter()
    async with asyncio.timeout(_PATIENCE_S):
        asked = [line.ask(request) for line, request in zip(lines, requests, strict=True)]
        answers = await asyncio.gather(*asked)
    seconds = time.perf_counter() - began
    if pinging.done():
        pinging.result()
    pinging.cancel()
    wrong = [answer for answer in answers if b" 204" not in answer and b" 200" not in answer]
    if wrong:
        raise Failed(f"{len(wrong)} of {executions} were not verified: {wrong[0]!r}")
    health = Run.of(waits_s, seconds)
    Run(executions / seconds, health.p50_ms, health.p99_ms, _memory_mb(port)).report()


def _memory_mb(port: int) -> float:
    """The most memory that the process behind the port ever had; 0 where the system does not tell."""
    needle = f"127.0.0.1:{port}".encode()
    most = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if needle in (folder / "environ").read_bytes():
                status = (folder / "status").read_text()
                most = max(most, int(status.partition("VmHWM:")[2].split()[0]) / 1024)
        except (OSError, IndexError, ValueError):
            continue
    return most


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
