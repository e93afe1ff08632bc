"""Everything on one machine: real servers, each function as its own process exactly as deployed, the broker between.

What to start, with which environment and wired how, is read from the manifests that ship. Only addresses and secrets
are filled in here, and the pauses that would make a story last for hours are shortened: :attr:`Laptop.shortened` says
which.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

from shared.adapters import migrate
from shared.local.instance import Instance
from shared.local.knative import manifests
from shared.local.knative.manifests import FunctionService, Manifests
from shared.local.outside import Outside
from shared.local.ports import free_port
from shared.local.processes import Program, Supervisor
from shared.local.simulators.service_process import ServiceProcess
from shared.local.stores import Postgres, Redis, open_postgres, open_redis
from shared.local.terminal import Narrator

ROOT: Final = Path(__file__).resolve().parents[2]
_BROKER_PORT: Final = 8700
_TIME_SCALE: Final = 0.05
# What would make the story last for hours; everything else is as it ships.
_SHORTENED: Final = {
    "RECONCILE_INTERVAL_SECONDS": "1",
    "GOVERNANCE_INTERVAL_SECONDS": "1",
    "GITEA_READ_SECONDS": "0.2",
    "VERIFY_WARMUP_SECONDS": "0.5",
    "VERIFY_SOAK_SECONDS": "2",
    "VERIFY_INTERVAL_SECONDS": "0.5",
    "VERIFY_TIMEOUT_SECONDS": "5",
    "VERIFY_RECHECK_SCALE": "0.01",
}


class Laptop:
    """The house, running.

    Args:
        folder: where data, logs and sockets live.
        narrator: told about each step.
    """

    shortened: Final = (
        "Shortened for a story: "
        + ", ".join(f"{name}={value}" for name, value in _SHORTENED.items())
        + f"; pauses before the broker's retries are {_TIME_SCALE:.0%} of what the manifests say."
    )

    def __init__(self, folder: Path, narrator: Narrator) -> None:
        self.folder: Final = folder.absolute()
        self._narrator = narrator
        self._stack = ExitStack()
        self._supervisor = Supervisor()
        self._manifests: Manifests = manifests.load(ROOT / "functions")
        self._ports = {service.name: free_port() for service in self._manifests.services}
        self._broker_port = free_port(_BROKER_PORT)
        self.token: Final = secrets.token_urlsafe(24)
        self.postgres: Postgres
        self.redis: Redis
        self.shop: Final = ServiceProcess(self.folder / "shop")
        self.outside: Final = Outside(self.folder)

    @property
    def broker(self) -> str:
        """The broker's URL."""
        return f"http://127.0.0.1:{self._broker_port}"

    def url(self, function: str) -> str:
        """Where a function listens."""
        return f"http://127.0.0.1:{self._ports[function]}"

    @property
    def functions(self) -> tuple[str, ...]:
        """The deployed functions, by name."""
        return tuple(self._ports)

    def __enter__(self) -> Self:
        """Start everything."""
        instance = self._stack.enter_context(Instance(self.folder))
        try:
            self._start_servers()
            self._migrate()
            self._start_outside()
            self._start_functions()
            self._start_broker()
            self._leave_a_note()
            instance.publish(self.broker)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything; the data stays."""
        self._stack.close()

    def _start_servers(self) -> None:
        with self._narrator.step("servers") as note:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.postgres = open_postgres(self.folder / "postgres", os.environ)
            if self.postgres.server is not None:
                self._stack.callback(self.postgres.server.stop)
            self.redis = open_redis(self.folder / "redis", os.environ)
            if self.redis.server is not None:
                self._stack.callback(self.redis.server.stop)
            self._stack.callback(self.shop.stop)
            self.shop.start()
            note.text = f"PostgreSQL {self.postgres.version} · Redis {self.redis.version} · a shop to break"

    def _migrate(self) -> None:
        with self._narrator.step("schema") as note:
            before = migrate.current(self.postgres.url)
            after = migrate.upgrade(self.postgres.url)
            note.text = f"at {after}" if before == after else f"{before or 'empty'} → {after}"

    def _start_outside(self) -> None:
        with self._narrator.step("outside") as note:
            self._stack.enter_context(self._supervisor)
            self._supervisor.start(*self.outside.programs())
            note.text = f"{' '.join(self.outside.names)} · simulators, on this machine only"

    def _start_functions(self) -> None:
        with self._narrator.step("functions") as note:
            self._supervisor.start(*(self._program(service) for service in self._manifests.services))
            note.text = f"{' '.join(self.functions)} · {len(self._ports)}/{len(self._ports)} ready"

    def _start_broker(self) -> None:
        with self._narrator.step("broker") as note:
            subscribers = [f"--subscriber={name}={self.url(name)}" for name in self._ports]
            argv = [sys.executable, "-m", "shared.local.knative.broker", f"--port={self._broker_port}", *subscribers]
            argv += [f"--manifests={ROOT / 'functions'}", f"--data={self.folder / 'broker.db'}"]
            argv += [f"--time-scale={_TIME_SCALE}"]
            log = self.folder / "broker.log"
            ready = f"{self.broker}/readyz"
            self._supervisor.start(Program(name="broker", argv=argv, log=log, cwd=ROOT, ready=ready))
            note.text = f"{self.broker} · {len(self._manifests.triggers)} triggers from functions/*/knative.yaml"

    def _program(self, service: FunctionService) -> Program:
        """A function as the cluster starts it: the manifest's command and environment, with our addresses."""
        env = {
            **{name: value for name, value in service.env.items() if not name.endswith("_FILE")},
            **self._addresses(service),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "HOME": str(self.folder),
            **_SHORTENED,
        }
        return Program(
            name=service.name,
            argv=service.command,
            log=self.folder / f"{service.name}.log",
            env=env,
            cwd=ROOT,
            ready=f"{self.url(service.name)}/readyz",
            grace_s=35.0,
        )

    def _addresses(self, service: FunctionService) -> Mapping[str, str]:
        given = {
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.redis.url,
            "AUTH_TOKEN": self.token,
            "APP_BIND": f"127.0.0.1:{self._ports[service.name]}",
            "HTTP_PROBES": json.dumps({"Service prod/shop": f"{self.shop.url}/health"}),
            "METRICS_ENDPOINTS": json.dumps({"Service prod/shop": f"{self.shop.url}/metrics"}),
            "METRICS_GAUGE": "shop_error_ratio",
        }
        given |= self.outside.addresses(service.name)
        if "EVENT_SINK" in service.env:
            given["EVENT_SINK"] = self.broker
        return given

    def _leave_a_note(self) -> None:
        """What a second terminal needs, for this user only."""
        note = self.folder / "env"
        note.touch(mode=0o600)
        lines = {"DATABASE_URL": self.postgres.url, "REDIS_URL": self.redis.url, "AUTH_TOKEN": self.token}
        lines["EVENT_SINK"] = self.broker
        note.write_text("".join(f"export {name}='{value}'\n" for name, value in lines.items()))
