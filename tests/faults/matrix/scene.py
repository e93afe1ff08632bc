"""A function as a process of its own, with its servers behind proxies, and a second way to those servers."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from redis import Redis

from tests.deployed import Deployed, deployed
from tests.faults.collector import Collector
from tests.faults.matrix.outside import Outside
from tests.faults.matrix.subjects import Ask, Door, Subject
from tests.faults.matrix.troubles import Trouble
from tests.faults.proxy import Fault, Proxy
from tests.faults.proxy.http import HttpDialect
from tests.faults.proxy.postgres import PostgresDialect
from tests.faults.proxy.redis import RedisDialect
from tests.senders import tick
from tests.tables import reading

PATIENCE_S: Final = 30.0
_PAUSE_S: Final = 0.02
_QUIET_S: Final = 2.0  # a relay that could not say that it has sent leaves a row that nobody works on
_BUSY: Final = "SELECT count(*) FROM outbox WHERE last_error IS NULL"
_PASSED: Final = """
UPDATE effects SET lease_until = lease_until - interval '1 day', next_at = next_at - interval '1 day'
WHERE state IN ('planned', 'sending', 'unknown', 'failed');
UPDATE cron_slots SET lease_until = lease_until - interval '1 day';
UPDATE verifications SET lease_until = lease_until - interval '1 day', due_at = now()
WHERE state = 'pending' AND check_name = 'initial'
"""
_marks: Final = (f"cell-{number:05}-x" for number in itertools.count(1))


def new_mark() -> str:
    """What tells one request from all others."""
    return next(_marks)


class Scene:
    """One function and what is around it.

    Args:
        place: where it serves.
        proxies: to PostgreSQL, Redis and the sink.
        collector: what it announced, where that is an event.
        rows: reads its database behind its back.
        redis: the same for Redis.
        outside: what it asks besides.
        database_url: for one more connection.

    Attributes:
        answer_s: the longest answer since the scene was cleared.
        back_s: from the end of a trouble to the first acknowledgement.
    """

    def __init__(
        self,
        place: Deployed,
        proxies: tuple[Proxy, Proxy, Proxy],
        collector: Collector,
        rows: Callable[..., Any],
        redis: Redis,
        http: httpx.AsyncClient,
        outside: Outside,
        database_url: str,
    ) -> None:
        self.rows: Final = rows
        self.redis: Final = redis
        self.outside: Final = outside
        self.postgres, self.redis_line, self.sink = proxies
        self.database_url: Final = database_url
        self.answer_s = self.back_s = 0.0
        self._place: Final = place
        self._collector: Final = collector
        self._http: Final = http

    async def clear(self) -> None:
        """Wait until it is quiet, and forget what would be taken for another play's."""
        await until(lambda: self.rows(_BUSY) == [[0]], patience_s=_QUIET_S)
        self.rows("DELETE FROM outbox; DELETE FROM cron_slots; DELETE FROM dead_letters")
        self.redis.flushdb()
        self._collector.forget()
        self.outside.heal()
        self.answer_s = self.back_s = 0.0

    @contextmanager
    def trouble(self, trouble: Trouble) -> Iterator[tuple[Fault, Fault, Fault]]:
        """It begins, and is over."""
        faults = trouble.postgres(), trouble.redis(), trouble.sink()
        proxies = self.postgres, self.redis_line, self.sink
        for proxy, fault in zip(proxies, faults, strict=True):
            proxy.fault = fault
        try:
            yield faults
        finally:
            for proxy in proxies:
                proxy.fault = Fault()

    async def post(self, ask: Ask) -> int:
        """Its status; 0 without an answer."""
        answer = await self.answer(ask.path, **ask.request)
        return 0 if answer is None else answer.status_code

    async def tick(self) -> int:
        """What a cron connector sends."""
        answer = await self.answer(**tick())
        return 0 if answer is None else answer.status_code

    async def answer(self, path: str = "/", method: str = "POST", **request: Any) -> httpx.Response | None:
        """The whole answer; None without one."""
        began = time.monotonic()
        try:
            return await self._http.request(method, self._place.url + path, **request)
        except httpx.HTTPError:
            return None
        finally:
            self.answer_s = max(self.answer_s, time.monotonic() - began)

    def effects(self, door: Door, ask: Ask, mark: str) -> int:
        """How often it took effect."""
        wanted = {name: value for name, value in (("id", ask.id), ("mark", mark)) if f":{name}" in door.effect}
        count: int = self.rows(door.effect, **wanted)[0][0]
        return count

    def letters(self, mark: str, stream: str = "km:dlq") -> int:
        """How many dead letters there are of it."""
        entries: Any = self.redis.xrange(stream)
        return sum(mark in fields["letter"] for _, fields in entries)

    def announcements(self, trace: str) -> list[Any]:
        """The different events that tell of it, sent or still to be."""
        waiting = {event["id"]: event for (event,) in self.rows("SELECT event FROM outbox")}
        return [event for event in {**self._collector.seen, **waiting}.values() if trace in json.dumps(event)]

    @property
    def fickle(self) -> set[str]:
        """Ids of events that came again with other content."""
        return self._collector.fickle

    def pass_time(self) -> None:
        """Let a day pass for whatever waits, or holds something."""
        self.rows(_PASSED)

    def signal_worker(self, number: signal.Signals) -> None:
        """To the process that does the work; gunicorn starts another one when it has ended."""
        for pid in self._workers():
            os.kill(pid, number)

    def threads(self) -> int:
        """Of all of its processes."""
        pids = [self._place.pid, *self._workers()]
        return sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in pids)

    def _workers(self) -> list[int]:
        master = self._place.pid
        return [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]


