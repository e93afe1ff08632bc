"""What only Redis can do to dead letters: forget, stall, refuse, and hold what strangers wrote."""

from __future__ import annotations

import asyncio
import json

import pytest
import redis.asyncio

from shared.adapters.dead_letter_streams import RedisDeadLetters, connect
from shared.domain.dead_letters import KNOWLEDGE_STREAM, Caps, Claimed, DeadLetter
from shared.domain.errors import QueueUnavailable
from shared.domain.failures import LOST_CONNECTION
from shared.testing.clocks import NOON
from shared.testing.events import write_requested

STREAM = KNOWLEDGE_STREAM


def letter(id_):
    event = write_requested(id=id_)
    return DeadLetter(event=event, fn="km-write", failure=LOST_CONNECTION, attempts=1, first_failed_at=NOON)


async def put(letters, *names):
    for name in names:
        await letters.put(STREAM, letter(name))


def ids(claimed):
    return [None if c.letter is None else c.letter.event.id for c in claimed]


@pytest.fixture
async def client(redis_url):
    made = connect(redis_url, timeout_s=0.5)
    yield made
    await made.aclose()


@pytest.fixture
def letters(client):
    return RedisDeadLetters(client, Caps(durability_asserted=True), consumer="me")


async def test_bytes_that_are_no_text_are_shown_escaped(client, letters):
    await client.xadd(STREAM, {"letter": b"\xff\xfe"})
    await put(letters, "a")

    claimed = await letters.claim_new(STREAM, most=9)
    assert ids(claimed) == [None, "a"]
    assert claimed[0].raw == "\\xff\\xfe"


async def test_an_entry_without_a_letter_is_unreadable(client, letters):
    await client.xadd(STREAM, {"something": "else"})

    assert ids(await letters.claim_new(STREAM, most=9)) == [None]


async def test_the_cap_on_bytes_counts_what_waits(client):
    size = len(json.dumps(letter("a").document(), separators=(",", ":")))
    letters = RedisDeadLetters(client, Caps(bytes=2 * size, durability_asserted=True), consumer="me")
    await put(letters, "a", "b")
    with pytest.raises(QueueUnavailable):
        await put(letters, "c")

    await letters.settle(STREAM, await letters.claim_new(STREAM, most=1))
    await put(letters, "c")
    await letters.settle(STREAM, await letters.claim_new(STREAM, most=9))
    assert await client.get(f"{STREAM}:bytes") == "0"
    assert await client.hlen(f"{STREAM}:index") == 0


@pytest.mark.parametrize("kept", [0, 1])
async def test_what_somebody_deleted_by_hand_is_not_taken_for_kept(client, letters, kept):
    await put(letters, "a", "b")
    await client.xtrim(STREAM, maxlen=kept, approximate=False)
    await put(letters, "a", "b")

    assert sorted(ids(await letters.peek(STREAM, most=9))) == ["a", "b"]


async def test_an_emptied_stream_is_not_full(client):
    letters = RedisDeadLetters(client, Caps(bytes=2000, durability_asserted=True))
    await put(letters, "a", "b")
    await client.delete(STREAM)

    await put(letters, "c", "d")
    assert ids(await letters.peek(STREAM, most=9)) == ["c", "d"]


async def test_only_letters_count_as_bytes(client, letters):
    await client.xadd(STREAM, {"letter": "not ours, and long"})
    await put(letters, "a")
    await letters.settle(STREAM, await letters.claim_new(STREAM, most=9))

    assert await client.get(f"{STREAM}:bytes") == "0"


async def test_another_process_takes_over(client, letters):
    await put(letters, "a")
    await letters.claim_new(STREAM, most=1)
    other = RedisDeadLetters(client, consumer="other")

    taken = await other.take_over(STREAM, await other.abandoned(STREAM, idle_s=0, most=9), idle_s=0)
    assert ids(taken) == ["a"]


