"""Functions over HTTP, in this process, with ports in memory."""

from __future__ import annotations

import json

import httpx
import pytest
from starlette.requests import Request

from shared.runtime.settings import ServingSettings


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
