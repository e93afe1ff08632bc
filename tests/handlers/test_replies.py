"""One status for one meaning, one body for each kind of caller."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.errors import Unprocessable
from shared.runtime.answers import Answer
from tests.senders import BATCH, PROBLEM, STRUCTURED, batch, binary, plain, structured, tick, with_headers
from tests.use_cases import EVENT, RESULT, STATUSES, answering, done, kept, quiet, raising


async def test_without_a_sink_the_result_is_the_reply(function):
    http = function(done)

    for style in (structured, binary, tick):
        answer = await http.post("", **style(EVENT))
        assert (answer.status_code, answer.headers["content-type"]) == (200, STRUCTURED)
        assert answer.json()["id"] == "result-1"
    many = await http.post("", **batch(EVENT, replace(EVENT, id="2")))
    assert (many.status_code, many.headers["content-type"], len(many.json())) == (200, BATCH, 2)


@pytest.mark.parametrize("style", [structured, binary, batch, tick])
@pytest.mark.parametrize(("use_case", "status"), [(done, 204), (quiet, 204), (kept, 202)])
async def test_with_a_sink_a_broker_gets_no_body(function, style, use_case, status):
    answer = await function(use_case, event_sink="http://broker").post("", **style(EVENT))

    assert (answer.status_code, answer.content) == (status, b"")


@pytest.mark.parametrize("name", ["event_sink", "k_sink"])
async def test_either_name_of_the_sink_counts(function, name):
    assert (await function(done, **{name: "http://broker"}).post("", **structured(EVENT))).status_code == 204


@pytest.mark.parametrize("sink", [{}, {"event_sink": "http://broker"}])
@pytest.mark.parametrize(("use_case", "status"), [(done, 200), (kept, 202)])
async def test_people_get_the_result_as_json_either_way(function, sink, use_case, status):
    answer = await function(use_case, **sink).post("", **plain(EVENT))

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert answer.json() == RESULT.data


async def test_people_get_the_facts_when_there_is_no_result(function):
    answer = await function(quiet).post("", **plain(EVENT))

    assert (answer.status_code, answer.json()) == (200, {"alerts": 2})


async def test_what_is_kept_is_accepted_and_announced(function):
    answer = await function(kept).post("", **structured(EVENT))

    assert (answer.status_code, answer.json()["id"]) == (202, "result-1")


async def test_one_kept_event_makes_the_batch_accepted(function):
    mixed = answering(Answer(outcome="created", result=RESULT), Answer(outcome="deferred", deferred=True))
    answer = await function(mixed).post("", **batch(EVENT, replace(EVENT, id="2")))

    assert (answer.status_code, len(answer.json())) == (202, 1)


@pytest.mark.parametrize("style", [structured, binary, batch])
@pytest.mark.parametrize("sink", [{}, {"event_sink": "http://broker"}])
@pytest.mark.parametrize(("error", "status"), STATUSES, ids=lambda value: type(value).__name__)
async def test_a_broker_gets_a_status_and_no_body(function, style, sink, error, status):
    answer = await function(raising(error), **sink).post("", **style(EVENT))

    assert (answer.status_code, answer.content) == (status, b"")
    assert ("retry-after" in answer.headers) == (status == 503)
    assert ("www-authenticate" in answer.headers) == (status == 401)


@pytest.mark.parametrize(("error", "status"), STATUSES, ids=lambda value: type(value).__name__)
async def test_people_get_a_problem(function, error, status):
    answer = await function(raising(error)).post("", **plain(EVENT))

    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
    problem = answer.json()
    assert (problem["status"], problem["detail"]) == (status, str(error))
    assert set(problem) == {"type", "title", "status", "detail"}


async def test_a_content_type_in_capitals_is_a_brokers_too(function):
    request = with_headers(structured(EVENT), content_type="Application/CloudEvents+JSON; charset=UTF-8")
    answer = await function(raising(Unprocessable("no"))).post("", **request)

    assert (answer.status_code, answer.content) == (422, b"")


@pytest.mark.parametrize("status", [404, 409, 429])
def test_statuses_that_brokers_would_repeat_are_never_sent(status):
    assert status not in {sent for _, sent in STATUSES}
