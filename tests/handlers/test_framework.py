"""The same ``handle`` through functions-framework, loaded from its source as an image loads it."""

from __future__ import annotations

import httpx
import pytest
from functions_framework.aio import create_asgi_app

from shared.testing.events import webhook, write_requested
from tests.senders import structured

COMPOSED = """
from functions.km_write.core import WritePolicy
from functions.km_write.handler import Ports, create_handler
from functions.km_write.model import ACCEPTS, REQUEST_TYPE
from shared.runtime.requests import EventReader
from shared.runtime.serving import Route, serve
from shared.runtime.settings import ServingSettings
from shared.testing.clocks import FakeClock
from shared.testing.dead_letters import MemoryDeadLetters
from shared.testing.knowledge import MemoryKnowledge

clock = FakeClock()
ports = Ports(
    knowledge=MemoryKnowledge(clock),
    dead_letters=MemoryDeadLetters(clock),
    clock=clock,
    chance=lambda: 0.5,
    committed=lambda: None,
)
policy = WritePolicy.of(attempts=3, base_s=0.1, timeout_s=5.0, queue_s=1.0, wait=True, defer=True)
read = EventReader(ACCEPTS, request_type=REQUEST_TYPE, batch=True)
settings = ServingSettings.load({"AUTH_MODE": "network"})
handle = serve("km-write", settings, {"/": Route(read=read, use_case=create_handler(ports, policy))})
"""


def calling(app):
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://function")


async def test_replies_pass_through_unchanged(tmp_path):
    source = tmp_path / "main.py"
    source.write_text(COMPOSED)
    async with calling(create_asgi_app("handle", str(source), "http")) as http:
        written = await http.post("/", **structured(write_requested()))
        refused = await http.post("/", content=b"{", headers={"content-type": "application/cloudevents+json"})
        lost = await http.get("/nothing")
        health = await http.get("/livez")

    assert (written.status_code, written.headers["content-type"]) == (200, "application/cloudevents+json")
    assert (refused.status_code, refused.content) == (400, b"")
    assert (lost.status_code, health.status_code) == (400, 200)


@pytest.mark.parametrize("function", ["alert_bridge", "backfill_reconcile", "km_write"])
async def test_each_function_serves_as_it_is_composed(function, monkeypatch):
    monkeypatch.setenv("AUTH_MODE", "bearer")
    monkeypatch.setenv("AUTH_TOKEN", "right")
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    path = "/alertmanager" if function == "alert_bridge" else "/"
    async with calling(create_asgi_app("handle", f"functions/{function}/main.py", "http")) as http:
        health = await http.get("/readyz")
        stranger = await http.post(path, **structured(write_requested()))
        nobody_there = await http.post(path, json=webhook(), headers={"authorization": "Bearer right"})

    assert (health.status_code, stranger.status_code) == (200, 401)
    assert nobody_there.status_code in {400, 415, 503}
