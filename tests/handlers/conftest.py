"""Functions over HTTP, in this process, with ports in memory."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import httpx
import pytest
from starlette.requests import Request

from shared.runtime.requests import EventReader
from shared.runtime.serving import Route, serve
from shared.runtime.settings import ServingSettings
from tests.use_cases import EVENT

ANYTHING = EventReader(None, request_type=EVENT.type, batch=True, ticks=True)


@pytest.fixture
async def client():
    """From the ``handle`` of a function to a client that calls it."""
    opened = []

    def open_(handle):
        async def app(scope, receive, send):
            response = await handle(Request(scope, receive))
            await response(scope, receive, send)

        made = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://function")
        opened.append(made)
        return made

    yield open_
    for made in opened:
        await made.aclose()


@pytest.fixture
def logged(capsys):
    """The log lines since the last look, read as JSON; of functions that the test made, not a fixture."""

    def read():
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return read


@pytest.fixture
def settings():
    def make(**changes):
        given = {"AUTH_MODE": "network", **{name.upper(): str(value) for name, value in changes.items()}}
        return ServingSettings.load(given)

    return make


@pytest.fixture
def function(client, settings):
    """A client of a function with any use case."""

    def make(use_case, *, deadline_s=5.0, read=ANYTHING, **changes):
        routes = {"/": Route(read=read, use_case=use_case)}
        return client(serve("probe", settings(**changes), routes, deadline_s=deadline_s))

    return make


@pytest.fixture(autouse=True)
def nobody_is_stopping() -> Iterator[None]:
    """A server of an earlier test, which has stopped, must not tell a function of this one to stop."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)
