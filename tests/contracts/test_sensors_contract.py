"""What every sensor promises: a fresh reading, what is wrong as data, and no harm from a service that is bad."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import tracemalloc

import pytest

from functions.verify_execution.core.conditions import Condition, examine
from functions.verify_execution.core.readings import HttpProbe, SensorFailure
from functions.verify_execution.observing import observe, plan
from shared.adapters.http import HttpClient
from shared.domain.calls import FailureKind
from tests.contracts import misbehaving
from tests.contracts.misbehaving import PATIENCE_S, Misbehaving, answering
from tests.contracts.rigs import CLOCK, RIGS

GENEROUS_S = 8.0
SHORT_S = 0.3
FLAT_BYTES = 24 * 1024 * 1024  # the limit of an answer, and what handling it takes beside it


@pytest.fixture(params=RIGS.values(), ids=RIGS.keys())
def rig(request):
    return request.param


@pytest.fixture
async def http():
    # Loading the web's authorities takes longer than most of these tests, and nothing here speaks TLS.
    async with HttpClient(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as client:
        yield client


async def ask(rig, url, http, timeout_s=GENEROUS_S):
    sensor = rig.make(url, http)
    assert plan([sensor], rig.asked) == [sensor.name]
    snapshot = await observe([sensor], rig.asked, names=[sensor.name], timeout_s=timeout_s, clock=CLOCK)
    return snapshot.attempts[0]


async def result(rig, behaviour, http, timeout_s=GENEROUS_S):
    """What it says of a service that behaves so; nothing of the call is left afterwards."""
    before = asyncio.all_tasks()
    server = Misbehaving(behaviour)
    async with server.serving() as url:
        attempt = await ask(rig, url, http, timeout_s)
        assert server.requests
        await http.aclose()
        await server.closed()
    async with asyncio.timeout(PATIENCE_S):
        while asyncio.all_tasks() != before:  # noqa: ASYNC110 - what the loop finalizes, it does in its next round
            await asyncio.sleep(0)
    return attempt.result


async def test_a_healthy_target_gives_a_fresh_reading(rig, http, tmp_path):
    asked_at = CLOCK.now()
    async with rig.well(tmp_path) as url:
        attempt = await ask(rig, url, http)
    assert rig.is_well(attempt.result)
    assert attempt.result.at >= asked_at > rig.asked.acted_at
    if attempt.about_target:
        assert examine(attempt.result, since=rig.asked.acted_at).condition is Condition.HEALTHY


async def test_what_is_wrong_is_said_as_data(rig, http, tmp_path):
    async with rig.sick(tmp_path) as url:
        attempt = await ask(rig, url, http)
    assert rig.is_sick(attempt.result)
    if attempt.about_target:
        assert examine(attempt.result, since=rig.asked.acted_at).condition is Condition.BROKEN


async def test_a_service_that_hangs_costs_its_time_and_leaves_nothing(rig, http):
    assert await result(rig, misbehaving.hang, http, SHORT_S) == SensorFailure(FailureKind.TIMEOUT)


@pytest.mark.parametrize("behaviour", [misbehaving.drip_the_body, misbehaving.drip_the_head])
async def test_a_service_that_drips_does_not_live_by_it(rig, http, behaviour):
    assert await result(rig, behaviour, http, SHORT_S) == SensorFailure(FailureKind.TIMEOUT)


async def test_a_flood_is_stopped_with_flat_memory(rig, http):
    gc.collect()
    tracemalloc.start()
    try:
        said = await result(rig, misbehaving.flood, http)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert said == SensorFailure(FailureKind.TOO_LARGE)
    assert peak < FLAT_BYTES


async def test_a_packed_answer_is_not_unpacked(rig, http):
    tracemalloc.start()
    try:
        said = await result(rig, misbehaving.bomb, http)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    if not rig.statuses_are_data:
        assert said == SensorFailure(FailureKind.UNREADABLE)
    assert peak < FLAT_BYTES


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, FailureKind.DENIED),
        (403, FailureKind.DENIED),
        (404, FailureKind.NOT_FOUND),
        (410, FailureKind.THROTTLED),
        (429, FailureKind.THROTTLED),
        (500, FailureKind.UNREACHABLE),
        (502, FailureKind.UNREACHABLE),
        (400, FailureKind.REFUSED),
    ],
)
async def test_every_status_has_one_meaning(rig, http, status, kind):
    said = await result(rig, answering(status), http)
    if rig.statuses_are_data:
        assert isinstance(said, HttpProbe)
        assert said.status == status
    else:
        assert said == SensorFailure(kind)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe\x00",
        b"<html>It works!</html>",
        b"null",
        b"[]",
        b"[1]",
        b"{}",
        b'{"status": "success", "status": "error"}',
        b"[" * 100_000,
        b'{"metadata": {"name": 1}}',
        b'{"items": 3}',
        b'{"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "x"]}]}}',
        b'{"status": "success", "data": {"resultType": "matrix", "result": []}}',
    ],
)
async def test_garbage_is_never_a_good_reading(rig, http, body):
    said = await result(rig, answering(200, body), http)
    if rig.statuses_are_data:
        return
    if isinstance(said, SensorFailure):
        assert said.kind in (FailureKind.UNREADABLE, FailureKind.EMPTY)
    else:
        # An empty list is an answer, where there may be nothing: no neighbours, no such alert.
        assert body in (b"{}", b"[]")
        assert rig.is_well(said) or said.ready == {}


async def test_a_redirect_is_not_followed(rig, http):
    elsewhere = Misbehaving(answering(200))
    async with elsewhere.serving() as other:
        said = await result(rig, answering(302, location=f"{other}/latest/meta-data"), http)
    assert elsewhere.requests == []
    if rig.statuses_are_data:
        assert said.status == 302
        assert examine(said, since=None).condition is Condition.BROKEN
    else:
        assert said == SensorFailure(FailureKind.UNREACHABLE)


@pytest.mark.parametrize("behaviour", [misbehaving.cut_off, misbehaving.no_http])
async def test_half_an_answer_is_none(rig, http, behaviour):
    said = await result(rig, behaviour, http)
    if rig.statuses_are_data:
        assert said.status is None
    else:
        assert said == SensorFailure(FailureKind.UNREACHABLE)


async def test_nobody_there_is_unreachable(rig, http):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    attempt = await ask(rig, f"http://127.0.0.1:{port}", http)
    if rig.statuses_are_data:
        assert attempt.result.status is None
    else:
        assert attempt.result == SensorFailure(FailureKind.UNREACHABLE)


async def test_a_cookie_is_not_kept(rig, http):
    server = Misbehaving(answering(500, set_cookie="session=1; Path=/", connection="close"))
    async with server.serving() as url:
        await ask(rig, url, http)
        await ask(rig, url, http)
        await http.aclose()
    assert len(server.requests) >= 2
    assert not any(b"cookie" in request.lower() for request in server.requests)


async def test_a_hanging_sensor_costs_the_others_nothing(rig, http, tmp_path):
    server = Misbehaving(misbehaving.hang)
    async with server.serving() as stuck, rig.well(tmp_path) as url:
        good, bad = rig.make(url, http), rig.make(stuck, http)
        bad.name = "stuck"
        snapshot = await observe([bad, good], rig.asked, names=["stuck", good.name], timeout_s=1.0, clock=CLOCK)
        await http.aclose()
    assert snapshot.silent() == ["stuck"]
    assert rig.is_well(next(attempt.result for attempt in snapshot.attempts if attempt.sensor == good.name))
