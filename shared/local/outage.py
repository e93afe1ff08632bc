"""The outage of the story: PostgreSQL is SIGKILLed under load, and every write is found there afterwards, once."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import httpx

from shared.domain.events import Event, to_structured
from shared.domain.knowledge import KNOWLEDGE_WRITE_REQUESTED
from shared.local.evidence import connect, require
from shared.local.laptop import Laptop
from shared.local.postgres import EmbeddedPostgres

_WRITERS: Final = 4
_CALM_S: Final = 0.4
_DOWN_S: Final = 1.2
_DRAIN_S: Final = 30.0
_WRITTEN: Final = """
SELECT count(*), count(*) FILTER (WHERE revision = 1) FROM knowledge_entries WHERE incident_key LIKE :incidents
"""


@dataclass(slots=True)
class Tally:
    """How the writes of the load were answered, first answers and all."""

    run: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    sent: int = 0
    first: Counter[int] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self) -> int:
        """The number of the next write."""
        with self.lock:
            self.sent += 1
            return self.sent

    def answered(self, status: int) -> None:
        """Count a first answer; 0 for none."""
        with self.lock:
            self.first[status] += 1


def outage(laptop: Laptop, server: EmbeddedPostgres, http: httpx.Client) -> str:
    """Kill PostgreSQL under load, restart it, drain, count.

    Raises:
        PromiseBroken: a write is missing, or there twice.
    """
    tally, stop = Tally(), threading.Event()
    with ThreadPoolExecutor(_WRITERS) as pool:
        writers = [pool.submit(_write, laptop, tally, stop) for _ in range(_WRITERS)]
        time.sleep(_CALM_S)
        server.kill9()
        time.sleep(_DOWN_S)
        began = time.monotonic()
        server.start()
        recovery_s = time.monotonic() - began
        time.sleep(_CALM_S)
        stop.set()
        for writer in writers:
            writer.result()
    deferred = tally.first[httpx.codes.ACCEPTED]
    there, once = _drained(laptop, http, tally)
    require(there == tally.sent, f"{tally.sent - there} of {tally.sent} writes are missing after the drain")
    require(once == there, f"{there - once} writes took effect more than once")
    answers = " · ".join(f"{status or 'no answer'}: {count}" for status, count in sorted(tally.first.items()))
    return (
        f"PostgreSQL SIGKILLed under load, down {_DOWN_S:.1f} s, recovered in {recovery_s:.1f} s\n"
        f"{tally.sent} writes: {answers}\n"
        f"{deferred} waited in km:dlq, drained · {there} of {tally.sent} there, each once"
    )


def _write(laptop: Laptop, tally: Tally, stop: threading.Event) -> None:
    """Write until told to stop; like a broker, send again what was not acknowledged."""
    with httpx.Client(timeout=10, trust_env=False) as http:
        while not stop.is_set():
            event = _event(tally.run, tally.next())
            status = _post(http, laptop, event)
            tally.answered(status)
            while status not in (httpx.codes.OK, httpx.codes.ACCEPTED):
                time.sleep(0.05)
                status = _post(http, laptop, event)


def _post(http: httpx.Client, laptop: Laptop, event: Event) -> int:
    headers = {"content-type": "application/cloudevents+json"}
    try:
        return http.post(laptop.url("km-write"), content=json.dumps(to_structured(event)), headers=headers).status_code
    except httpx.TransportError:
        return 0


def _event(run: str, number: int) -> Event:
    incident = f"INC-outage-{run}-{number}"
    return Event(
        id=f"{run}-{number}",
        source="/story/load",
        type=KNOWLEDGE_WRITE_REQUESTED,
        time=datetime.now(UTC),
        subject=incident,
        data={
            "path_type": "incident_resolve",
            "incident_id": incident,
            "entry": {"title": f"Write {number}", "content": "Written through an outage.", "entry_type": "note"},
        },
    )


def _drained(laptop: Laptop, http: httpx.Client, tally: Tally) -> tuple[int, int]:
    """Fire ticks until every write is there, or patience ends; how many are there, and how many exactly once."""
    ends = time.monotonic() + _DRAIN_S
    while True:
        http.post(f"{laptop.broker}/pingsources/backfill-reconcile")
        with connect(laptop.postgres.url) as connection:
            [[there, once]] = connection.run(_WRITTEN, incidents=f"INC-outage-{tally.run}-%")
        if there == tally.sent or time.monotonic() > ends:
            return there, once
        time.sleep(0.2)
