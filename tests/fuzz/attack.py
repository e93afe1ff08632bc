"""Bad requests against a process that serves, and what came of them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import redis

from shared.adapters.tables import metadata
from tests.deployed import Deployed
from tests.fuzz.requests import CANARY, TOKEN, Request
from tests.fuzz.wire import Answer, Line
from tests.tables import reading

AT_ONCE: Final = 8
_SECRETS: Final = (CANARY.encode(), TOKEN.encode())


@dataclass(slots=True)
class Outcome:
    """What came of an attack.

    Attributes:
        statuses: how often each was answered; 0 is a connection that was closed without an answer.
        problems: what was wrong with an answer, and the request that got it.
        seconds: how long it took.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)
    problems: list[tuple[str, Request]] = field(default_factory=list)
    seconds: float = 0.0

    def count(self, *classes: int) -> int:
        """How many answers were of these classes: 2 for 2xx."""
        return sum(often for status, often in self.statuses.items() if status // 100 in classes)


async def attack(place: Deployed, requests: Iterable[Request], outcome: Outcome) -> Outcome:
    """Send them all, several at once."""
    began, waiting = time.monotonic(), iter(requests)
    await asyncio.gather(*(_send(place, waiting, outcome) for _ in range(AT_ONCE)))
    outcome.seconds += time.monotonic() - began
    return outcome


async def ask(place: Deployed, request: Request) -> Answer:
    """Send one."""
    line = _line(place)
    try:
        return await line.ask(request)
    finally:
        await line.close()


def leaked(place: Deployed) -> bool:
    """Whether the log holds a secret."""
    log = place.log.read_bytes().lower()
    return any(secret.lower() in log for secret in _SECRETS)


def stored(database_url: str, redis_url: str) -> Mapping[str, int]:
    """How many rows and keys there are, anywhere."""
    with reading(database_url) as rows, redis.Redis.from_url(redis_url) as client:
        counts = {table: rows(f"SELECT count(*) FROM {table}")[0][0] for table in metadata.tables}
        return {**counts, "redis": client.dbsize()}


def memory(place: Deployed) -> int:
    """Resident bytes of the function and what it started."""
    children = Path(f"/proc/{place.pid}/task/{place.pid}/children").read_text().split()
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in (place.pid, *children)]
    return sum(pages) * 4096


def _line(place: Deployed) -> Line:
    parts = urlsplit(place.url)
    return Line(parts.hostname or "127.0.0.1", parts.port or 80)


async def _send(place: Deployed, waiting: Iterator[Request], outcome: Outcome) -> None:
    line = _line(place)
    try:
        for request in waiting:
            outcome.names[request.name] += 1
            try:
                answer = await line.ask(request)
            except TimeoutError:
                outcome.problems.append((f"{request.name}: no answer, and the connection stays open", request))
                await line.close()
                continue
            outcome.statuses[answer.status] += 1
            outcome.problems += [(problem, request) for problem in _problems(request, answer)]
    finally:
        await line.close()


def _problems(request: Request, answer: Answer) -> Iterator[str]:
    if answer.status not in request.expected or answer.status // 100 not in (0, 4):
        yield f"{request.name}: answered {answer.status}, not one of {request.expected}"
    if any(secret.lower() in answer.raw.lower() for secret in _SECRETS):
        yield f"{request.name}: the answer repeats what was sent"
