"""The outbox leaves at least once, in spite of sinks that are out, refuse, or die in the middle."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from shared.adapters import outbox
from shared.adapters.relay import Relay, Relayed
from shared.domain.errors import DatabaseUnavailable, UpstreamRejected, UpstreamUnavailable
from shared.testing.events import write_requested
from shared.testing.sinks import MemorySink
from tests.tables import opened

TRACED = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
EVENTS = [replace(write_requested(id=f"e{number}", text="Ünïcödé 修復"), extensions=TRACED) for number in range(5)]


@pytest.fixture
def sink():
    return MemorySink()


async def announce(database, *events):
    await database.transact(lambda connection: outbox.add(connection, events))


def due(rows):
    rows("UPDATE outbox SET next_at = now()")


def by_id(events):
    return sorted(events, key=lambda event: event.id)


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the relay runs by itself and tells nobody
            await asyncio.sleep(0.005)


async def test_what_waits_is_sent_whole_and_forgotten(database, rows, sink):
    await announce(database, *EVENTS)

    assert await Relay(database, sink).sweep() == Relayed(sent=5, remaining=0)
    assert by_id(sink.sent) == EVENTS
    assert rows("SELECT count(*) FROM outbox") == [[0]]


async def test_more_than_one_batch_is_sent_in_one_sweep(database, sink):
    await announce(database, *(write_requested(id=f"e{number}") for number in range(250)))

    assert await Relay(database, sink).sweep() == Relayed(sent=250, remaining=0)


async def test_an_event_is_announced_once(database, rows):
    await announce(database, EVENTS[0], EVENTS[0])
    await announce(database, EVENTS[0])

    assert rows("SELECT count(*) FROM outbox") == [[1]]


async def test_an_announcement_outside_of_a_transaction_is_there_at_once(database, rows):
    await database.run(lambda connection: outbox.add(connection, EVENTS[:1]))

    assert rows("SELECT count(*) FROM outbox") == [[1]]


async def test_without_a_sink_everything_waits(database):
    await announce(database, *EVENTS)
    relay = Relay(database, None)
    relay.nudge()

    assert await relay.sweep() == Relayed(sent=0, remaining=5)


async def test_what_cannot_be_sent_now_waits_longer_each_time(database, rows, sink):
    await announce(database, EVENTS[0])
    waits = []
    for _ in range(7):
        due(rows)
        sink.failures.append(UpstreamUnavailable("the event sink answered 503"))
        assert await Relay(database, sink).sweep() == Relayed(sent=0, remaining=1)
        waits += rows("SELECT round(extract(epoch FROM next_at - now()) / 30), attempts, last_error FROM outbox")

    assert [round(wait) for wait, _, _ in waits] == [1, 2, 4, 8, 16, 20, 20]
    assert [attempts for _, attempts, _ in waits] == [1, 2, 3, 4, 5, 6, 7]
    assert {error for _, _, error in waits} == {"the event sink answered 503"}


async def test_a_row_that_is_not_due_is_left_alone(database, sink):
    await announce(database, EVENTS[0])
    sink.failures.append(UpstreamUnavailable("out"))
    await Relay(database, sink).sweep()

    assert await Relay(database, sink).sweep() == Relayed(sent=0, remaining=1)


async def test_one_failure_holds_nobody_up(database, sink):
    await announce(database, *EVENTS)
    sink.failures.append(UpstreamUnavailable("out"))

    assert await Relay(database, sink).sweep() == Relayed(sent=4, remaining=1)


async def test_what_is_refused_five_times_is_quarantined_whole(database, rows, sink):
    await announce(database, EVENTS[0])
    for _ in range(4):
        due(rows)
        sink.failures.append(UpstreamRejected("the event sink answered 400"))
        assert (await Relay(database, sink).sweep()).remaining == 1
    due(rows)
    sink.failures.append(UpstreamRejected("the event sink answered 400"))

    assert (await Relay(database, sink).sweep()).remaining == 0
    ((stream, state, event, attempts),) = rows("SELECT stream, state, event, attempts FROM dead_letters")
    assert (stream, state, attempts) == ("outbox", "quarantined", 5)
    assert event["data"] == EVENTS[0].data


async def test_an_outage_of_any_length_quarantines_nothing(database, rows, sink):
    await announce(database, EVENTS[0])
    for _ in range(8):
        due(rows)
        sink.failures.append(UpstreamUnavailable("out"))
        await Relay(database, sink).sweep()

    assert rows("SELECT count(*) FROM dead_letters") == [[0]]
    due(rows)
    assert (await Relay(database, sink).sweep()).sent == 1


async def test_relays_that_meet_send_each_event_once(database, sink):
    await announce(database, *(write_requested(id=f"e{number}") for number in range(300)))
    swept = await asyncio.gather(*(Relay(database, sink).sweep() for _ in range(3)))

    assert sum(relayed.sent for relayed in swept) == len(sink.sent) == 300
    assert len({event.id for event in sink.sent}) == 300


async def test_a_relay_that_dies_before_it_forgets_sends_again(database, rows):
    class Dying(MemorySink):
        async def send(self, event, destination=""):
            await super().send(event, destination)
            raise asyncio.CancelledError

    dying = Dying()
    await announce(database, EVENTS[0])
    with pytest.raises(asyncio.CancelledError):
        await Relay(database, dying).sweep()
    due(rows)
    sink = MemorySink()
    await Relay(database, sink).sweep()

    assert dying.sent == sink.sent == [EVENTS[0]]


async def test_a_nudge_sends_in_the_background(database, rows, sink):
    relay = Relay(database, sink)
    await announce(database, EVENTS[0])
    relay.nudge()
    await until(lambda: rows("SELECT count(*) FROM outbox") == [[0]])

    await announce(database, EVENTS[1])
    relay.nudge()
    relay.nudge()
    await until(lambda: rows("SELECT count(*) FROM outbox") == [[0]])
    assert sink.sent == EVENTS[:2]


async def test_a_nudge_during_a_pass_is_not_forgotten(database, rows):
    class Slow(MemorySink):
        def __init__(self):
            super().__init__()
            self.sending, self.go = asyncio.Event(), asyncio.Event()

        async def send(self, event, destination=""):
            self.sending.set()
            await self.go.wait()
            await super().send(event, destination)

    sink = Slow()
    relay = Relay(database, sink)
    await announce(database, EVENTS[0])
    relay.nudge()
    await sink.sending.wait()
    await announce(database, EVENTS[1])
    relay.nudge()
    sink.go.set()

    await until(lambda: rows("SELECT count(*) FROM outbox") == [[0]])
    assert by_id(sink.sent) == EVENTS[:2]


async def test_a_nudge_while_the_database_is_out_is_quiet_and_a_sweep_says_so(sink):
    with opened("postgresql://postgres@127.0.0.1:1/x") as out:
        relay = Relay(out, sink)
        relay.nudge()
        with pytest.raises(DatabaseUnavailable):
            await relay.sweep()
        await until(relay._running.done)

    assert relay._running.exception() is None


class TestWithoutABroker:
    """Each event to whoever asked for its type: one row for each of them."""

    TYPE = EVENTS[0].type
    BOTH = {TYPE: ["http://gateway/async-function/km-write", "http://gateway/async-function/notify"]}

    async def test_each_gets_its_own_row_and_its_own_tries(self, database, rows):
        sink = MemorySink(self.BOTH)
        sink.failures.append(UpstreamUnavailable("out"))
        await announce(database, EVENTS[0])

        assert await Relay(database, sink).sweep() == Relayed(sent=1, remaining=1)
        (left,), *_ = rows("SELECT destination FROM outbox")
        assert {left, *sink.destinations} == set(self.BOTH[self.TYPE])

        due(rows)
        assert await Relay(database, sink).sweep() == Relayed(sent=1, remaining=0)
        assert sorted(sink.destinations) == sorted(self.BOTH[self.TYPE])
        assert sink.sent == [EVENTS[0], EVENTS[0]]

    async def test_what_nobody_asked_for_goes(self, database):
        sink = MemorySink({"dev.aftercare.alert.firing.v1": ["http://gateway/async-function/verify-execution"]})
        await announce(database, *EVENTS)

        assert await Relay(database, sink).sweep() == Relayed(sent=0, remaining=0)
        assert sink.sent == []

    async def test_an_event_announced_again_gets_no_second_row_while_the_first_waits(self, database, rows):
        sink = MemorySink(self.BOTH)
        sink.failures.extend([UpstreamUnavailable("out")] * 2)
        await announce(database, EVENTS[0])
        await Relay(database, sink).sweep()
        await announce(database, EVENTS[0])
        await Relay(database, sink).sweep()

        assert rows("SELECT count(*) FROM outbox") == [[2]]
