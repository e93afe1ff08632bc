"""A drain that cannot go on: nothing is lost, nothing counts against a letter that is not at fault."""

from __future__ import annotations

import pytest

from functions.backfill_reconcile.drain import DrainPolicy
from shared.domain.dead_letters import CRASHES_TOLERATED, KNOWLEDGE_STREAM
from shared.domain.errors import DatabaseUnavailable, QueueUnavailable
from shared.domain.failures import DEADLINE_PASSED, LOST_CONNECTION, of_sqlstate
from shared.testing.clocks import NOON
from tests.draining import IDLE_S, DrainedPlace

OUTAGES = [LOST_CONNECTION, DEADLINE_PASSED, of_sqlstate("53300"), of_sqlstate("42P01"), of_sqlstate("XX001")]


@pytest.fixture
def place():
    return DrainedPlace()


@pytest.mark.parametrize("failure", OUTAGES, ids=str)
async def test_an_outage_gives_everything_back_and_burns_no_attempts(failure):
    place = DrainedPlace(DrainPolicy(group=2, idle_s=IDLE_S))
    await place.put("a", "b", "c")

    for _ in range(CRASHES_TOLERATED + 2):
        place.knowledge.failures.append(DatabaseUnavailable(failure))
        with pytest.raises(DatabaseUnavailable):
            await place.drain()
    assert set((await place.claims()).values()) == {0}

    assert (await place.drain()).replayed == 3
    assert place.quarantined == []


async def test_an_outage_in_the_middle_keeps_what_is_done_and_gives_the_rest_back():
    place = DrainedPlace(DrainPolicy(group=2, idle_s=IDLE_S))
    await place.put("a", "b", "c", "d")
    place.replay.refused["c"] = DatabaseUnavailable(LOST_CONNECTION)

    with pytest.raises(DatabaseUnavailable):
        await place.drain()

    assert place.written == {"a", "b"}
    assert await place.claims() == {"c": 0, "d": 0}


async def test_an_outage_while_letters_go_one_by_one_gives_the_rest_back(place):
    await place.put("a", "b", "c")
    place.replay.refused = {"a": DatabaseUnavailable(of_sqlstate("40001")), "b": DatabaseUnavailable(LOST_CONNECTION)}

    with pytest.raises(DatabaseUnavailable):
        await place.drain()

    assert await place.claims() == {"a": 0, "b": 0, "c": 0}


@pytest.mark.parametrize("others", [[], ["a"], ["a", "b"]])
async def test_an_outage_of_the_quarantine_burns_no_attempts(place, others):
    await place.put(*others)
    place.letters.put_unreadable(KNOWLEDGE_STREAM, "not ours")
    await place.put_invalid("bad")

    for _ in range(CRASHES_TOLERATED + 2):
        place.quarantine.failures.append(DatabaseUnavailable(LOST_CONNECTION))
        with pytest.raises(DatabaseUnavailable):
            await place.drain()
    assert set((await place.claims()).values()) == {0}

    drained = await place.drain()
    assert (drained.replayed, drained.quarantined, drained.remaining) == (len(others), 2, 0)


async def test_an_outage_while_an_invalid_letter_is_put_away_burns_no_attempts(place):
    await place.put("a")
    await place.put_invalid("bad")
    await place.put("b")
    place.quarantine.failures.append(DatabaseUnavailable(LOST_CONNECTION))

    with pytest.raises(DatabaseUnavailable):
        await place.drain()

    assert place.written == {"a"}
    assert await place.claims() == {"bad": 0, "b": 0}


@pytest.mark.parametrize("others", [[], ["a", "b"]])
async def test_a_deadline_gives_everything_back_and_burns_no_attempts(place, others):
    await place.put(*others, "slow")

    for _ in range(CRASHES_TOLERATED + 2):
        with pytest.raises(TimeoutError):
            await place.drain_within(0.01, hanging="slow")
    assert set((await place.claims()).values()) == {0}

    assert (await place.drain()).replayed == len(others) + 1
    assert place.quarantined == []


async def test_a_deadline_while_letters_go_one_by_one_keeps_what_is_done(place):
    await place.put("a", "b", "c")
    place.replay.refused = {"a": DatabaseUnavailable(of_sqlstate("40001"))}

    with pytest.raises(TimeoutError):
        await place.drain_within(0.05, hanging="c", alone=True)

    assert place.written == {"b"}
    assert await place.claims() == {"a": 0, "c": 0}


async def test_a_letter_that_fails_alone_stays_for_a_day_then_it_is_quarantined(place):
    await place.put("slow", first_failed_at=NOON)
    await place.put("good")
    place.replay.refused["slow"] = DatabaseUnavailable(of_sqlstate("55P03"))

    first = await place.drain()
    place.clock.advance(24 * 3600)
    second = await place.drain()
    place.clock.advance(1)
    third = await place.drain()

    assert (first.replayed, first.quarantined, first.remaining) == (1, 0, 1)
    assert (second.quarantined, second.remaining) == (0, 1)
    assert (third.quarantined, third.remaining) == (1, 0)
    assert place.quarantined == ["slow"]


async def test_a_day_without_a_schema_quarantines_nothing(place):
    await place.put("a", "b")
    place.clock.advance(48 * 3600)
    place.knowledge.failures.append(DatabaseUnavailable(of_sqlstate("42P01")))

    with pytest.raises(DatabaseUnavailable):
        await place.drain()

    assert place.quarantined == []


async def test_the_budget_ends_a_drain_after_the_group_under_way():
    place = DrainedPlace(DrainPolicy(group=1, idle_s=IDLE_S, budget_s=10))
    place.replay.takes_s = 4.0
    await place.put(*"abcdef")

    drained = await place.drain()

    assert (drained.replayed, drained.remaining) == (3, 3)
    assert (await place.drain()).replayed == 3


async def test_the_budget_ends_the_search_for_a_bad_letter_too():
    place = DrainedPlace(DrainPolicy(group=10, idle_s=IDLE_S, budget_s=10))
    place.replay.takes_s = 4.0
    await place.put(*"abcd")
    place.replay.refused["d"] = DatabaseUnavailable(of_sqlstate("55P03"))

    drained = await place.drain()

    assert place.written == {"a", "b"}
    assert drained.remaining == 2
    assert await place.claims() == {"c": 0, "d": 0}


async def test_abandoned_letters_respect_the_budget():
    place = DrainedPlace(DrainPolicy(group=1, idle_s=IDLE_S, budget_s=10))
    await place.put(*"abcd")
    place.replay.poison = set("abcd")
    for _ in range(4):
        await place.crash()
    place.replay.poison, place.replay.takes_s = set(), 6.0

    assert (await place.drain()).replayed == 2


async def test_a_queue_that_is_out_ends_the_drain(place):
    place.letters.failures.append(QueueUnavailable("out"))

    with pytest.raises(QueueUnavailable):
        await place.drain()
