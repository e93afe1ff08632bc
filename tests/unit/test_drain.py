from __future__ import annotations

from datetime import timedelta

import pytest

from functions.backfill_reconcile.drain import DrainPolicy
from shared.domain.dead_letters import CRASHES_TOLERATED, KNOWLEDGE_STREAM
from shared.domain.errors import DatabaseRejected, DatabaseUnavailable
from shared.domain.failures import Failure, FailureClass, of_sqlstate
from shared.domain.writes import write_of
from shared.testing.clocks import NOON
from shared.testing.events import write_requested
from tests.draining import IDLE_S, DrainedPlace


@pytest.fixture
def place():
    return DrainedPlace()


async def test_an_empty_stream_is_drained_at_once(place):
    drained = await place.drain()

    assert (drained.before, drained.replayed, drained.remaining, drained.oldest_age_s) == (0, 0, 0, None)
    assert place.replay.groups == []


async def test_letters_are_replayed_in_groups_oldest_first():
    place = DrainedPlace(DrainPolicy(group=2, idle_s=IDLE_S))
    await place.put("a", "b", "c")

    drained = await place.drain()

    assert place.replay.groups == [["a", "b"], ["c"]]
    assert (drained.before, drained.replayed, drained.remaining) == (3, 3, 0)
    assert place.written == {"a", "b", "c"}


async def test_a_letter_older_than_what_is_written_is_counted_as_superseded(place):
    newer = write_requested(id="newer", incident="INC-a", at=NOON + timedelta(minutes=1))
    await place.knowledge.write([write_of(newer)], deadline_s=1)
    await place.put("a", "b")

    drained = await place.drain()

    assert (drained.replayed, drained.superseded) == (2, 1)


async def test_an_unreadable_entry_is_quarantined_whole_and_harms_no_other(place):
    await place.put("a")
    place.letters.put_unreadable(KNOWLEDGE_STREAM, '{"half": "a let\0')
    await place.put("b")

    drained = await place.drain()

    (kept,) = place.quarantine.kept(KNOWLEDGE_STREAM)
    assert (drained.replayed, drained.quarantined, drained.remaining) == (2, 1, 0)
    assert kept.failure == Failure(FailureClass.EVENT)
    assert kept.event.data == {"raw": '"{\\"half\\": \\"a let\\u0000"'}


@pytest.mark.parametrize("size", [1, 2, 7])
async def test_an_invalid_letter_in_a_group_is_found_and_quarantined(place, size):
    await place.put(*(f"before-{number}" for number in range(size - 1)))
    await place.put_invalid("bad")
    await place.put("after")

    drained = await place.drain()

    assert (drained.replayed, drained.quarantined, drained.remaining) == (size, 1, 0)
    assert place.quarantined == ["bad"]
    assert len(place.written) == size


async def test_a_letter_that_the_database_refuses_is_quarantined_at_once(place):
    await place.put("a", "bad", "b")
    place.replay.refused["bad"] = DatabaseRejected(of_sqlstate("22021"))

    drained = await place.drain()

    assert place.quarantined == ["bad"]
    assert (drained.replayed, drained.quarantined) == (2, 1)


async def test_a_letter_that_kills_the_process_is_isolated_and_quarantined_after_five(place):
    place.policy = DrainPolicy(group=10, idle_s=IDLE_S)
    place.replay.poison = {"poison"}
    await place.put("a", "poison", "b")

    for _ in range(2):  # the first claim, and the group that takes it over
        await place.crash()
    assert place.written == set()

    for _ in range(3):  # alone from the third on
        await place.crash()
    assert place.written == {"a"}  # the poison is first in line again each time
    assert place.quarantined == []

    drained = await place.drain()
    assert place.written == {"a", "b"}
    assert place.quarantined == ["poison"]
    assert drained.remaining == 0
    assert sum("poison" in group for group in place.replay.groups) == CRASHES_TOLERATED
    assert [group for group in place.replay.groups[2:] if "poison" in group] == [["poison"]] * 3


async def test_the_quarantine_counts_the_claims(place):
    place.replay.poison = {"poison"}
    await place.put("poison", attempts=3)
    for _ in range(CRASHES_TOLERATED):
        await place.crash()

    await place.drain()

    (kept,) = place.quarantine.kept(KNOWLEDGE_STREAM)
    assert kept.attempts == 3 + CRASHES_TOLERATED + 1
    assert kept.first_failed_at == NOON


async def test_a_letter_of_a_living_holder_is_left_alone(place):
    await place.put("a")
    await place.letters.claim_new(KNOWLEDGE_STREAM, most=1)
    place.clock.advance(IDLE_S - 1)

    assert (await place.drain()).remaining == 1
    place.clock.advance(1)
    assert (await place.drain()).replayed == 1


async def test_the_age_is_of_the_oldest_letter(place):
    await place.put("a")
    place.clock.advance(90)
    await place.put("b")
    place.replay.refused = {id_: DatabaseUnavailable(of_sqlstate("55P03")) for id_ in "ab"}

    assert (await place.drain()).oldest_age_s == 90
