"""What a call costs at most: in time, in bytes, and in what it leaves behind; one by one and twenty at once."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import tracemalloc

import pytest

from functions.verify_execution.core.readings import SensorFailure
from functions.verify_execution.observing import observe
from functions.verify_execution.sensors.docker import DockerSensor
from shared.adapters.endpoints import Endpoint, both
from shared.adapters.http import Answer, AnswerTooLarge, AnswerTooSlow, Call, HttpClient
from shared.domain.calls import CallFailed, FailureKind
from shared.domain.errors import UpstreamUnavailable
from shared.local.simulators.docker import Container, DockerSimulator
from tests.contracts import misbehaving
from tests.contracts.misbehaving import PATIENCE_S, Misbehaving, answering
from tests.contracts.rigs import CLOCK, question

SHORT_S = 0.3
LIMIT = 1000


ANYTHING = Call()


@pytest.fixture
async def http():
    async with HttpClient(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as client:
        yield client


async def get(http, url, call=ANYTHING, *, limit_bytes=LIMIT, timeout_s=8.0):
    return await http.fetch(url, call, limit_bytes=limit_bytes, timeout_s=timeout_s)


@pytest.mark.parametrize("behaviour", [misbehaving.hang, misbehaving.drip_the_head, misbehaving.drip_the_body])
async def test_the_time_is_for_the_whole_call(http, behaviour):
    server = Misbehaving(behaviour)
    async with server.serving() as url, asyncio.timeout(PATIENCE_S):
        with pytest.raises(AnswerTooSlow, match="no whole answer"):
            await get(http, url, timeout_s=SHORT_S, limit_bytes=10_000_000)
        await server.closed()


async def test_an_address_that_takes_no_connections_costs_no_more(http):
    with contextlib.closing(misbehaving.full_listener()) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(AnswerTooSlow):
            await get(http, f"http://127.0.0.1:{port}", timeout_s=SHORT_S)


async def test_the_limit_is_the_last_byte_that_is_read(http):
    exact = Misbehaving(answering(200, b"x" * LIMIT, connection="close"))
    over = Misbehaving(answering(200, b"x" * (LIMIT + 1), connection="close"))
    async with exact.serving() as fits, over.serving() as does_not:
        assert await get(http, fits) == Answer(200, b"x" * LIMIT)
        with pytest.raises(AnswerTooLarge, match="1000 bytes"):
            await get(http, does_not)
        await http.aclose()


async def test_a_document_is_sent_by_its_method(http):
    server = Misbehaving(answering(200, connection="close"))
    async with server.serving() as url:
        await get(http, f"{url}/x", Call("PATCH", document={"state": "關"}))
        await http.aclose()
    (request,) = server.requests
    assert request.startswith(b"PATCH /x HTTP/1.1\r\n")
    assert b"\r\nContent-Type: application/json\r\n" in request


async def test_values_are_encoded_and_headers_are_sent(http):
    server = Misbehaving(answering(200, connection="close"))
    async with server.serving() as url:
        await get(http, f"{url}/x?kept=1", Call(headers={"authorization": "Bearer t"}))
        await get(http, f"{url}/x", Call(params={"query": 'a{b="c&d=e f#g"}'}))
        await http.aclose()
    kept, encoded = (request.decode().lower() for request in server.requests)
    assert kept.startswith("get /x?kept=1 http/1.1\r\n")
    assert "\r\nauthorization: bearer t\r\n" in kept
    assert "\r\naccept-encoding: identity\r\n" in kept
    assert encoded.startswith("get /x?query=a%7bb%3d%22c%26d%3de+f%23g%22%7d http/1.1\r\n")


@pytest.mark.parametrize(
    "url", ["", "no-scheme", "ftp://x/", "http://", "http://[::1", "http://x:99999/", "http://\n/"]
)
async def test_an_address_that_is_none_is_no_answer(http, url):
    with pytest.raises(UpstreamUnavailable, match="no answer"):
        await get(http, url)


async def test_a_header_that_is_none_is_no_answer_and_is_not_repeated(http):
    async with Misbehaving(answering(200)).serving() as url:
        with pytest.raises(UpstreamUnavailable) as raised:
            await get(http, url, Call(headers={"authorization": "Bearer geheim\r\nx: y"}))
    assert "geheim" not in str(raised.value)


async def test_when_one_of_two_fails_the_other_is_given_up():
    gone = asyncio.Event()

    async def endless():
        try:
            await asyncio.Event().wait()
        finally:
            gone.set()

    async def failing():
        await asyncio.sleep(0)
        raise CallFailed(FailureKind.DENIED)

    for first, second in ((endless(), failing()), (failing(), endless())):
        gone.clear()
        with pytest.raises(CallFailed) as raised:
            await both(first, second)
        assert raised.value.kind is FailureKind.DENIED
        assert gone.is_set()


async def test_twenty_at_once_of_which_four_are_bad(http):
    simulator = DockerSimulator()
    simulator.containers["api"] = Container(health="healthy")
    bad = {
        "hangs": misbehaving.hang,
        "hangs-too": misbehaving.hang,
        "drips": misbehaving.drip_the_body,
        "floods": misbehaving.flood,
    }
    async with contextlib.AsyncExitStack() as stack:
        well = await stack.enter_async_context(simulator.serving())
        servers = {name: Misbehaving(behaviour) for name, behaviour in bad.items()}
        urls = {name: await stack.enter_async_context(server.serving()) for name, server in servers.items()}
        urls |= {f"good-{number}": well for number in range(16)}
        sensors = [DockerSensor(Endpoint(http=http, url=url), CLOCK) for url in urls.values()]
        for sensor, name in zip(sensors, urls, strict=True):
            sensor.name = name
        tracemalloc.start()
        snapshot = await observe(
            sensors, question("Container", namespace="docker"), names=list(urls), timeout_s=3.0, clock=CLOCK
        )
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        await http.aclose()
    said = {attempt.sensor: attempt.result for attempt in snapshot.attempts}
    assert {name: result.kind for name, result in said.items() if isinstance(result, SensorFailure)} == {
        "hangs": FailureKind.TIMEOUT,
        "hangs-too": FailureKind.TIMEOUT,
        "drips": FailureKind.TIMEOUT,
        "floods": FailureKind.TOO_LARGE,
    }
    assert all(result.running for name, result in said.items() if name.startswith("good"))
    assert peak < 24 * 1024 * 1024
