"""The Alertmanager double notifies, tries again and gives up where Alertmanager does."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random

import pytest

from shared.testing.clocks import NOON
from tests.faults.doubles.alertmanager import AlertmanagerDouble, Timing
from tests.faults.doubles.serving import serving
from tests.integration.brokering import Subscriber, free_port, until

TIMING = Timing(group_wait_s=0, group_interval_s=60, repeat_interval_s=3600, flush_s=10, pause_s=0.001)
LABELS = {"alertname": "KubePodCrashLooping", "pod": "api-1"}


@asynccontextmanager
async def alerting(receiver, timing=TIMING):
    async with serving(receiver.app()) as url:
        alertmanager = AlertmanagerDouble(f"{url}/hook", {"authorization": "Bearer t"}, timing, Random(1))
        yield alertmanager
        alertmanager.close()


def told(receiver):
    """By notification, the status of each alert."""
    return [[alert["status"] for alert in json.loads(each.body)["alerts"]] for each in receiver.received]


async def test_a_5xx_is_tried_again_within_the_flush():
    answers = [500, 502, 503, 504, 202]
    async with alerting(Subscriber(lambda _, number: answers[number - 1])) as alertmanager:
        alertmanager.fire(LABELS, NOON)
        await alertmanager.flush()
        await alertmanager.flush()
    assert [made.answer.status for made in alertmanager.tries] == answers


async def test_any_other_refusal_waits_for_the_next_flush():
    answers = [400, 401, 404, 408, 409, 413, 422, 429, 202]
    async with alerting(Subscriber(lambda _, number: answers[number - 1])) as alertmanager:
        alertmanager.fire(LABELS, NOON)
        for number in range(len(answers)):
            assert alertmanager.has_news
            await alertmanager.flush()
            assert [made.answer.status for made in alertmanager.tries] == answers[: number + 1]
        assert not alertmanager.has_news


async def test_nobody_there_is_tried_again_until_the_flush_is_over():
    timing = replace(TIMING, flush_s=0.2)
    alertmanager = AlertmanagerDouble(f"http://127.0.0.1:{free_port()}/hook", {}, timing, Random(1))
    alertmanager.fire(LABELS, NOON)
    await alertmanager.flush()
    assert len(alertmanager.tries) > 1
    assert {made.answer for made in alertmanager.tries} == {None}
    assert alertmanager.has_news
    alertmanager.close()


async def test_an_end_is_told_once_and_then_forgotten():
    receiver = Subscriber(202)
    async with alerting(receiver) as alertmanager:
        fingerprint = alertmanager.fire(LABELS, NOON)
        await alertmanager.flush()
        alertmanager.resolve(fingerprint, NOON)
        await alertmanager.flush()
        await alertmanager.flush()
    assert told(receiver) == [["firing"], ["resolved"]]


async def test_an_end_that_was_refused_is_told_at_the_next_flush():
    receiver = Subscriber(lambda _, number: 429 if number == 2 else 202)
    async with alerting(receiver) as alertmanager:
        fingerprint = alertmanager.fire(LABELS, NOON)
        await alertmanager.flush()
        alertmanager.resolve(fingerprint, NOON)
        await alertmanager.flush()
        await alertmanager.flush()
    assert told(receiver) == [["firing"], ["resolved"], ["resolved"]]


async def test_what_was_over_before_anybody_heard_of_it_is_never_told():
    receiver = Subscriber(202)
    async with alerting(receiver) as alertmanager:
        alertmanager.resolve(alertmanager.fire(LABELS, NOON), NOON)
        await alertmanager.flush()
    assert receiver.received == []


@pytest.mark.parametrize(("repeat_interval_s", "notifications"), [(0, 3), (3600, 1)])
async def test_a_group_without_news_is_repeated_after_its_interval(repeat_interval_s, notifications):
    receiver = Subscriber(202)
    async with alerting(receiver, replace(TIMING, repeat_interval_s=repeat_interval_s)) as alertmanager:
        alertmanager.fire(LABELS, NOON)
        for _ in range(3):
            await alertmanager.flush()
    assert told(receiver) == [["firing"]] * notifications


async def test_a_group_is_told_whole():
    receiver = Subscriber(202)
    async with alerting(receiver) as alertmanager:
        first = alertmanager.fire(LABELS, NOON)
        await alertmanager.flush()
        alertmanager.fire({**LABELS, "pod": "api-2"}, NOON)
        alertmanager.resolve(first, NOON)
        await alertmanager.flush()
    assert told(receiver) == [["firing"], ["resolved", "firing"]]
    assert receiver.received[0].headers["authorization"] == "Bearer t"


async def test_it_keeps_time_by_itself():
    receiver = Subscriber(lambda _, number: 400 if number < 3 else 202)
    async with alerting(receiver, replace(TIMING, group_interval_s=0.01)) as alertmanager, alertmanager:
        alertmanager.fire(LABELS, NOON)
        await until(lambda: len(receiver.received) == 3)
    assert told(receiver)[:3] == [["firing"]] * 3
