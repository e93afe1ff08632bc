"""A broker with manifests of its own, and subscribers that remember what they got."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from dataclasses import dataclass, field

import httpx
import uvicorn
import yaml
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from shared.local.knative import manifests
from shared.local.knative.broker import Settings, create_app

PATIENCE_S = 30.0
REQUESTED = "dev.aftercare.knowledge.write-requested.v1"
WRITTEN = "dev.aftercare.knowledge.written.v1"
NO_PAUSES = {"backoffPolicy": "linear", "backoffDelay": "PT0S"}


@dataclass
class Received:
    path: str
    headers: dict
    body: bytes
    at: float

    @property
    def event(self):
        return {name[3:]: value for name, value in self.headers.items() if name.startswith("ce-")}


@dataclass
class Subscriber:
    """Answers 204, or what ``answer`` says: a status, a Response, or a function of what came and how manieth it is."""

    answer: object = 204
    received: list[Received] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    def app(self):
        return Starlette(routes=[Route("/{path:path}", self._take, methods=["POST"])])

    async def _take(self, request):
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            arrived = Received(request.url.path, dict(request.headers), await request.body(), time.monotonic())
            self.received.append(arrived)
            fixed = isinstance(self.answer, (int, Response))
            answer = self.answer if fixed else self.answer(arrived, len(self.received))
            answer = await answer if asyncio.iscoroutine(answer) else answer
            return Response(status_code=answer) if isinstance(answer, int) else answer
        finally:
            self.at_once -= 1


def reply(**attributes):
    headers = {"ce-specversion": "1.0", "ce-id": "r-1", "ce-source": "/worker", "ce-type": WRITTEN}
    headers |= {f"ce-{name}": value for name, value in attributes.items()}
    return Response(b'{"outcome":"created"}', headers={**headers, "content-type": "application/json"})


async def until(condition):
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - the other side cannot tell us
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def serving(*apps):
    """The applications, each on a free port; yields their addresses."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in apps]
    servers = [uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="error", ws="none")) for app in apps]
    running = [
        asyncio.create_task(server.serve(sockets=[listener]))
        for server, listener in zip(servers, listeners, strict=True)
    ]
    await until(lambda: all(server.started for server in servers) or any(task.done() for task in running))
    try:
        yield [f"http://127.0.0.1:{listener.getsockname()[1]}" for listener in listeners]
    finally:
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*running)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def _service(name, concurrency):
    container = {
        "image": "registry.example/x",
        "command": ["gunicorn"],
        "env": [{"name": "CONCURRENCY", "value": str(concurrency)}],
    }
    pod = {"containerConcurrency": concurrency, "timeoutSeconds": 60, "containers": [container]}
    return _object("serving.knative.dev/v1", "Service", name, {"template": {"spec": pod}})


def _object(api, kind, name, spec):
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": "aftercare"}, "spec": spec}


def reference(service, uri="/"):
    return {"ref": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": service}, "uri": uri}


SINK = reference("sink", "/dead-letter")


def deployment(directory, triggers, concurrency=8):
    """Manifests on disk: a trigger for each service given, and a service ``sink`` for dead letters.

    Args:
        directory: where to write.
        triggers: by service, the trigger's spec without broker and subscriber.
        concurrency: of every service.
    """
    broker = {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "name": "aftercare"}
    documents = [_service("sink", concurrency)]
    for service, spec in triggers.items():
        full = {"broker": "aftercare", "subscriber": reference(service), **spec}
        documents += [_service(service, concurrency), _object(broker["apiVersion"], "Trigger", service, full)]
    ping = {"schedule": "0 0 1 1 *", "data": '{"queues":["km:dlq"]}', "sink": {"ref": broker}}
    documents.append(_object("sources.knative.dev/v1", "PingSource", "tick", ping))
    (directory / "f").mkdir(exist_ok=True)
    (directory / "f" / "knative.yaml").write_text(yaml.safe_dump_all(documents))
    spec = {"delivery": {"retry": 0, "deadLetterSink": SINK}}
    (directory / "broker.yaml").write_text(yaml.safe_dump(_object(broker["apiVersion"], "Broker", "aftercare", spec)))
    return directory


@contextlib.asynccontextmanager
async def talking(url):
    """A client of the broker there."""
    async with httpx.AsyncClient(base_url=url, trust_env=False, verify=False, timeout=PATIENCE_S) as http:
        yield Client(http)


class Client:
    """Talks to a broker."""

    def __init__(self, http):
        self._http = http

    async def send(self, identity="e-1", type=REQUESTED, path="/", data=None, **extensions):  # noqa: A002
        event = {"specversion": "1.0", "id": identity, "source": "/test", "type": type, "data": data or {"n": identity}}
        headers = {"content-type": "application/cloudevents+json"}
        return await self._http.post(path, content=json.dumps({**event, **extensions}), headers=headers)

    async def post(self, path, **request):
        return await self._http.post(path, **request)

    async def get(self, path):
        answer = await self._http.get(path)
        answer.raise_for_status()
        return answer.json()

    async def status(self, path):
        return (await self._http.get(path)).status_code

    async def settled(self):
        """The stats, once nothing is pending."""
        return await self.stats(lambda stats: stats["pending"] == 0)

    async def stats(self, wanted):
        """The stats, once they are as wanted."""
        async with asyncio.timeout(PATIENCE_S):
            while not wanted(stats := await self.get("/stats")):  # noqa: ASYNC110 - another process knows
                await asyncio.sleep(0.01)
        return stats


@contextlib.asynccontextmanager
async def brokering(directory, triggers, subscribers, *, concurrency=8, time_scale=1.0):
    """A broker in this process; yields its client.

    Args:
        directory: for manifests and data.
        triggers: as for ``deployment``.
        subscribers: by service, a Subscriber or an address.
        concurrency: of every service.
        time_scale: of the broker.
    """
    there = [service for service, each in subscribers.items() if isinstance(each, Subscriber)]
    async with serving(*(subscribers[service].app() for service in there)) as addresses:
        settings = Settings(
            manifests=manifests.load(deployment(directory, triggers, concurrency)),
            subscribers={**subscribers, **dict(zip(there, addresses, strict=True))},
            data=directory / "broker.db",
            time_scale=time_scale,
        )
        async with serving(create_app(settings)) as [url], talking(url) as client:
            yield client
