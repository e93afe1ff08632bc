"""A thousand bad requests to real processes: each gets its 4xx, nothing is stored, nothing is repeated."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import httpx
import pytest
import redis

from shared.adapters.tables import metadata
from shared.testing import bad_inputs
from shared.testing.events import webhook, write_requested
from tests.deployed import deployed
from tests.senders import structured
from tests.tables import cloned, reading

CANARY, TOKEN = bad_inputs.CANARY, bad_inputs.TOKEN
SEED, COUNT, AT_ONCE = 20_260_131, 1_200, 8
BRIDGE = "/alertmanager"
AUTHORIZATION = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def url(postgres_server, migrated_template):
    with cloned(postgres_server, migrated_template, "bad_input_tests") as address:
        yield address


@pytest.fixture
def functions(url, redis_url, tmp_path):
    """km-write and alert-bridge, by the path that leads to them."""
    settings = {"database_url": url, "redis_url": redis_url, "auth_mode": "bearer", "auth_token": TOKEN}
    with deployed(tmp_path, "km_write", "alert_bridge", **settings) as (km_write, bridge):
        yield lambda path: bridge if path.startswith(BRIDGE) else km_write


def stored(url, redis_url):
    """How many rows and keys there are, anywhere."""
    with reading(url) as rows, redis.Redis.from_url(redis_url) as client:
        counts = {table: rows(f"SELECT count(*) FROM {table}")[0][0] for table in metadata.tables}
        return {**counts, "redis": client.dbsize()}


async def post_all(functions, requests):
    """The answers, in the order of the requests."""
    gate = asyncio.Semaphore(AT_ONCE)
    async with httpx.AsyncClient(timeout=30) as http:

        async def post(bad):
            async with gate:
                target = functions(bad.path).url + bad.path
                return await http.request(bad.method, target, headers=bad.headers, content=bad.body)

        return await asyncio.gather(*map(post, requests))


def problems(bad, answer):
    """What is wrong with an answer."""
    if answer.status_code not in bad.expected or not 400 <= answer.status_code < 500:
        yield f"{bad.name}: answered {answer.status_code}, expected {bad.expected}"
    if CANARY in answer.text or CANARY in str(answer.headers):
        yield f"{bad.name}: the answer repeats the canary"


async def test_every_bad_request_gets_its_4xx_and_leaves_no_trace(functions, url, redis_url):
    requests = list(bad_inputs.bad_requests(SEED, COUNT))
    before = stored(url, redis_url)
    answers = await post_all(functions, requests)
    wrong = [said for bad, answer in zip(requests, answers, strict=True) for said in problems(bad, answer)]

    assert len(requests) >= 1_000
    assert wrong == [], Counter(said.partition(":")[0] for said in wrong)
    assert stored(url, redis_url) == before
    assert set(before.values()) == {0}
    logs = functions("/").log.read_text(), functions(BRIDGE).log.read_text()
    assert CANARY not in "".join(logs)
    lines = [json.loads(line) for log in logs for line in log.splitlines()]
    assert {(line["event"], line["outcome"]) for line in lines} == {("event.handled", "refused")}
    assert len(lines) == len(requests)


async def test_a_good_request_is_still_taken(functions, url, redis_url):
    async with httpx.AsyncClient(timeout=30, headers=AUTHORIZATION) as http:
        written = await http.post(functions("/").url, **structured(write_requested()))
        bridged = await http.post(functions(BRIDGE).url + BRIDGE, json=webhook())

    assert (written.status_code, bridged.status_code) == (200, 202)
    assert stored(url, redis_url)["knowledge_entries"] == 1
