"""km-write as it is deployed, and a PostgreSQL that takes connections and says nothing."""

from __future__ import annotations

import asyncio
import time
from itertools import count
from pathlib import Path

import httpx
import pytest

from shared.adapters.dsn import Dsn
from shared.adapters.postgres import Limits
from shared.domain.breaker import Rule
from shared.testing.events import write_requested
from tests.deployed import deployed
from tests.faults.proxy import Fault, Proxy, Stall
from tests.senders import batch, structured
from tests.tables import reading

PATIENCE_S = 30.0  # for a failing test only
THREADS = 5
SETTINGS = {"AUTH_MODE": "network", "DATABASE_THREADS": str(THREADS), "KM_WRITE_TIMEOUT_SECONDS": "1.5"}


@pytest.fixture
async def http():
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=30) as client:
        yield client


def threads(place):
    """Of the process that serves."""
    (worker,) = Path(f"/proc/{place.pid}/task/{place.pid}/children").read_text().split()
    return len(list(Path(f"/proc/{worker}/task").iterdir()))


async def test_few_wait_nobody_waits_long_threads_do_not_pile_up_and_writing_goes_on(
    tmp_path, postgres_server, database_url, durable_redis, http
):
    with Proxy(postgres_server.socket) as proxy, reading(database_url) as rows:
        settings = {
            **SETTINGS,
            "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{proxy.port}/{Dsn.parse(database_url).database}?sslmode=disable",
            "REDIS_URL": durable_redis.url,
        }
        with deployed(tmp_path, "km_write", **settings) as (place,):

            async def timed(request):
                began = time.monotonic()
                answer = await http.post(place.url, **request)
                return answer.status_code, time.monotonic() - began

            # A batch is a transaction of its own, so that each thread has one to lose.
            pairs = [
                [write_requested(id=f"b{n}-{m}", incident=f"INC-{n}-{m}") for m in "ab"] for n in range(2 * THREADS)
            ]
            before = threads(place)
            proxy.fault = Stall()
            waited = await asyncio.gather(*(timed(batch(*pair)) for pair in pairs))
            async with asyncio.timeout(PATIENCE_S):
                while "refused at once" not in place.log.read_text():  # noqa: ASYNC110 - the log tells nobody
                    await asyncio.sleep(0.05)
            refused = [await timed(structured(write_requested(id=f"w{n}", incident=f"INC-{n}"))) for n in range(20)]

            assert {status for status, _ in [*waited, *refused]} == {202}
            assert max(took for _, took in waited) < Limits().connect_s  # nobody waits for as long as a thread does
            assert max(took for _, took in refused) < min(took for _, took in waited)
            assert threads(place) <= before + THREADS

            proxy.fault = Fault()
            back = time.monotonic()
            async with asyncio.timeout(PATIENCE_S):
                for number in count():
                    if (await timed(structured(write_requested(id=f"n{number}", incident="INC-new"))))[0] == 200:
                        break
                    await asyncio.sleep(0.02)
            assert time.monotonic() - back < Rule().longest_s + Limits().connect_s
            assert rows("SELECT count(*) FROM knowledge_entries") == [[1]]
            assert threads(place) <= before + THREADS