@asynccontextmanager
async def staged(
    subject: Subject, folder: Path, postgres: Path, database_url: str, redis: Path
) -> AsyncIterator[Scene]:
    """The scene of a subject.

    Args:
        folder: for its log.
        postgres: the server's socket.
        database_url: of a migrated database there, for this subject alone.
        redis: the server's socket; emptied.
    """
    outside, database = Outside(), urlsplit(database_url).path
    async with AsyncExitStack() as stack:
        collector = await stack.enter_async_context(Collector())
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, verify=False, timeout=PATIENCE_S))
        elsewhere = await stack.enter_async_context(outside.serving(subject.outside, folder))
        proxies = _proxies(stack, postgres, redis, outside.proxies.get("telegram"), collector)
        settings = {
            "AUTH_MODE": "network",
            "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{proxies[0].port}{database}?sslmode=disable",
            "REDIS_URL": f"redis://127.0.0.1:{proxies[1].port}/0",
            **({} if "telegram" in subject.outside else {"EVENT_SINK": f"http://127.0.0.1:{proxies[2].port}/"}),
            **elsewhere,
            **subject.settings,
        }
        rows = stack.enter_context(reading(database_url))
        client = stack.enter_context(Redis(unix_socket_path=str(redis), decode_responses=True))
        serving = deployed(folder, subject.function, **settings)
        (place,) = await asyncio.to_thread(serving.__enter__)
        stack.push_async_callback(asyncio.to_thread, serving.__exit__, None, None, None)
        yield Scene(place, proxies, collector, rows, client, http, outside, database_url)


def _proxies(
    stack: AsyncExitStack, postgres: Path, redis: Path, chat: Proxy | None, collector: Collector
) -> tuple[Proxy, Proxy, Proxy]:
    """To PostgreSQL, Redis and whoever is told: the chat of a function that tells people, else a broker."""
    told = urlsplit(collector.url)
    broker = Proxy((str(told.hostname), int(told.port or 0)), HttpDialect)
    return (
        stack.enter_context(Proxy(postgres, PostgresDialect)),
        stack.enter_context(Proxy(redis, RedisDialect)),
        stack.enter_context(broker) if chat is None else chat,
    )


async def until(happened: Callable[[], bool], *, patience_s: float = PATIENCE_S) -> bool:
    """Whether it happened, given time."""
    deadline = time.monotonic() + patience_s
    while not happened():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_PAUSE_S)
    return True
