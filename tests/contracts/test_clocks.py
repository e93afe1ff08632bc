from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from shared.adapters.system import SystemClock
from shared.testing.clocks import NOON, FakeClock


@pytest.fixture(params=[SystemClock, FakeClock])
def clock(request):
    return request.param()


async def test_sleep_moves_both_clocks(clock):
    now, monotonic = clock.now(), clock.monotonic()
    await clock.sleep(0.01)

    assert clock.now() - now >= timedelta(milliseconds=9)
    assert clock.monotonic() - monotonic >= 0.009


async def test_now_is_aware_and_in_utc(clock):
    assert clock.now().utcoffset() == timedelta(0)


async def test_others_get_their_turn_while_one_sleeps(clock):
    turns = []
    await asyncio.gather(clock.sleep(0), asyncio.to_thread(turns.append, 1))

    assert turns == [1]


async def test_virtual_time_takes_no_time():
    clock = FakeClock()
    await clock.sleep(86_400)

    assert clock.now() == NOON + timedelta(days=1)
    assert clock.slept == [86_400]
