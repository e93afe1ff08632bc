from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from functions.km_write.core import WritePolicy
from functions.km_write.handler import Ports, create_handler
from functions.km_write.model import ACCEPTS, REQUEST_TYPE
from shared.domain.dead_letters import KNOWLEDGE_STREAM
from shared.domain.errors import DatabaseRejected, DatabaseUnavailable, QueueUnavailable
from shared.domain.failures import DEADLINE_PASSED, LOST_CONNECTION, of_sqlstate
from shared.domain.knowledge import KNOWLEDGE_DEFERRED, KNOWLEDGE_WRITTEN
from shared.runtime.requests import EventReader
from shared.runtime.serving import Route, serve
from shared.testing.clocks import FakeClock
from shared.testing.dead_letters import MemoryDeadLetters
from shared.testing.events import alert_resolved, execution_verified, remediation_approved, write_requested
from shared.testing.knowledge import MemoryKnowledge
from tests.histories import at
from tests.senders import STRUCTURED, batch, binary, plain, structured

EVENT = write_requested("approval_manual", approval="apr-1")
CONFLICT, OUTAGE, OVERLOAD = of_sqlstate("40P01"), LOST_CONNECTION, of_sqlstate("53300")
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def place(client, settings):
    """km-write over HTTP, and everything around it."""

    def make(*, sink=None, most=100, **policy):
        clock = FakeClock()
        knowledge, letters, told = MemoryKnowledge(clock), MemoryDeadLetters(clock, most=most), []
        ports = Ports(
            knowledge=knowledge,
            dead_letters=letters,
            clock=clock,
            chance=lambda: 0.5,
            committed=lambda: told.append(True),
        )
        limits = {"attempts": 3, "base_s": 0.1, "timeout_s": 5.0, "queue_s": 1.0, "wait": True, "defer": True}
        handler = create_handler(ports, WritePolicy.of(**{**limits, **policy}))
        route = Route(read=EventReader(ACCEPTS, request_type=REQUEST_TYPE, batch=True), use_case=handler)
        given = {} if sink is None else {"event_sink": sink}
        http = client(serve("km-write", settings(**given), {"/": route}))
        return SimpleNamespace(http=http, clock=clock, knowledge=knowledge, letters=letters, told=told)

    return make


def failing(place, *failures):
    place.knowledge.failures.extend(DatabaseUnavailable(failure) for failure in failures)
    return place


async def deferred(place):
    return [claimed.letter for claimed in await place.letters.peek(KNOWLEDGE_STREAM, most=999)]


class TestWriting:
    @pytest.mark.parametrize("style", [structured, binary])
    async def test_the_answer_is_the_event_that_says_what_is_there_now(self, place, style):
        answer = await place().http.post("", **style(replace(EVENT, extensions={"traceparent": TRACE})))

        assert (answer.status_code, answer.headers["content-type"]) == (200, STRUCTURED)
        written = answer.json()
        assert (written["type"], written["source"]) == (KNOWLEDGE_WRITTEN, "/aftercare/km-write")
        assert (written["subject"], written["correlationid"], written["causationid"]) == (
            EVENT.subject,
            EVENT.subject,
            EVENT.id,
        )
        assert written["traceparent"] == TRACE
        assert written["data"]["outcome"] == "created"
        assert (written["data"]["approval_id"], written["data"]["revision"]) == ("apr-1", 1)

    async def test_plain_json_with_a_key_is_the_same_request(self, place):
        answer = await place().http.post("", **plain(EVENT))

        assert answer.status_code == 200
        assert (answer.json()["outcome"], answer.json()["incident_id"]) == ("created", EVENT.subject)

    @pytest.mark.parametrize(
        "event",
        [EVENT, alert_resolved(), execution_verified("failed"), remediation_approved()],
        ids=lambda event: event.type,
    )
    async def test_every_accepted_type_is_written(self, place, event):
        assert (await place().http.post("", **structured(event))).json()["data"]["outcome"] == "created"

    @pytest.mark.parametrize("style", [structured, binary, plain])
    async def test_a_duplicate_gets_the_stored_answer(self, place, style):
        here = place()
        first = await here.http.post("", **style(EVENT))
        await here.http.post("", **structured(write_requested("approval_manual", id="newer", at=at(9))))
        here.clock.advance(3600)
        again = await here.http.post("", **style(EVENT))

        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert len(here.knowledge.incidents) == 1

    async def test_a_redelivery_through_a_dead_letter_sink_is_a_duplicate(self, place):
        here = place()
        first = await here.http.post("", **structured(EVENT))
        marked = replace(EVENT, extensions={"knativeerrorcode": "503", "redrivecount": "1"})

        assert (await here.http.post("", **structured(marked))).json()["data"] == first.json()["data"]

    async def test_the_same_id_with_other_content_is_refused(self, place):
        here = place()
        await here.http.post("", **plain(EVENT))
        answer = await here.http.post("", **plain(replace(EVENT, data={**EVENT.data, "approval_id": "apr-2"})))

        assert answer.status_code == 422
        assert "was used before" in answer.json()["detail"]

    async def test_with_a_sink_the_announcement_goes_out_after_the_commit(self, place):
        here = place(sink="http://broker")
        answer = await here.http.post("", **structured(EVENT))

        assert (answer.status_code, answer.content, here.told) == (204, b"", [True])

    async def test_the_log_line(self, place, logged):
        here = place()
        for _ in range(2):
            await here.http.post("", **structured(EVENT))

        first, second = logged()
        assert (first["outcome"], first["duplicate"], first["linked"]) == ("created", False, False)
        assert (second["outcome"], second["duplicate"]) == ("created", True)


