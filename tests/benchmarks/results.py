"""What one run of one contestant came to, and how it travels from the process that ran it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import quantiles
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Run:
    """One run.

    Attributes:
        rate: events per second.
        p50_ms: how long a caller waited for its answer: the median, in milliseconds.
        p99_ms: the same, of the slowest hundredth.
        rss_mb: memory of the process at the end, where it was looked at.
    """

    rate: float
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    rss_mb: float = 0.0

    @classmethod
    def of(cls, waits_s: Sequence[float], seconds: float, *, events_each: int = 1) -> Run:
        """From what each call took, and all of them together."""
        cuts = quantiles(waits_s, n=100, method="inclusive")
        return cls(len(waits_s) * events_each / seconds, cuts[49] * 1000, cuts[98] * 1000)

    def report(self) -> None:
        """Tell the process that asked."""
        sys.stdout.write(json.dumps(asdict(self)))


class Failed(Exception):
    """A contestant did not do its work, so its figures mean nothing."""


def measured(module: str, *arguments: object) -> Run:
    """Run a contestant in a process of its own."""
    command = [sys.executable, "-m", f"tests.benchmarks.{module}", *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"{module} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return Run(**json.loads(done.stdout))


async def timed(calls: int, callers: int, items: Sequence[T], call: Callable[[T], Awaitable[object]]) -> Run:
    """Let ``callers`` at once work through ``items``; the first few, up to ``len(items) - calls``, do not count."""
    waits_s: list[float] = []

    async def work(todo: Iterator[T]) -> None:
        for item in todo:
            began = time.perf_counter()
            await call(item)
            waits_s.append(time.perf_counter() - began)

    for part in (items[:-calls], items[-calls:]):
        waits_s.clear()
        shared = iter(part)
        began = time.perf_counter()
        await asyncio.gather(*(work(shared) for _ in range(callers)))
        seconds = time.perf_counter() - began
    return Run.of(waits_s, seconds)
