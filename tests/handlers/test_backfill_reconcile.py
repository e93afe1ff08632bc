from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest

from functions.backfill_reconcile.handler import Ports, create_dead_letter_handler, create_tick_handler
from functions.backfill_reconcile.model import ACCEPTS, RECONCILE_COMPLETED, Drained
from shared.domain.dead_letters import BROKER_STREAM, KNOWLEDGE_STREAM
from shared.domain.errors import DatabaseUnavailable, QueueUnavailable
from shared.domain.events import PING, Event
from shared.domain.failures import LOST_CONNECTION
from shared.domain.knowledge import KNOWLEDGE_QUARANTINED
from shared.runtime.requests import EventReader
from shared.runtime.serving import Route, serve
from shared.testing.clocks import NOON, FakeClock
from shared.testing.dead_letters import MemoryDeadLetters, MemoryQuarantine
from shared.testing.events import write_requested
from tests.fakes import SLOT_S, MemoryUpkeep
from tests.senders import STRUCTURED, binary, plain, structured, tick

OUT = DatabaseUnavailable(LOST_CONNECTION)
PINGED = Event(id="ping-1", source="/ping", type=PING, data={"job": "backfill-reconcile"})
GIVEN_UP = {"knativeerrordest": "http://km-write", "knativeerrorcode": "503", "knativeerrordata": "aHVudGVyMg=="}


@pytest.fixture
def place(client, settings):
    def make(*, can_send=True, enabled=True, deadline_s=5.0):
        clock = FakeClock()
        upkeep, letters, quarantine = MemoryUpkeep(clock), MemoryDeadLetters(clock), MemoryQuarantine()
        failures, drained, hanging = [], [], []

        def drain(stream):
            async def run():
                if failures:
                    raise failures.pop()
                if hanging:
                    await hanging.pop().wait()
                drained.append(stream)
                return Drained(before=2, replayed=2)

            return run

        ports = Ports(
            upkeep=upkeep,
            drains={stream: drain(stream) for stream in (KNOWLEDGE_STREAM, BROKER_STREAM)},
            dead_letters=letters,
            quarantine=quarantine,
            clock=clock,
            can_send=can_send,
            enabled=enabled,
        )
        routes = {
            "/": Route(read=EventReader(ACCEPTS, ticks=True), use_case=create_tick_handler(ports)),
            "/dead-letter": Route(read=EventReader(None), use_case=create_dead_letter_handler(ports)),
        }
        return SimpleNamespace(
            http=client(serve("backfill-reconcile", settings(), routes, deadline_s=deadline_s)),
            clock=clock,
            upkeep=upkeep,
            letters=letters,
            quarantine=quarantine,
            failures=failures,
            drained=drained,
            hanging=hanging,
        )

    return make


class TestTick:
    @pytest.mark.parametrize("style", [tick, structured, binary])
    async def test_it_reports_what_it_did(self, place, style, logged):
        here = place()
        answer = await here.http.post("/", **style(PINGED))

        assert (answer.status_code, answer.headers["content-type"]) == (200, STRUCTURED)
        report = answer.json()
        assert report["type"] == RECONCILE_COMPLETED
        assert report["data"]["streams"][KNOWLEDGE_STREAM]["replayed"] == 2
        assert report["data"]["links"] == {"swept": 2}
        assert report["data"]["effects"] == {"settled": 0, "pending": 1}
        assert report["data"]["outbox"] == {"sent": 3, "remaining": 0}
        assert here.drained == [KNOWLEDGE_STREAM, BROKER_STREAM]
        (line,) = logged()
        assert (line["outcome"], line["event_type"]) == ("reconciled", PING)

    async def test_one_run_per_slot_and_the_same_report_for_all(self, place):
        here = place()
        first = await here.http.post("/", **tick())
        here.clock.advance(SLOT_S - 1)
        again = await here.http.post("/", **structured(PINGED))

        assert (again.status_code, again.json()) == (200, first.json())
        assert here.drained == [KNOWLEDGE_STREAM, BROKER_STREAM]
        here.clock.advance(1)
        assert (await here.http.post("/", **tick())).json()["id"] != first.json()["id"]

    async def test_another_owner_means_later(self, place):
        here = place()
        here.upkeep.owned_by_another = True

        assert (await here.http.post("/", **structured(PINGED))).status_code == 503
        assert here.drained == []

    @pytest.mark.parametrize("error", [OUT, QueueUnavailable("out")], ids=lambda error: type(error).__name__)
    async def test_an_outage_gives_the_slot_back(self, place, error):
        here = place()
        here.failures.append(error)
        answer = await here.http.post("/", **structured(PINGED))

        assert (answer.status_code, answer.content) == (503, b"")
        assert here.upkeep.calls[-1] == "release_slot"
        assert (await here.http.post("/", **structured(PINGED))).status_code == 200

    async def test_a_deadline_gives_the_slot_back(self, place):
        here = place(deadline_s=0.2)
        here.hanging.append(asyncio.Event())
        first = await here.http.post("/", **structured(PINGED))

        assert (first.status_code, here.upkeep.calls[-1]) == (503, "release_slot")
        assert (await here.http.post("/", **structured(PINGED))).status_code == 200

    async def test_what_needs_only_postgresql_is_done_while_redis_is_out(self, place):
        here = place()
        here.failures.append(QueueUnavailable("out"))
        await here.http.post("/", **tick())

        assert {"sweep_links", "settle_effects", "relay"} <= set(here.upkeep.calls)

    @pytest.mark.parametrize("call", ["claim_slot", "sweep_links", "settle_effects", "relay", "finish_slot"])
    async def test_an_outage_anywhere_is_a_503(self, place, call):
        here = place()
        here.upkeep.failures[call] = OUT

        assert (await here.http.post("/", **structured(PINGED))).status_code == 503

    async def test_switched_off_it_does_nothing_and_says_so(self, place, logged):
        here = place(enabled=False)

        assert (await here.http.post("/", **structured(PINGED))).status_code == 204
        assert here.upkeep.calls == []
        assert logged()[0]["outcome"] == "skipped"

    @pytest.mark.parametrize("style", [structured, plain])
    async def test_nothing_but_a_tick_is_read(self, place, style):
        assert (await place().http.post("/", **style(write_requested()))).status_code in {415, 422}


