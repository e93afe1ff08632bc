"""The real thing, in a folder of its own: PostgreSQL, Redis and the three functions as their manifests say.

What differs from a cluster is where things listen, and pauses that would only make a round longer: how long Redis is
waited for, how long a slot is, and after which silence a claimed letter counts as abandoned. A campaign may ask for
other settings, and for proxies on the functions' ways to their servers.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import unquote, urlsplit

from shared.adapters.migrate import upgrade
from shared.local.knative import manifests
from shared.local.postgres import EmbeddedPostgres
from shared.local.processes import Program, Supervisor
from shared.local.redis import EmbeddedRedis
from tests.faults.load import Service
from tests.faults.proxy import Fault, Proxy
from tests.faults.proxy.http import HttpDialect
from tests.faults.proxy.postgres import PostgresDialect
from tests.faults.proxy.redis import RedisDialect
from tests.faults.traffic import BRIDGE, RECONCILER, WRITER

if TYPE_CHECKING:
    from types import TracebackType

_ROOT: Final = Path(__file__).parents[2]
_FUNCTIONS: Final = (WRITER, BRIDGE, RECONCILER)
_SHORTER: Final = {
    "QUEUE_TIMEOUT_SECONDS": "0.3",
    "RECONCILE_INTERVAL_SECONDS": "0.05",
    "RECONCILE_LEASE_SECONDS": "0.5",
    "DRAIN_IDLE_SECONDS": "0.3",
    "DRAIN_GROUP": "40",
}
_TOKEN: Final = "chaos"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """How the functions reach their servers, and what else differs from other campaigns.

    Attributes:
        proxied: their ways to PostgreSQL, Redis and the broker lead through the stage's proxies.
        brokered: their sink is the broker's address, not the collector.
        settings: of their environment.
    """

    proxied: bool = False
    brokered: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """What a function is started as."""

    source: str
    wiring: Wiring


class Stage:
    """Servers and functions. As a context manager it leaves nothing behind.

    Args:
        folder: an empty one; removed with everything in it by whoever made it.
        sink: where the functions send their events.

    Attributes:
        logs: where they write their logs.
        planted: by function, the composition in the place of the one that ships.
        manifests: those that ship.
        broker_port: where a broker may listen, for a wiring that is brokered.
        to_postgres, to_redis, to_broker: the proxies, for a wiring that is proxied.
    """

    def __init__(self, folder: Path, sink: str) -> None:
        self.postgres: Final = EmbeddedPostgres(folder / "postgres")
        self.redis: Final = EmbeddedRedis(folder / "redis")
        self.functions: Final = Supervisor()
        self._forgetful: Final = EmbeddedRedis(folder / "redis", append_only=False)
        self.logs: Final = folder / "logs"
        self.planted: dict[str, str] = {}
        self._sink: Final = sink
        self.manifests: Final = manifests.load(_ROOT / "functions")
        self._shipped: Final = {service.name: service for service in self.manifests.services}
        self._parts: Final = {name: Part(self._shipped[name].env["FUNCTION_SOURCE"], Wiring()) for name in _FUNCTIONS}
        self._ports: Final = {name: _free_port() for name in _FUNCTIONS}
        self._opened: Final = ExitStack()
        self.broker_port: Final = _free_port()
        self.to_postgres: Final = Proxy(self.postgres.socket, PostgresDialect)
        self.to_redis: Final = Proxy(Path(unquote(urlsplit(self.redis.url).path)), RedisDialect)
        self.to_broker: Final = Proxy(("127.0.0.1", self.broker_port), HttpDialect)

    @property
    def services(self) -> dict[str, Service]:
        """Where each function listens."""
        headers = {"authorization": f"Bearer {_TOKEN}"}
        return {name: Service(f"http://127.0.0.1:{port}", headers) for name, port in self._ports.items()}

    def start(self, function: str) -> None:
        """Start a function that was ended."""
        self.functions.start(self._program(function))

    def cast(self, sources: Mapping[str, str], wiring: Wiring | None = None) -> None:
        """Let each function be the composition named here, or the one that ships, also when it is started again."""
        self.planted = dict(sources)
        wanted = {
            name: Part(sources.get(name, self._shipped[name].env["FUNCTION_SOURCE"]), wiring or Wiring())
            for name in _FUNCTIONS
        }
        others = [name for name in _FUNCTIONS if wanted[name] != self._parts[name]]
        for name in others:
            self.functions.kill9(name)
        self._parts.update(wanted)
        self.functions.start(*(self._program(name) for name in others))

    @property
    def proxies(self) -> tuple[Proxy, Proxy, Proxy]:
        """To PostgreSQL, Redis and the broker."""
        return self.to_postgres, self.to_redis, self.to_broker

    def heal(self) -> None:
        """Let every line through the proxies be sound."""
        for proxy in self.proxies:
            proxy.fault = Fault()

    @contextmanager
    def redis_without_aof(self) -> Iterator[None]:
        """A Redis that would forget, at the same address."""
        self.redis.stop()
        self._forgetful.start()
        try:
            yield
        finally:
            self._forgetful.stop()
            self.redis.start()

    def stall_redis(self) -> None:
        """Stop it in its tracks: it is there, takes connections, and says nothing."""
        self._signal_redis(signal.SIGSTOP)

    def resume_redis(self) -> None:
        """Let it go on where it was stopped, with what was sent to it meanwhile."""
        self._signal_redis(signal.SIGCONT)

    def __enter__(self) -> Self:
        """Start everything."""
        try:
            self.postgres.start()
            self.redis.start()
            upgrade(self.postgres.uri())
            for proxy in self.proxies:
                self._opened.enter_context(proxy)
            self.functions.start(*(self._program(name) for name in _FUNCTIONS))
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything, and remove what it kept."""
        self._end()

    def _end(self) -> None:
        # Nothing here is worth an orderly end, and a stalled Redis would not come to one.
        for function in _FUNCTIONS:
            with suppress(KeyError):
                self.functions.kill9(function)
        self._opened.close()
        for server in (self.redis, self.postgres):
            server.kill9()
            server.destroy()

    def _signal_redis(self, number: signal.Signals) -> None:
        pid = self.redis.pid
        assert pid is not None
        os.kill(pid, number)

    def _program(self, function: str) -> Program:
        service, part = self._shipped[function], self._parts[function]
        url = self.services[function].url
        # Secrets are files in a cluster; here their values are no secret.
        env = {name: value for name, value in service.env.items() if not name.endswith("_FILE")}
        ours = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}",
            "APP_BIND": url.removeprefix("http://"),
            "AUTH_TOKEN": _TOKEN,
            "FUNCTION_SOURCE": part.source,
            **self._ways(part.wiring),
        }
        if "EVENT_SINK" not in env:
            del ours["EVENT_SINK"]
        return Program(
            name=function,
            argv=service.command,
            env={**env, **_SHORTER, **part.wiring.settings, **ours},
            cwd=_ROOT,
            log=self.logs / f"{function}.log",
            ready=f"{url}/readyz",
        )

    def _ways(self, wiring: Wiring) -> dict[str, str]:
        """To the servers, and to whoever takes events."""
        proxied, broker = wiring.proxied, self.to_broker.port if wiring.proxied else self.broker_port
        through = f"postgresql://postgres@127.0.0.1:{self.to_postgres.port}/postgres?sslmode=disable"
        return {
            "DATABASE_URL": through if proxied else self.postgres.uri(),
            "REDIS_URL": f"redis://127.0.0.1:{self.to_redis.port}/0" if proxied else self.redis.url,
            "EVENT_SINK": f"http://127.0.0.1:{broker}/" if wiring.brokered else self._sink,
        }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
