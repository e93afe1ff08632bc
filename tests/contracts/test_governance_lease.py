"""The lease of a cycle: in Redis, and in memory."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from functions.governance_check.lease import KEY, RedisLease
from functions.governance_check.no_lease import NoLease
from shared.adapters.dead_letter_streams import connect
from shared.testing.governance import MemoryLease


class InMemory:
    """Two owners of one lease."""

    def __init__(self):
        self.a, self.b = MemoryLease(), MemoryLease()

    async def take(self, owner, other):
        owner.held_by_another = other.taken
        return await owner.take()


class InRedis:
    def __init__(self, redis):
        self.a, self.b = (RedisLease(redis, owner=owner, lease_s=60.0) for owner in "ab")

    async def take(self, owner, _other):
        return await owner.take()


@pytest.fixture(params=["memory", "redis"])
async def place(request):
    if request.param == "memory":
        yield InMemory()
        return
    redis = connect(request.getfixturevalue("redis_url"))
    yield InRedis(redis)
    await redis.aclose()


async def test_one_owner_holds_it_until_it_lets_go(place):
    assert await place.take(place.a, place.b)
    assert not await place.take(place.b, place.a)
    assert await place.take(place.a, place.b)
    await place.a.give_back()
    assert await place.take(place.b, place.a)


@pytest.fixture
async def leases(redis_url):
    """Two owners of one lease, and its Redis."""
    redis = connect(redis_url)
    yield SimpleNamespace(
        redis=redis,
        a=RedisLease(redis, owner="a", lease_s=60.0),
        b=RedisLease(redis, owner="b", lease_s=60.0),
    )
    await redis.aclose()


class TestInRedis:
    async def test_it_is_a_key_with_an_end(self, leases):
        assert await leases.a.take()
        assert not await leases.b.take()
        assert await leases.redis.get(KEY) == "a"
        assert 0 < await leases.redis.pttl(KEY) <= 60_000

    async def test_nobody_lets_go_of_anothers(self, leases):
        await leases.a.take()
        await leases.b.give_back()
        assert await leases.redis.get(KEY) == "a"

    async def test_one_without_an_end_is_taken_over(self, leases):
        await leases.redis.set(KEY, "somebody")
        assert await leases.a.take()
        assert 0 < await leases.redis.pttl(KEY) <= 60_000

    async def test_without_redis_everybody_may_run(self, tmp_path):
        redis = connect(f"unix://{tmp_path}/nobody.sock")
        for lease in (RedisLease(redis, owner="a", lease_s=60.0), NoLease()):
            assert await lease.take()
            await lease.give_back()
        await redis.aclose()