def given_up(event=None, **extensions):
    event = event or write_requested()
    return replace(event, extensions={**event.extensions, **GIVEN_UP, **extensions})


async def waiting(here):
    return [claimed.letter for claimed in await here.letters.peek(BROKER_STREAM, most=9)]


class TestDeadLetter:
    @pytest.mark.parametrize("style", [structured, binary])
    async def test_the_event_is_kept_as_its_producer_sent_it(self, place, style, logged):
        here = place()
        event = write_requested()
        answer = await here.http.post("/dead-letter", **style(given_up(event, knativebrokerttl="200", team="sre")))

        assert (answer.status_code, answer.content) == (202, b"")
        (letter,) = await waiting(here)
        assert letter.event == replace(event, extensions={"team": "sre"})
        assert letter.event.digest() == replace(event, extensions={"team": "sre"}).digest()
        assert (letter.fn, letter.detail) == ("broker", {"dest": "http://km-write", "code": "503"})
        (line,) = logged()
        assert (line["outcome"], line["code"]) == ("deferred", "503")
        assert "aHVudGVyMg" not in str(line)

    async def test_a_repeat_is_kept_once(self, place):
        here = place()
        for _ in range(2):
            assert (await here.http.post("/dead-letter", **structured(given_up()))).status_code == 202

        assert len(await waiting(here)) == 1

    @pytest.mark.parametrize("code", ["400", "413", "415", "422"])
    async def test_what_was_refused_for_good_is_quarantined(self, place, code):
        here = place()
        answer = await here.http.post("/dead-letter", **structured(given_up(knativeerrorcode=code)))

        assert answer.status_code == 200
        quarantined = answer.json()
        assert quarantined["type"] == KNOWLEDGE_QUARANTINED
        assert quarantined["data"] == {
            "source": "/test/producer",
            "id": "write-1",
            "type": write_requested().type,
            "reason": {"class": "event"},
        }
        assert [letter.event.id for letter in here.quarantine.kept(BROKER_STREAM)] == ["write-1"]
        assert await waiting(here) == []

    @pytest.mark.parametrize("code", ["401", "403", "404", "429", "500", "503", ""])
    async def test_what_may_work_later_is_kept(self, place, code):
        here = place()

        assert (await here.http.post("/dead-letter", **structured(given_up(knativeerrorcode=code)))).status_code == 202
        assert len(await waiting(here)) == 1

    @pytest.mark.parametrize(("count", "status"), [("4", 202), ("5", 200), ("99", 200), ("many", 202), ("-1", 202)])
    async def test_after_five_redrives_a_person_decides(self, place, count, status):
        answer = await place().http.post("/dead-letter", **structured(given_up(redrivecount=count)))

        assert answer.status_code == status

    async def test_without_a_sink_everything_is_for_a_person(self, place):
        here = place(can_send=False)

        assert (await here.http.post("/dead-letter", **structured(given_up()))).status_code == 200
        assert len(here.quarantine.kept(BROKER_STREAM)) == 1

    async def test_without_redis_it_waits_in_the_outbox(self, place):
        here = place()
        here.letters.failures.append(QueueUnavailable("out"))
        answer = await here.http.post("/dead-letter", **structured(given_up(redrivecount="2")))

        assert answer.status_code == 202
        (event,) = here.upkeep.outbox
        assert event.extensions == {"redrivecount": "3"}

    async def test_without_postgresql_what_is_hopeless_waits_in_redis(self, place):
        here = place()
        here.quarantine.failures.append(OUT)
        answer = await here.http.post("/dead-letter", **structured(given_up(knativeerrorcode="422")))

        assert answer.status_code == 202
        assert len(await waiting(here)) == 1

    @pytest.mark.parametrize("code", ["503", "422"])
    async def test_without_both_nothing_is_acknowledged(self, place, code):
        here = place()
        here.letters.failures.append(QueueUnavailable("out"))
        here.quarantine.failures.append(OUT)
        here.upkeep.failures["send_again"] = OUT
        answer = await here.http.post("/dead-letter", **structured(given_up(knativeerrorcode=code)))

        assert (answer.status_code, answer.content) == (503, b"")

    async def test_when_it_first_failed_is_what_the_producer_said(self, place):
        here = place()
        await here.http.post("/dead-letter", **structured(given_up()))
        await here.http.post("/dead-letter", **structured(given_up(write_requested(id="timeless", at=None))))

        assert [letter.first_failed_at for letter in await waiting(here)] == [NOON, here.clock.now()]

    async def test_any_type_is_taken_but_only_as_an_event(self, place):
        here = place()
        foreign = Event(id="1", source="/x", type="com.example.thing", data=[1, "a"], extensions=GIVEN_UP)

        assert (await here.http.post("/dead-letter", **structured(foreign))).status_code == 202
        assert (await here.http.post("/dead-letter", **plain(foreign))).status_code == 415
        assert (await here.http.post("/dead-letter", **tick())).status_code == 400