class TestBatch:
    async def test_a_batch_is_answered_event_by_event(self, place):
        events = [write_requested(id=f"w{number}", incident=f"INC-{number}") for number in range(3)]
        answer = await place().http.post("", **batch(*events))

        assert answer.status_code == 200
        assert [written["causationid"] for written in answer.json()] == ["w0", "w1", "w2"]

    async def test_five_hundred_at_once(self, place):
        here = place()
        events = [write_requested(id=f"w{number}", incident=f"INC-{number}") for number in range(500)]
        answer = await here.http.post("", **batch(*events))

        assert (answer.status_code, len(answer.json())) == (200, 500)
        assert len(here.knowledge.deadlines) == 1

    async def test_one_invalid_event_refuses_all_of_them(self, place):
        here = place()
        answer = await here.http.post("", **batch(EVENT, replace(EVENT, id="bad", data={})))

        assert (answer.status_code, answer.content) == (422, b"")
        assert here.knowledge.incidents == {}

    async def test_an_outage_defers_all_of_them(self, place):
        here = failing(place(), OVERLOAD)
        answer = await here.http.post("", **batch(EVENT, replace(EVENT, id="2")))

        assert answer.status_code == 202
        assert [kept["type"] for kept in answer.json()] == [KNOWLEDGE_DEFERRED] * 2
        assert [letter.event.id for letter in await deferred(here)] == [EVENT.id, "2"]

    async def test_a_queue_that_fills_up_in_the_middle_acknowledges_nothing(self, place):
        here = failing(place(most=1), OVERLOAD)

        assert (await here.http.post("", **batch(EVENT, replace(EVENT, id="2")))).status_code == 503


class TestRetrying:
    @pytest.mark.parametrize(
        ("failures", "slept"), [([CONFLICT], [0.05]), ([CONFLICT, CONFLICT], [0.05, 0.1]), ([OUTAGE], [0.05])]
    )
    async def test_what_another_try_may_cure_is_tried_again(self, place, failures, slept):
        here = failing(place(), *failures)
        answer = await here.http.post("", **structured(EVENT))

        assert (answer.status_code, here.clock.slept) == (200, slept)
        assert await deferred(here) == []

    async def test_an_incident_does_not_multiply_the_load(self, place):
        here = place(most=200)
        for number in range(200):
            failing(here, CONFLICT, CONFLICT, CONFLICT)
            await here.http.post("", **structured(write_requested(id=f"w{number}")))
            here.knowledge.failures.clear()

        # Ten that a process begins with, and one for every ten requests; without a budget there would be 400.
        assert 20 <= len(here.clock.slept) <= 30

    @pytest.mark.parametrize(
        ("failures", "attempts"),
        [
            ([CONFLICT] * 3, 3),
            ([OUTAGE] * 2, 2),
            ([CONFLICT, OUTAGE], 2),
            ([of_sqlstate("P0001")] * 2, 2),
            ([OVERLOAD], 1),
            ([DEADLINE_PASSED], 1),
            ([of_sqlstate("42P01")], 1),
            ([of_sqlstate("XX001")], 1),
        ],
        ids=str,
    )
    async def test_then_the_whole_event_is_kept(self, place, failures, attempts):
        here = failing(place(), *failures)
        answer = await here.http.post("", **structured(EVENT))

        assert answer.status_code == 202
        (letter,) = await deferred(here)
        assert (letter.event, letter.fn) == (EVENT, "km-write")
        assert (letter.attempts, letter.failure) == (attempts, failures[-1])
        assert here.knowledge.incidents == {}

    async def test_all_tries_share_one_deadline(self, place):
        here = failing(place(base_s=2.0), CONFLICT, CONFLICT)
        await here.http.post("", **structured(EVENT))

        assert here.knowledge.deadlines == [4.0, 3.0, 1.0]

    async def test_no_pause_that_would_end_after_the_deadline(self, place):
        here = failing(place(base_s=10.0), CONFLICT)

        assert (await here.http.post("", **structured(EVENT))).status_code == 202
        assert here.clock.slept == []

    async def test_the_emergency_mode_tries_once(self, place):
        here = failing(place(wait=False), CONFLICT)

        assert (await here.http.post("", **structured(EVENT))).status_code == 202
        assert here.knowledge.deadlines == [1.0]

    async def test_content_that_the_database_refuses_is_not_kept(self, place):
        here = place()
        here.knowledge.failures.append(DatabaseRejected(of_sqlstate("22021")))
        answer = await here.http.post("", **plain(EVENT))

        assert (answer.status_code, await deferred(here)) == (422, [])
        assert answer.json()["detail"] == "PostgreSQL refused the content (event, SQLSTATE 22021)"


