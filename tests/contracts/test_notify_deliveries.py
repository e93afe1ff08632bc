"""One contract, two stores of cards on their way: in memory and in PostgreSQL."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import pytest

from functions.notify.core.attempts import Lost, Shown, State, put_back, settled
from functions.notify.core.describing import card_of
from functions.notify.deliveries import PostgresDeliveries
from functions.notify.handler import Planned
from shared.domain.errors import Unprocessable
from shared.testing.clocks import FakeClock
from shared.testing.notify import MemoryDeliveries, alert_raised, drift_detected
from tests.tables import opened, reading

LEASE_S, REPEAT_S = 120, 86_400


class InMemory:
    def __init__(self):
        self._clock = FakeClock()
        self.store = MemoryDeliveries(self._clock, repeat_s=REPEAT_S)

    def pass_time(self, seconds):
        self._clock.advance(seconds)

    def states(self):
        return [row.state for row in self.store.rows.values()]

    def responses(self):
        return [row.response for row in self.store.rows.values()]


class InPostgres:
    def __init__(self, database, rows):
        self.store = PostgresDeliveries(database, repeat_s=REPEAT_S)
        self._rows = rows

    def pass_time(self, seconds):
        """The rows grow older; a key is of the stretch it was made in, so that grows older too."""
        self._rows(
            "UPDATE effects SET next_at = next_at - :s * interval '1 second', "
            "created_at = created_at - :s * interval '1 second', lease_until = lease_until - :s * interval '1 second'",
            s=float(seconds),
        )
        if seconds >= REPEAT_S:
            self._rows("UPDATE effects SET key = key || '-'")

    def states(self):
        return [state for (state,) in self._rows("SELECT state FROM effects ORDER BY created_at, key")]

    def responses(self):
        return [response for (response,) in self._rows("SELECT response FROM effects ORDER BY created_at, key")]


@contextmanager
def in_memory(_request):
    yield InMemory()


@contextmanager
def in_postgres(request):
    url = request.getfixturevalue("database_url")
    with opened(url) as database, reading(url) as rows:
        yield InPostgres(database, rows)


@pytest.fixture(params=[in_memory, in_postgres], ids=["memory", "postgres"])
def place(request):
    with request.param(request) as made:
        yield made


async def plan(place, event=None, names=("a",)):
    event = event or alert_raised()
    return await place.store.plan(event, card_of(event), names)


async def settle(place, letter, outcome):
    await place.store.settle({letter.key: (letter, settled(letter, outcome))})


async def test_a_card_waits_for_each_destination(place):
    assert await plan(place, names=["a", "b"]) == Planned(["a", "b"])
    assert await place.store.waiting() == 2

    (letter,) = await place.store.claim("b")
    assert (letter.card, letter.was, letter.attempts) == (card_of(alert_raised()), State.PLANNED, 1)
    assert await place.store.claim("c") == []


async def test_an_event_that_comes_again_is_answered_as_the_first_time(place):
    first = await plan(place)
    assert await plan(place) == first
    assert await place.store.waiting() == 1


async def test_an_id_with_other_content_is_refused(place):
    await plan(place)
    with pytest.raises(Unprocessable):
        await plan(place, alert_raised(severity="critical"))
    assert await place.store.waiting() == 1


async def test_a_card_that_says_the_same_is_told_once_in_a_while(place):
    assert await plan(place, drift_detected(), ["a"]) == Planned(["a"])
    again = replace(drift_detected(), id="drift-2")
    assert await plan(place, again, ["a", "b"]) == Planned(["b"])

    place.pass_time(REPEAT_S)
    assert await plan(place, replace(again, id="drift-3"), ["a"]) == Planned(["a"])


async def test_a_card_that_could_not_be_delivered_is_planned_anew_when_it_is_said_again(place):
    await plan(place, drift_detected())
    place.pass_time(100)
    assert await place.store.give_up(after_s=50) == 1
    assert place.states() == ["failed"]

    assert await plan(place, replace(drift_detected(), id="drift-2")) == Planned(["a"])
    assert place.states() == ["planned"]
    assert await place.store.give_up(after_s=50) == 0


async def test_what_one_process_delivers_no_other_takes(place):
    await plan(place)
    assert len(await place.store.claim("a")) == 1
    assert await place.store.claim("a") == []


async def test_what_a_dead_process_left_is_taken_again_as_perhaps_shown(place):
    await plan(place)
    await place.store.claim("a")
    place.pass_time(LEASE_S + 1)

    (letter,) = await place.store.claim("a")
    assert (letter.was, letter.attempts, letter.fence) == (State.SENDING, 2, 2)


async def test_a_sender_that_slept_past_its_lease_changes_nothing(place):
    await plan(place)
    (slept,) = await place.store.claim("a")
    place.pass_time(LEASE_S + 1)
    (awake,) = await place.store.claim("a")

    await settle(place, slept, Lost("timeout"))
    assert place.states() == ["sending"]
    await settle(place, awake, Shown("7"))
    await settle(place, slept, Lost("timeout"))
    assert (place.states(), place.responses()) == (["sent"], [{"message": "7"}])
    assert await place.store.waiting() == 0


async def test_a_lost_reply_is_tried_again_after_its_pause(place):
    await plan(place)
    (letter,) = await place.store.claim("a")
    await settle(place, letter, Lost("timeout"))
    assert (place.states(), place.responses()) == (["unknown"], [{"error": "timeout"}])
    assert await place.store.claim("a") == []

    place.pass_time(31)
    (again,) = await place.store.claim("a")
    assert (again.was, again.attempts) == (State.UNKNOWN, 2)


async def test_what_is_put_back_comes_again_as_it_was(place):
    await plan(place)
    (letter,) = await place.store.claim("a")
    await place.store.settle({letter.key: (letter, put_back(letter, after_s=0))})

    (again,) = await place.store.claim("a")
    assert (again.was, again.attempts) == (State.PLANNED, 1)


async def test_what_cannot_be_delivered_is_given_up_and_stays_to_be_seen(place):
    await plan(place, names=["a", "b"])
    place.pass_time(40)
    (letter,) = await place.store.claim("a")

    assert await place.store.give_up(after_s=50) == 0
    place.pass_time(20)
    assert await place.store.give_up(after_s=50) == 1  # not the one that is just being sent
    assert sorted(place.states()) == ["failed", "sending"]
    await settle(place, letter, Shown())
    assert sorted(place.states()) == ["failed", "sent"]
