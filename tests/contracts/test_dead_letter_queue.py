"""One contract, three queues: in memory, in a real Redis, and there with a client that the first letter loads."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from shared.adapters.dead_letter_streams import RedisDeadLetters, connect
from shared.adapters.late_dead_letters import LateDeadLetters
from shared.domain.dead_letters import KNOWLEDGE_STREAM, Caps, DeadLetter
from shared.domain.errors import QueueUnavailable
from shared.domain.failures import LOST_CONNECTION, of_sqlstate
from shared.testing.clocks import NOON, FakeClock
from shared.testing.dead_letters import MemoryDeadLetters
from shared.testing.events import write_requested

STREAM = KNOWLEDGE_STREAM
# Silence is compared with real time in Redis: none is enough at once, a day is never there.
AT_ONCE, NEVER = 0.0, 86_400.0


@dataclass(frozen=True)
class Streams:
    """The port, and what is done around it."""

    letters: Any
    put_unreadable: Any


@asynccontextmanager
async def in_memory(_request, most):
    letters = MemoryDeadLetters(FakeClock(), most=most)

    async def put_unreadable(raw):
        letters.put_unreadable(STREAM, raw)

    yield Streams(letters, put_unreadable)


@asynccontextmanager
async def in_redis(request, most):
    server = request.getfixturevalue("redis_server")
    client = connect(request.getfixturevalue("redis_url"))
    caps = Caps(entries=most, durability_asserted=not server.durable)

    async def put_unreadable(raw):
        await client.xadd(STREAM, {"letter": raw})

    yield Streams(RedisDeadLetters(client, caps, consumer="me"), put_unreadable)
    await client.aclose()


class Halves:
    """Letters are put by one adapter, and everything else is done by another."""

    def __init__(self, writer, reader):
        self.put = writer.put
        self._reader = reader

    def __getattr__(self, name):
        return getattr(self._reader, name)


@asynccontextmanager
async def in_redis_late(request, most):
    server = request.getfixturevalue("redis_server")
    caps = Caps(entries=most, durability_asserted=not server.durable)
    late = LateDeadLetters(request.getfixturevalue("redis_url"), caps, timeout_s=1.0)
    async with in_redis(request, most) as streams:
        yield Streams(Halves(late, streams.letters), streams.put_unreadable)
    await late.close()


@pytest.fixture(params=[in_memory, in_redis, in_redis_late], ids=["memory", "redis", "late"])
async def streams(request):
    async with request.param(request, most=3) as made:
        yield made


@pytest.fixture
def letters(streams):
    return streams.letters


def letter(id_="write-1", **changes):
    said = DeadLetter(
        event=write_requested(id=id_),
        fn="km-write",
        failure=of_sqlstate("53100"),
        attempts=2,
        first_failed_at=NOON - timedelta(hours=1),
        detail={"dest": "http://km-write"},
    )
    return replace(said, **changes)


def ids(claimed):
    return [None if c.letter is None else c.letter.event.id for c in claimed]


async def put(letters, *names):
    for name in names:
        await letters.put(STREAM, letter(name))


async def test_a_letter_comes_back_whole(letters):
    await letters.put(STREAM, letter())

    (claimed,) = await letters.claim_new(STREAM, most=10)
    assert claimed.letter == letter()
    assert claimed.deliveries == 1
    assert json.loads(claimed.raw) == letter().document()


async def test_a_failure_without_a_code_comes_back_without_one(letters):
    await letters.put(STREAM, letter(failure=LOST_CONNECTION, detail={}))

    (claimed,) = await letters.claim_new(STREAM, most=10)
    assert claimed.letter.failure == LOST_CONNECTION


async def test_letters_are_claimed_once_oldest_first(letters):
    await put(letters, "a", "b", "c")

    assert ids(await letters.claim_new(STREAM, most=2)) == ["a", "b"]
    assert ids(await letters.claim_new(STREAM, most=2)) == ["c"]
    assert await letters.claim_new(STREAM, most=2) == []


async def test_of_two_contents_with_one_id_both_are_kept_and_settled(letters):
    forged = write_requested(id="a", text="forged")
    await put(letters, "a")
    await letters.put(STREAM, letter("a", event=forged))

    claimed = await letters.claim_new(STREAM, most=9)
    assert [c.letter.event for c in claimed] == [write_requested(id="a"), forged]
    await letters.settle(STREAM, claimed)
    assert (await letters.depth(STREAM)).entries == 0


async def test_a_letter_for_the_same_event_is_kept_once(letters):
    await put(letters, "a", "a")
    await letters.put(STREAM, letter("a", attempts=9))

    assert (await letters.depth(STREAM)).entries == 1
    assert [c.letter.attempts for c in await letters.peek(STREAM, most=9)] == [2]


async def test_the_same_letter_put_by_many_at_once_is_kept_once(letters):
    await asyncio.gather(*(put(letters, "a", "b") for _ in range(8)))

    assert (await letters.depth(STREAM)).entries == 2


async def test_a_settled_event_may_come_again(letters):
    await put(letters, "a")
    await letters.settle(STREAM, await letters.claim_new(STREAM, most=1))
    await put(letters, "a")

    assert ids(await letters.claim_new(STREAM, most=1)) == ["a"]


async def test_a_full_stream_refuses_and_trims_nothing(letters):
    await put(letters, "a", "b", "c")
    with pytest.raises(QueueUnavailable):
        await put(letters, "d")
    await put(letters, "a")

    assert ids(await letters.peek(STREAM, most=9)) == ["a", "b", "c"]
    await letters.settle(STREAM, (await letters.claim_new(STREAM, most=1)))
    await put(letters, "d")


async def test_streams_do_not_know_each_other(letters):
    await letters.put("one", letter())
    await letters.put("two", letter())

    assert (await letters.depth("one")).entries == (await letters.depth("two")).entries == 1
    assert (await letters.depth("three")).entries == 0


async def test_an_empty_stream_has_nothing(letters):
    depth = await letters.depth(STREAM)

    assert (depth.entries, depth.oldest_age_s) == (0, None)
    assert await letters.claim_new(STREAM, most=9) == []
    assert await letters.abandoned(STREAM, idle_s=AT_ONCE, most=9) == {}
    assert await letters.peek(STREAM, most=9) == []
    await letters.settle(STREAM, [])


async def test_claimed_letters_are_still_counted(letters):
    await put(letters, "a", "b")
    await letters.claim_new(STREAM, most=1)

    depth = await letters.depth(STREAM)
    assert depth.entries == 2
    assert depth.oldest_age_s >= 0


async def test_a_living_holder_keeps_its_letters(letters):
    await put(letters, "a")
    (held,) = await letters.claim_new(STREAM, most=1)

    assert await letters.abandoned(STREAM, idle_s=NEVER, most=9) == {}
    assert await letters.take_over(STREAM, {held.entry_id: 1}, idle_s=NEVER) == []


async def test_a_silent_holder_loses_them_and_claims_are_counted(letters):
    await put(letters, "a", "b")
    await letters.claim_new(STREAM, most=9)

    for claims in (1, 2, 3):
        abandoned = await letters.abandoned(STREAM, idle_s=AT_ONCE, most=9)
        assert list(abandoned.values()) == [claims, claims]
        taken = await letters.take_over(STREAM, abandoned, idle_s=AT_ONCE)
        assert ids(taken) == ["a", "b"]
        assert [c.deliveries for c in taken] == [claims + 1] * 2


async def test_no_more_than_asked_are_shown_as_abandoned(letters):
    await put(letters, "a", "b", "c")
    await letters.claim_new(STREAM, most=9)

    assert len(await letters.abandoned(STREAM, idle_s=AT_ONCE, most=2)) == 2


async def test_a_letter_that_was_settled_meanwhile_is_not_taken_over(letters):
    await put(letters, "a", "b")
    held = await letters.claim_new(STREAM, most=9)
    abandoned = await letters.abandoned(STREAM, idle_s=AT_ONCE, most=9)
    await letters.settle(STREAM, held[:1])

    assert ids(await letters.take_over(STREAM, abandoned, idle_s=AT_ONCE)) == ["b"]


async def test_what_is_given_back_is_free_at_once_and_was_never_claimed(letters):
    await put(letters, "a", "b")
    held = await letters.claim_new(STREAM, most=9)
    await letters.give_back(STREAM, held)

    abandoned = await letters.abandoned(STREAM, idle_s=3600, most=9)
    assert list(abandoned.values()) == [0, 0]
    taken = await letters.take_over(STREAM, abandoned, idle_s=3600)
    assert [c.deliveries for c in taken] == [1, 1]


async def test_giving_back_undoes_one_claim_only(letters):
    await put(letters, "a")
    await letters.claim_new(STREAM, most=9)
    (held,) = await letters.take_over(STREAM, await letters.abandoned(STREAM, idle_s=AT_ONCE, most=9), idle_s=AT_ONCE)
    await letters.give_back(STREAM, [held])

    assert list((await letters.abandoned(STREAM, idle_s=AT_ONCE, most=9)).values()) == [1]


async def test_giving_back_what_is_settled_changes_nothing(letters):
    await put(letters, "a")
    held = await letters.claim_new(STREAM, most=9)
    await letters.settle(STREAM, held)
    await letters.give_back(STREAM, held)
    await letters.settle(STREAM, held)

    assert (await letters.depth(STREAM)).entries == 0
    assert await letters.abandoned(STREAM, idle_s=AT_ONCE, most=9) == {}


async def test_looking_claims_nothing(letters):
    await put(letters, "a", "b")

    assert ids(await letters.peek(STREAM, most=1)) == ["a"]
    assert ids(await letters.claim_new(STREAM, most=9)) == ["a", "b"]


@pytest.mark.parametrize(
    "raw", ["", "not json", "{}", "[]", "null", '{"event": {"id": "1"}}', '{"event": 7}', "\0", "修復", r'"\ud800"']
)
async def test_what_a_stranger_wrote_is_shown_and_can_be_settled(streams, raw):
    await streams.put_unreadable(raw)
    await streams.letters.put(STREAM, letter("a"))

    claimed = await streams.letters.claim_new(STREAM, most=9)
    assert ids(claimed) == [None, "a"]
    await streams.letters.settle(STREAM, claimed)
    assert (await streams.letters.depth(STREAM)).entries == 0
