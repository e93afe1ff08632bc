"""The workloads of the design, as contests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from tests.benchmarks import w5, w6, w7, w8
from tests.benchmarks.contest import Contest, Goal
from tests.benchmarks.pgbench import run_pgbench
from tests.benchmarks.results import Run, measured
from tests.benchmarks.stage import Stage
from tests.deployed import deployed

PGBENCH = "pgbench"
FIRST_DESIGN = "first design"
KM_WRITE = "km-write"
WITH_SINK = "km-write, with sink"
STORE = "store"
DRAIN = "drain"
ONE_BY_ONE = "one by one"

# Events of one run, by how many work at once: each run takes one or two seconds on a small machine.
_BY_PGBENCH = {1: 3000, 4: 8000, 8: 12_000, 32: 16_000}
_BY_US = {1: 1000, 8: 4000, 32: 6000}
_BY_FIRST_DESIGN = {1: 250, 8: 500, 32: 600}
# 500 are allowed, and so many of this size are over the 1 MiB that a body may have.
_BATCH = 400
_BATCHES = {1: 12, 4: 24}
_ONE_BY_ONE = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is run.

    Attributes:
        rounds: turns of everybody.
        starts: turns of a cold start, which is short and scatters.
        share: of the events of a whole run.
        letters: to drain.
    """

    rounds: int
    starts: int
    share: float
    letters: int


FULL = Effort(rounds=5, starts=15, share=1, letters=100_000)
QUICK = Effort(rounds=3, starts=7, share=0.25, letters=5000)

Workload = Callable[[Stage, Effort], AbstractContextManager[list[Contest]]]


@contextmanager
def receiving(stage: Stage, effort: Effort) -> Iterator[list[Contest]]:
    """W1: one event per request."""
    with (
        stage.sink() as sink,
        _km_write(stage, "alone") as alone,
        _km_write(stage, "relaying", EVENT_SINK=sink) as relaying,
    ):
        yield [
            Contest(
                title=f"W1  km-write over HTTP, one event per request, {clients} at once",
                contestants={
                    **_yardsticks(stage, clients, effort),
                    KM_WRITE: _load(alone, clients, _events(_BY_US, clients, effort)),
                    WITH_SINK: _load(relaying, clients, _events(_BY_US, clients, effort)),
                },
                rounds=effort.rounds,
                beside=(PGBENCH, FIRST_DESIGN),
                goals=_W1_GOALS.get(clients, ()),
            )
            for clients in (1, 8, 32)
        ]


_W1_GOALS = {
    1: (Goal(who=KM_WRITE, beside=PGBENCH, figure="p50_ms", limit=3, at_least=False),),
    32: (
        Goal(who=KM_WRITE, beside=FIRST_DESIGN, limit=10),
        Goal(who=KM_WRITE, beside=PGBENCH, limit=0.45),
        Goal(who=KM_WRITE, beside=PGBENCH, figure="p99_ms", limit=3, at_least=False),
    ),
}


@contextmanager
def receiving_batches(stage: Stage, effort: Effort) -> Iterator[list[Contest]]:
    """W2: a whole batch per request."""
    with _km_write(stage, "batches") as port:
        yield [
            Contest(
                title=f"W2  km-write over HTTP, {_BATCH} events per request, {clients} at once",
                contestants={
                    PGBENCH: _pgbench(stage, clients, effort),
                    KM_WRITE: _load(port, clients, _events(_BATCHES, clients, effort), size=_BATCH),
                },
                rounds=effort.rounds,
                beside=(PGBENCH,),
                goals=(Goal(who=KM_WRITE, beside=PGBENCH, limit=1.5),),
            )
            for clients in (1, 4)
        ]


@contextmanager
def storing(stage: Stage, effort: Effort) -> Iterator[list[Contest]]:
    """W3: the store alone."""
    goals = (Goal(who=STORE, beside=PGBENCH, limit=1.2), Goal(who=STORE, beside=FIRST_DESIGN, limit=20))
    yield [
        Contest(
            title=f"W3  the knowledge store alone, {callers} callers",
            contestants={**_yardsticks(stage, callers, effort), STORE: _store(stage, callers, effort)},
            rounds=effort.rounds,
            beside=(PGBENCH, FIRST_DESIGN),
            goals=goals if callers == 32 else (),
        )
        for callers in (1, 8, 32)
    ]


@contextmanager
def draining(stage: Stage, effort: Effort) -> Iterator[list[Contest]]:
    """W4: dead letters into PostgreSQL."""

    def by(way: str, count: int) -> Callable[[str], Run]:
        return lambda run: measured("drains", way, stage.postgres.uri(), stage.redis.url, count, run)

    yield [
        Contest(
            title=f"W4  {effort.letters:,} dead letters into PostgreSQL (one by one: {_ONE_BY_ONE:,} of a Redis list)",
            contestants={ONE_BY_ONE: by("list", _ONE_BY_ONE), DRAIN: by("drain", effort.letters)},
            figures=("rate",),
            rounds=effort.rounds,
            beside=(ONE_BY_ONE,),
            goals=(Goal(who=DRAIN, beside=ONE_BY_ONE, limit=10),),
        )
    ]


WORKLOADS: dict[str, Workload] = {
    "W1": receiving,
    "W2": receiving_batches,
    "W3": storing,
    "W4": draining,
    "W5": w5.governing,
    "W6": w6.verifying,
    "W7": w7.starting,
    "W8": w8.comparing,
}


@contextmanager
def _km_write(stage: Stage, name: str, **settings: str) -> Iterator[int]:
    folder = stage.folder / name
    folder.mkdir()
    with deployed(folder, "km_write", **stage.settings, **settings) as (place,):
        yield int(place.url.rpartition(":")[2])


def _yardsticks(stage: Stage, clients: int, effort: Effort) -> dict[str, Callable[[str], Run]]:
    events = _events(_BY_FIRST_DESIGN, clients, effort)
    return {
        PGBENCH: _pgbench(stage, clients, effort),
        FIRST_DESIGN: lambda run: measured("first_design", stage.postgres.uri(), clients, events, run),
    }


def _pgbench(stage: Stage, clients: int, effort: Effort) -> Callable[[str], Run]:
    return lambda run: run_pgbench(stage.postgres.socket.parent, clients, _events(_BY_PGBENCH, clients, effort), run)


def _store(stage: Stage, callers: int, effort: Effort) -> Callable[[str], Run]:
    return lambda run: measured("store", stage.postgres.uri(), callers, _events(_BY_US, callers, effort) * 2, run)


def _load(port: int, clients: int, requests: int, *, size: int = 1) -> Callable[[str], Run]:
    return lambda run: measured("http_load", port, clients, requests, size, run)


def _events(table: dict[int, int], clients: int, effort: Effort) -> int:
    return max(clients, int(table[clients] * effort.share))
