"""Some two thousand bad requests to every function as it is deployed; ``make fuzz`` sends fifty times as many."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest
import redis

from tests.deployed import Deployed, deployed
from tests.fuzz.attack import Outcome, ask, attack, leaked, stored
from tests.fuzz.doors import FUNCTIONS
from tests.fuzz.generator import bad_request, bad_requests, of_each_kind
from tests.fuzz.requests import TOKEN
from tests.tables import cloned

SEED, COUNT = 20_260_131, 210
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def url(postgres_server, migrated_template):
    with cloned(postgres_server, migrated_template, "bad_input_tests") as address:
        yield address


@pytest.fixture(scope="module")
def stores(url, redis_server):
    redis_server.start()
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    return url, redis_server.url


@pytest.fixture(scope="module")
def places(stores, tmp_path_factory):
    """Every function by its name, started side by side."""
    settings = {"database_url": stores[0], "redis_url": stores[1], "auth_mode": "bearer", "auth_token": TOKEN}
    own = {name: value for function in FUNCTIONS.values() for name, value in function.settings.items()}
    with deployed(tmp_path_factory.mktemp("functions"), *FUNCTIONS, **settings, **own) as started:
        yield dict(zip(FUNCTIONS, started, strict=True))
        for place in started:
            os.kill(place.pid, signal.SIGTERM)  # all at once: each takes half a second to end


def test_every_function_that_serves_is_attacked():
    assert set(FUNCTIONS) == {path.parent.name for path in ROOT.glob("functions/*/main.py")}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=lambda function: function.name)
async def test_every_bad_request_is_refused_and_leaves_no_trace(function, places, stores):
    place, before = places[function.name], stored(*stores)
    outcome = await attack(place, bad_requests(function, SEED, COUNT), Outcome())
    after = stored(*stores)
    said = [json.loads(line) for line in place.log.read_text().splitlines()]
    # What is no HTTP never reaches a function; the server says so in words of its own.
    lines = [line for line in said if line["event"] != "server.message"]
    answers = [(await ask(place, door.good()), door.good().expected) for door in function.doors]

    assert [problem for problem, _ in outcome.problems] == []
    assert outcome.statuses.total() == COUNT
    assert set(outcome.names) >= {request.name for (request,) in of_each_kind(function, SEED, 1)}
    assert after == before
    assert not leaked(place)
    assert {(line["level"], line["event"], line["outcome"]) for line in lines} == {("info", "event.handled", "refused")}
    assert [answer.status for answer, right in answers if answer.status not in right] == []
    # The same count does see what a good request leaves.
    assert (stored(*stores) == after) == (function.name == "console")


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK", b"HTTP/1.1 503 Busy", b"HTTP/1.1 404 Not Found"])
async def test_an_attack_sees_a_function_that_acknowledges_or_repeats_bad_input(answer, tmp_path):
    async def lie(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        (tmp_path / "log").write_bytes(head)
        writer.write(answer + b"\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(head), head))
        writer.close()

    async with await asyncio.start_server(lie, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        place = Deployed(url=f"http://127.0.0.1:{port}", log=tmp_path / "log")
        outcome = await attack(place, [bad_request(FUNCTIONS["km_write"], SEED, 1)], Outcome())

    problems = [problem.partition(": ")[2] for problem, _ in outcome.problems]
    assert problems == [f"answered {answer.split()[1].decode()}, not one of (422,)", "the answer repeats what was sent"]
    assert leaked(place)


def test_a_seed_makes_the_same_requests_again():
    first, again, other = (list(bad_requests(FUNCTIONS["console"], seed, 50)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