@pytest.mark.usefixtures("durable_redis")
async def test_a_promise_is_only_made_where_it_is_kept(client):
    checked = RedisDeadLetters(client)
    await put(checked, "a")

    for setting, value, before in [
        ("appendonly", "no", "yes"),
        ("maxmemory-policy", "allkeys-lru", "noeviction"),
        ("maxmemory", "1mb", "0"),
    ]:
        await client.config_set(setting, value)
        with pytest.raises(QueueUnavailable):
            await put(checked, f"under {setting}")
        await client.config_set(setting, before)

    await whole_aof(client)
    await put(checked, "b")
    assert ids(await checked.peek(STREAM, most=9)) == ["a", "b"]


@pytest.mark.usefixtures("durable_redis")
async def test_the_operator_may_vouch_where_redis_does_not_tell(client, redis_url):
    await client.execute_command("ACL", "SETUSER", "letters", "on", "nopass", "~km:*", "+@all", "-info", "-config")
    told = redis_url.replace("unix://", "unix://letters:any@")
    limited = connect(told)
    try:
        with pytest.raises(QueueUnavailable, match="DLQ_DURABILITY=asserted"):
            await put(RedisDeadLetters(limited), "a")
        await put(RedisDeadLetters(limited, Caps(durability_asserted=True)), "a")
    finally:
        await limited.aclose()
        await client.execute_command("ACL", "DELUSER", "letters")


@pytest.mark.usefixtures("durable_redis")
async def test_out_of_memory_is_unavailable(client, letters):
    await client.config_set("maxmemory", "1")
    try:
        with pytest.raises(QueueUnavailable):
            await put(letters, "a")
    finally:
        await client.config_set("maxmemory", "0")


@pytest.mark.usefixtures("durable_redis")
async def test_a_wrong_password_is_unavailable_and_not_repeated(redis_url):
    client = connect(redis_url.replace("unix://", "unix://nobody:hunter2-CANARY@"))
    letters = RedisDeadLetters(client)
    with pytest.raises(QueueUnavailable) as refused:
        await put(letters, "a")
    await client.aclose()

    assert "CANARY" not in str(refused.value)


async def test_a_stalled_redis_is_given_up_and_asked_once(durable_redis, letters):
    async with redis.asyncio.Redis.from_url(durable_redis.url) as operator:
        await operator.execute_command("CLIENT", "PAUSE", "1200", "ALL")
        with pytest.raises(QueueUnavailable):
            await put(letters, "a")
        await operator.ping()  # answered when the pause is over, and everything before it

    assert (await letters.depth(STREAM)).entries <= 1


@pytest.mark.parametrize("call", ["put", "claim_new", "abandoned", "take_over", "give_back", "settle", "depth", "peek"])
async def test_every_call_says_so_when_redis_is_gone(tmp_path, call):
    client = connect(f"unix://{tmp_path}/nothing.sock")
    letters = RedisDeadLetters(client)
    claimed = [Claimed(entry_id="1-0", letter=letter("a"), deliveries=1, raw="{}")]
    calls = {
        "put": lambda: letters.put(STREAM, letter("a")),
        "claim_new": lambda: letters.claim_new(STREAM, most=1),
        "abandoned": lambda: letters.abandoned(STREAM, idle_s=1, most=1),
        "take_over": lambda: letters.take_over(STREAM, {"1-0": 1}, idle_s=1),
        "give_back": lambda: letters.give_back(STREAM, claimed),
        "settle": lambda: letters.settle(STREAM, claimed),
        "depth": lambda: letters.depth(STREAM),
        "peek": lambda: letters.peek(STREAM, most=1),
    }
    with pytest.raises(QueueUnavailable):
        await calls[call]()
    await letters.close()


async def test_letters_outlive_kill_9(durable_redis, client):
    letters = RedisDeadLetters(client)
    await put(letters, "a", "b")
    await asyncio.to_thread(durable_redis.kill9)
    with pytest.raises(QueueUnavailable):
        await put(letters, "c")
    await asyncio.to_thread(durable_redis.start)

    assert ids(await letters.peek(STREAM, most=9)) == ["a", "b"]


async def whole_aof(client):
    """Return when Redis has written the file that it starts with after AOF was switched on."""
    async with asyncio.timeout(10):
        state = await client.info("persistence")
        while state["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"]:
            await asyncio.sleep(0.01)
            state = await client.info("persistence")
