"""A function as a process of its own, with its servers behind proxies, and a second way to those servers."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from redis import Redis

from shared.local.simulators.telegram import Chat, TelegramSimulator
from tests.deployed import deployed
from tests.faults.collector import Collector
from tests.faults.matrix.subjects import Ask, Subject
from tests.faults.matrix.troubles import Trouble
from tests.faults.proxy import Fault, Proxy
from tests.faults.proxy.http import HttpDialect
from tests.faults.proxy.postgres import PostgresDialect
from tests.faults.proxy.redis import RedisDialect
from tests.tables import reading

PATIENCE_S: Final = 30.0
_PAUSE_S: Final = 0.02
_QUIET_S: Final = 2.0  # a relay that could not say that it has sent leaves a row that nobody works on
_TOKEN: Final = "1:matrix"
_CHAT: Final = -1
_BUSY: Final = "SELECT count(*) FROM outbox WHERE last_error IS NULL"


class Scene:
    """One function and what is around it.

    Args:
        url: where it serves.
        proxies: to PostgreSQL, Redis and the sink.
        collector: what it announced, where that is an event.
        rows: reads its database behind its back.
        redis: the same for Redis.
    """

    def __init__(
        self,
        url: str,
        proxies: tuple[Proxy, Proxy, Proxy],
        collector: Collector,
        rows: Callable[..., Any],
        redis: Redis,
        http: httpx.AsyncClient,
    ) -> None:
        self.url: Final = url
        self.rows: Final = rows
        self._proxies: Final = proxies
        self._collector: Final = collector
        self._redis: Final = redis
        self._http: Final = http

    async def clear(self) -> None:
        """Wait until it is quiet, and forget what would be taken for another cell's."""
        await until(lambda: self.rows(_BUSY) == [[0]], patience_s=_QUIET_S)
        self.rows("DELETE FROM outbox; DELETE FROM cron_slots")
        self._redis.flushdb()
        self._collector.forget()

    @contextmanager
    def trouble(self, trouble: Trouble) -> Iterator[tuple[Fault, Fault, Fault]]:
        """It begins, and is over."""
        faults = trouble.postgres(), trouble.redis(), trouble.sink()
        for proxy, fault in zip(self._proxies, faults, strict=True):
            proxy.fault = fault
        try:
            yield faults
        finally:
            for proxy in self._proxies:
                proxy.fault = Fault()

    async def post(self, ask: Ask) -> int:
        """Its status; 0 without an answer."""
        try:
            return (await self._http.post(self.url + ask.path, **ask.request)).status_code
        except httpx.HTTPError:
            return 0

    def effects(self, subject: Subject, ask: Ask, mark: str) -> int:
        """How often it took effect."""
        wanted = {name: value for name, value in (("id", ask.id), ("mark", mark)) if f":{name}" in subject.effect}
        count: int = self.rows(subject.effect, **wanted)[0][0]
        return count

    def letters(self, mark: str) -> int:
        """How many dead letters there are of it."""
        entries: Any = self._redis.xrange("km:dlq")
        return sum(mark in fields["letter"] for _, fields in entries)

    def announced(self, trace: str) -> int:
        """How many different events tell of it, sent or still to be."""
        waiting = {event["id"]: event for (event,) in self.rows("SELECT event FROM outbox")}
        return sum(trace in json.dumps(event) for event in {**self._collector.seen, **waiting}.values())

    @property
    def fickle(self) -> set[str]:
        """Ids of events that came again with other content."""
        return self._collector.fickle

    def threads(self) -> int:
        """Of all of its processes; they share an address."""
        mine = f"APP_BIND={urlsplit(self.url).netloc}".encode()
        found = 0
        for environment in Path("/proc").glob("[0-9]*/environ"):
            try:
                if mine in environment.read_bytes().split(b"\0"):
                    found += len(list((environment.parent / "task").iterdir()))
            except OSError:
                continue  # another user's, or it has just ended
        return found


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
    database = urlsplit(database_url).path
    with ExitStack() as stack:
        collector = Collector()
        async with collector, _chat() as chat, httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as http:
            heard = urlsplit(chat if subject.function == "notify" else collector.url)
            proxies = (
                stack.enter_context(Proxy(postgres, PostgresDialect)),
                stack.enter_context(Proxy(redis, RedisDialect)),
                stack.enter_context(Proxy((str(heard.hostname), int(heard.port or 0)), HttpDialect)),
            )
            settings = {
                "AUTH_MODE": "network",
                "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{proxies[0].port}{database}?sslmode=disable",
                "REDIS_URL": f"redis://127.0.0.1:{proxies[1].port}/0",
                **_told(subject, f"http://127.0.0.1:{proxies[2].port}"),
                **subject.settings,
            }
            rows = stack.enter_context(reading(database_url))
            client = stack.enter_context(Redis(unix_socket_path=str(redis), decode_responses=True))
            serving = deployed(folder, subject.function, **settings)
            (place,) = await asyncio.to_thread(serving.__enter__)
            stack.push(serving.__exit__)
            yield Scene(place.url, proxies, collector, rows, client, http)
            stack.close()


@asynccontextmanager
async def _chat() -> AsyncIterator[str]:
    """Where notify tells people; its server would like to have Ctrl-C for itself, and does not get it."""
    telegram = TelegramSimulator(_TOKEN)
    telegram.chats = {_CHAT: Chat()}
    ours = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    async with telegram.serving() as url:
        for number, handler in ours.items():
            signal.signal(number, handler)
        yield url


def _told(subject: Subject, url: str) -> dict[str, str]:
    if subject.function != "notify":
        return {"EVENT_SINK": f"{url}/"}
    return {"TELEGRAM_API_URL": url, "TELEGRAM_BOT_TOKEN": _TOKEN, "SRE_GROUP_CHAT_ID": str(_CHAT)}


async def until(happened: Callable[[], bool], *, patience_s: float = PATIENCE_S) -> bool:
    """Whether it happened, given time."""
    deadline = time.monotonic() + patience_s
    while not happened():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_PAUSE_S)
    return True