class TestDeferring:
    async def test_the_answer_says_where_and_why(self, place, logged):
        here = failing(place(), OVERLOAD)
        answer = await here.http.post("", **structured(EVENT))

        kept = answer.json()
        assert (kept["type"], kept["causationid"]) == (KNOWLEDGE_DEFERRED, EVENT.id)
        assert kept["data"] == {
            "source": EVENT.source,
            "id": EVENT.id,
            "stream": "km:dlq",
            "reason": {"class": "overload", "sqlstate": "53300"},
        }
        (line,) = logged()
        assert (line["status"], line["outcome"], line["failure"]) == (202, "deferred", "overload, SQLSTATE 53300")

    async def test_a_failure_without_a_code_has_none(self, place):
        here = failing(place(), OUTAGE, OUTAGE)

        assert (await here.http.post("", **plain(EVENT))).json()["reason"] == {"class": "connection"}

    async def test_a_duplicate_is_kept_once_and_answered_alike(self, place):
        here = failing(place(), OVERLOAD, OVERLOAD)
        first = await here.http.post("", **structured(EVENT))
        again = await here.http.post("", **structured(EVENT))

        assert (first.status_code, again.status_code) == (202, 202)
        assert first.json()["id"] == again.json()["id"]
        assert len(await deferred(here)) == 1

    async def test_the_time_of_the_failure_is_kept(self, place):
        here = failing(place(), OUTAGE, OUTAGE)
        here.clock.advance(60)
        await here.http.post("", **structured(EVENT))

        (letter,) = await deferred(here)
        assert letter.first_failed_at == here.clock.now()

    @pytest.mark.parametrize("style", [structured, batch, plain])
    async def test_when_neither_can_take_it_nothing_is_acknowledged(self, place, style):
        here = failing(place(), OVERLOAD)
        here.letters.failures.append(QueueUnavailable("km:dlq is full"))
        answer = await here.http.post("", **style(EVENT))

        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)

    async def test_a_full_stream_refuses(self, place):
        here = failing(place(most=0), OVERLOAD)

        assert (await here.http.post("", **structured(EVENT))).status_code == 503

    async def test_without_deferring_an_outage_is_refused(self, place):
        here = failing(place(defer=False), OVERLOAD)

        assert (await here.http.post("", **structured(EVENT))).status_code == 503
        assert await deferred(here) == []

    async def test_nobody_is_told_of_what_was_not_committed(self, place):
        here = failing(place(), OVERLOAD)
        await here.http.post("", **structured(EVENT))

        assert here.told == []


class TestRefusing:
    @pytest.mark.parametrize("style", [structured, binary, batch])
    async def test_a_type_nobody_here_writes(self, place, style):
        answer = await place().http.post("", **style(replace(EVENT, type="com.example.thing")))

        assert (answer.status_code, answer.content) == (422, b"")

    async def test_data_that_breaks_the_contract_is_named_and_not_repeated(self, place, capsys):
        data = {**EVENT.data, "path_type": "hunter2-CANARY"}
        answer = await place().http.post("", **plain(replace(EVENT, data=data)))

        assert answer.status_code == 422
        assert answer.json()["detail"].startswith("path_type: ")
        assert "CANARY" not in answer.text + capsys.readouterr().out

    @pytest.mark.parametrize("data", [None, [], "text", 7, {}])
    async def test_data_of_another_kind(self, place, data):
        assert (await place().http.post("", **structured(replace(EVENT, data=data)))).status_code == 422

    async def test_a_secret_in_an_entry_is_not_stored(self, place):
        here = place()
        secret = "ghp_" + "a1B2" * 9
        await here.http.post("", **structured(write_requested(text=f"token: {secret}", metadata={"password": secret})))

        (incident,) = here.knowledge.incidents.values()
        ((_, held),) = incident.entries.items()
        assert secret not in repr((held.newest.entry, held.newest.metadata))
