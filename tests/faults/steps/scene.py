"""A function as a process of its own, with everything it speaks to behind proxies that may hold what it says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

import httpx
from redis import Redis

from shared.adapters.dsn import Dsn
from tests.faults.collector import Collector
from tests.faults.load import Stuck
from tests.faults.proxy import Fault, Proxy
from tests.faults.proxy.postgres import PostgresDialect
from tests.faults.proxy.redis import RedisDialect
from tests.faults.races.holding import Hold, Tally
from tests.faults.replicas import Replicas
from tests.faults.steps.outside import Outside, outside
from tests.faults.steps.stores import Stores
from tests.faults.steps.subjects import FILES, Subject, tick
from tests.faults.verification.rounds import sweep
from tests.tables import reading

_QUIET_S: Final = 0.1  # longer than a process is silent that has something to do
_IDLE_S: Final = 1.0  # what still waits then, waits for somebody else
_PATIENCE_S: Final = 30.0
_PAUSE_S: Final = 0.005


@dataclass(frozen=True, slots=True)
class Scene:
    """One subject and what is around it."""

    subject: Subject
    replicas: Replicas
    proxies: Mapping[str, Proxy]
    outside: Outside
    stores: Stores
    database_url: str
    http: httpx.AsyncClient

    async def begin(self, mark: str, *, searchable: bool = True) -> None:
        """Forget everything, and make what the function works on."""
        await self.stores.begin(self.subject.rows, self.subject.letters(mark))
        self.outside.begin(self.subject.neighbour(mark), searchable=searchable)

    async def ask(self, mark: str) -> int:
        """Its status; 0 without an answer."""
        return await self._post(self.subject.path, self.subject.ask(mark))

    async def tick(self) -> None:
        """Tell it that a minute is over; its answer does not matter."""
        await self._post("/", tick(f"tick-{time.monotonic_ns()}"))

    def hold(self, tally: Tally) -> None:
        """Hold the function's turns, from one on."""
        for proxy in self.proxies.values():
            proxy.fault = Hold(tally)

    async def is_caught(self, tally: Tally, asking: asyncio.Task[int]) -> bool:
        """Wait for a turn to be held; False when the function is done before.

        Raises:
            Stuck: neither happens.
        """
        began = since = time.monotonic()
        turns = tally.turns
        while not tally.is_reached:
            now = time.monotonic()
            if not asking.done() or turns != tally.turns:
                turns, since = tally.turns, now
            if now - since > (_QUIET_S if self.stores.are_quiet() else _IDLE_S):
                return False
            if now - began > _PATIENCE_S:
                raise Stuck(f"{self.subject.name} is not done after {_PATIENCE_S:.0f} s")
            await asyncio.sleep(_PAUSE_S)
        return True

    async def kill(self) -> None:
        """SIGKILL; what it was about to say is never heard. Then it is started again."""
        (name,) = self.replicas.names
        await asyncio.to_thread(self.replicas.kill9, name)
        for proxy in self.proxies.values():
            if isinstance(proxy.fault, Hold):
                proxy.fault.drops = True
        self.let_go()
        await asyncio.to_thread(self.replicas.start, name)

    def let_go(self) -> None:
        """Hold nothing any more."""
        for proxy in self.proxies.values():
            proxy.fault = Fault()

    async def sweep(self) -> None:
        """What backfill-reconcile does for everybody's announcements."""
        await sweep(self.database_url, self.outside.sink.url)

    async def _post(self, path: str, request: Mapping[str, Any]) -> int:
        (name,) = self.replicas.names
        try:
            return (await self.http.post(self.replicas.url(name) + path, **request)).status_code
        except httpx.HTTPError:
            return 0


@asynccontextmanager
async def staged(
    subject: Subject, folder: Path, database_url: str, redis_url: str, sink: Collector
) -> AsyncIterator[Scene]:
    """The scene of a subject.

    Args:
        subject: which.
        folder: for files and its log.
        database_url: PostgreSQL, migrated, for this subject alone.
        redis_url: on a unix socket; emptied.
        sink: where its events end.
    """
    _fill(folder)
    dsn = Dsn.parse(database_url)
    async with AsyncExitStack() as stack:
        around = await stack.enter_async_context(outside(sink))
        rows = stack.enter_context(reading(database_url))
        stores = Stores(rows, database_url, stack.enter_context(Redis.from_url(redis_url)), redis_url)
        postgres = stack.enter_context(Proxy(Path(str(dsn.unix_socket)), PostgresDialect))
        redis = stack.enter_context(Proxy(Path(unquote(urlsplit(redis_url).path)), RedisDialect))
        settings = {
            "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{postgres.port}/{quote(dsn.database)}?sslmode=disable",
            "DATABASE_THREADS": "1",  # one turn after the other, in the same order each time
            "REDIS_URL": f"redis://127.0.0.1:{redis.port}/0",
            **_told(subject, around),
            **{name: value.replace("FOLDER", str(folder)) for name, value in subject.settings.items()},
        }
        replicas = Replicas(subject.composition, folder, {subject.service: settings})
        await asyncio.to_thread(replicas.__enter__)
        stack.push(replicas.__exit__)
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, verify=False, timeout=_PATIENCE_S))
        proxies = {"DATABASE_URL": postgres, "REDIS_URL": redis, **around.proxies}
        yield Scene(subject, replicas, proxies, around, stores, database_url, http)


def _fill(folder: Path) -> None:
    """The files that settings name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in FILES.items():
        (folder / name).write_text(text)


def _told(subject: Subject, around: Outside) -> Mapping[str, str]:
    """Whom it tells: only what its other settings make sense of."""
    wanted = {"GITEA_API_TOKEN": "GITEA_API_URL", "TELEGRAM_BOT_TOKEN": "TELEGRAM_API_URL"}
    names = ["EVENT_SINK", *(url for token, url in wanted.items() if token in subject.settings)]
    return {name: around.settings[name] for name in names}
