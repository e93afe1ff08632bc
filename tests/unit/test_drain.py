from __future__ import annotations

from datetime import timedelta

import pytest

from functions.backfill_reconcile.core import fate_after_crashes
from functions.backfill_reconcile.drain import Drain, DrainPolicy
from functions.backfill_reconcile.upkeep import KnowledgeReplay
from shared.domain.dead_letters import CRASHES_TOLERATED, KNOWLEDGE_STREAM, DeadLetter
from shared.domain.errors import DatabaseRejected, DatabaseUnavailable, QueueUnavailable
from shared.domain.failures import DEADLINE_PASSED, LOST_CONNECTION, Failure, FailureClass, of_sqlstate
from shared.domain.writes import write_of
from shared.testing.clocks import NOON, FakeClock
from shared.testing.dead_letters import MemoryDeadLetters, MemoryQuarantine
from shared.testing.events import write_requested
from shared.testing.knowledge import MemoryKnowledge

IDLE_S = 60.0
OUTAGES = [LOST_CONNECTION, DEADLINE_PASSED, of_sqlstate("53300"), of_sqlstate("42P01"), of_sqlstate("XX001")]


class Crash(BaseException):
    """The process dies here: nothing of the drain runs after it."""


class Replay(KnowledgeReplay):
    """The real replay on a store in memory. Kills the process at poison; counts how the letters come."""

    def __init__(self, knowledge, clock):
        super().__init__(knowledge, deadline_s=5)
        self.groups = []
        self.poison = set()
        self.refused = {}
        self.takes_s = 0.0
        self._clock = clock

    async def __call__(self, letters):
        ids = [letter.event.id for letter in letters]
        self.groups.append(ids)
        self._clock.advance(self.takes_s)
        if self.poison & set(ids):
            raise Crash
        for error in (self.refused[id_] for id_ in ids if id_ in self.refused):
            raise error
        return await super().__call__(letters)


class Place:
    """A stream, a store, and a drain whenever one is asked for."""

    def __init__(self, policy=None):
        self.clock = FakeClock()
        self.letters = MemoryDeadLetters(self.clock)
        self.quarantine = MemoryQuarantine()
        self.knowledge = MemoryKnowledge(self.clock)
        self.replay = Replay(self.knowledge, self.clock)
        self.policy = policy or DrainPolicy(idle_s=IDLE_S)

    async def put(self, *ids, first_failed_at=NOON, attempts=1):
        for id_ in ids:
            event = write_requested(id=id_, incident=f"INC-{id_}")
            letter = DeadLetter(
                event=event,
                fn="km-write",
                failure=LOST_CONNECTION,
                attempts=attempts,
                first_failed_at=first_failed_at,
            )
            await self.letters.put(KNOWLEDGE_STREAM, letter)

    async def put_invalid(self, id_):
        event = write_requested(id=id_, text="x" * 70_000)
        letter = DeadLetter(event=event, fn="broker", failure=LOST_CONNECTION, attempts=0, first_failed_at=NOON)
        await self.letters.put(KNOWLEDGE_STREAM, letter)

    async def drain(self):
        ports = self.letters, self.quarantine, self.replay, self.clock
        return await Drain(KNOWLEDGE_STREAM, *ports, self.policy).run()

    async def crash(self):
        with pytest.raises(Crash):
            await self.drain()
        self.clock.advance(IDLE_S)

    async def claims(self):
        """How often each waiting letter has been claimed, by event id."""
        counts = await self.letters.abandoned(KNOWLEDGE_STREAM, idle_s=0, most=1000)
        waiting = await self.letters.peek(KNOWLEDGE_STREAM, most=1000)
        return {c.letter.event.id if c.letter else None: counts.get(c.entry_id, 0) for c in waiting}

    @property
    def written(self):
        return {key.removeprefix("INC-") for key in self.knowledge.incidents}

    @property
    def quarantined(self):
        return [letter.event.id for letter in self.quarantine.kept(KNOWLEDGE_STREAM)]


@pytest.fixture
def place():
    return Place()


async def test_an_empty_stream_is_drained_at_once(place):
    drained = await place.drain()

    assert (drained.before, drained.replayed, drained.remaining, drained.oldest_age_s) == (0, 0, 0, None)
    assert place.replay.groups == []


async def test_letters_are_replayed_in_groups_oldest_first():
    place = Place(DrainPolicy(group=2, idle_s=IDLE_S))
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


@pytest.mark.parametrize("failure", OUTAGES, ids=str)
async def test_an_outage_gives_everything_back_and_burns_no_attempts(failure):
    place = Place(DrainPolicy(group=2, idle_s=IDLE_S))
    await place.put("a", "b", "c")

    for _ in range(CRASHES_TOLERATED + 2):
        place.knowledge.failures.append(DatabaseUnavailable(failure))
        with pytest.raises(DatabaseUnavailable):
            await place.drain()
    assert set((await place.claims()).values()) == {0}

    assert (await place.drain()).replayed == 3
    assert place.quarantined == []


async def test_an_outage_in_the_middle_keeps_what_is_done_and_gives_the_rest_back():
    place = Place(DrainPolicy(group=2, idle_s=IDLE_S))
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
    place = Place(DrainPolicy(group=1, idle_s=IDLE_S, budget_s=10))
    place.replay.takes_s = 4.0
    await place.put(*"abcdef")

    drained = await place.drain()

    assert (drained.replayed, drained.remaining) == (3, 3)
    assert (await place.drain()).replayed == 3


async def test_the_budget_ends_the_search_for_a_bad_letter_too():
    place = Place(DrainPolicy(group=10, idle_s=IDLE_S, budget_s=10))
    place.replay.takes_s = 4.0
    await place.put(*"abcd")
    place.replay.refused["d"] = DatabaseUnavailable(of_sqlstate("55P03"))

    drained = await place.drain()

    assert place.written == {"a", "b"}
    assert drained.remaining == 2
    assert await place.claims() == {"c": 0, "d": 0}


async def test_abandoned_letters_respect_the_budget():
    place = Place(DrainPolicy(group=1, idle_s=IDLE_S, budget_s=10))
    await place.put(*"abcd")
    place.replay.poison = set("abcd")
    for _ in range(4):
        await place.crash()
    place.replay.poison, place.replay.takes_s = set(), 6.0

    assert (await place.drain()).replayed == 2


async def test_the_age_is_of_the_oldest_letter(place):
    await place.put("a")
    place.clock.advance(90)
    await place.put("b")
    place.replay.refused = {id_: DatabaseUnavailable(of_sqlstate("55P03")) for id_ in "ab"}

    assert (await place.drain()).oldest_age_s == 90


async def test_a_queue_that_is_out_ends_the_drain(place):
    place.letters.failures.append(QueueUnavailable("out"))

    with pytest.raises(QueueUnavailable):
        await place.drain()


def test_five_crashes_are_tolerated():
    assert [str(fate_after_crashes(claims)) for claims in (1, 5, 6)] == ["redeliver", "redeliver", "quarantine"]
