from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from shared.local.knative import durations, pings, schedules
from shared.local.knative.manifests import PingSource

FRIDAY = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "fires"),
    [
        ("* * * * *", True),
        ("*/5 * * * *", True),
        ("*/7 * * * *", False),
        ("0,15,30 10 * * *", True),
        ("0-14 * * * *", False),
        ("5-25/10 * * * *", True),
        ("5/20 * * * *", False),
        ("15 8-12/2 * * *", True),
        ("15 10 20 11 *", True),
        ("15 10 20 12 *", False),
        ("15 10 * * 5", True),
        ("15 10 * * 0", False),
        ("15 10 ? * 1-5", True),
    ],
)
def test_matches(expression, fires):
    assert schedules.parse(expression).matches(FRIDAY) is fires


@pytest.mark.parametrize(
    ("expression", "fires"),
    [
        ("15 10 20 * 1", True),  # the 20th, though no Monday
        ("15 10 1 * 5", True),  # a Friday, though not the 1st
        ("15 10 1 * 1", False),
        ("15 10 */19 * 1", True),  # days 1 and 20: a step restricts
        ("15 10 * * 1", False),  # a star does not, so the weekday decides alone
    ],
)
def test_restricted_days_are_alternatives(expression, fires):
    assert schedules.parse(expression).matches(FRIDAY) is fires


def test_sunday_is_zero():
    sunday = datetime(2026, 11, 22, tzinfo=UTC)
    assert schedules.parse("0 0 * * 0").matches(sunday)
    assert not schedules.parse("0 0 * * 1-6").matches(sunday)


@pytest.mark.parametrize(
    "expression",
    ["", "* * * *", "* * * * * *", "@every 5m", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 7",
     "9-5 * * * *", "*/0 * * * *", "a * * * *", "1,,2 * * * *", "-1 * * * *", "* * * JAN *"],
)  # fmt: skip
def test_refuses(expression):
    with pytest.raises(ValueError, match=r"must|is not"):
        schedules.parse(expression)


def test_every_five_minutes_is_twelve_times_an_hour():
    schedule = schedules.parse("*/5 * * * *")
    assert sum(schedule.matches(FRIDAY + timedelta(minutes=each)) for each in range(60)) == 12


def test_a_source_fires_by_its_own_time_zone():
    def source(name, zone):
        return PingSource(
            name=name,
            broker="aftercare",
            schedule=schedules.parse("15 11 * * *"),
            timezone=zone,
            data=b"{}",
            content_type="application/json",
        )

    berlin, utc = source("berlin", ZoneInfo("Europe/Berlin")), source("utc", UTC)
    assert pings.due([berlin, utc], FRIDAY) == [berlin]
    assert pings.due([berlin, utc], FRIDAY + timedelta(hours=1)) == [utc]


def test_every_ping_has_its_own_id():
    source = PingSource(
        name="tick",
        broker="aftercare",
        schedule=schedules.parse("* * * * *"),
        timezone=UTC,
        data=b'{"queues":[]}',
        content_type="application/json",
    )
    first, second = (pings.ping(source, "aftercare", FRIDAY) for _ in range(2))
    assert first.attributes["id"] != second.attributes["id"]
    assert first.attributes["source"] == "/apis/v1/namespaces/aftercare/pingsources/tick"
    assert first.attributes["type"] == "dev.knative.sources.ping"
    assert first.attributes["time"] == "2026-11-20T10:15:00Z"
    assert first.data == b'{"queues":[]}'


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT1S", 1), ("PT0.2S", 0.2), ("PT1M", 60), ("PT1M30S", 90), ("PT2H", 7200), ("P1D", 86400), ("P1W", 604800),
     ("P1DT1H", 90000), ("PT0S", 0)],
)  # fmt: skip
def test_duration(text, seconds):
    assert durations.parse(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "P", "PT", "P1DT", "1S", "PT1", "PT-1S", "P1Y", "P1M", "PT1S1M", "pt1s", "PT٣S"])
def test_no_duration(text):
    with pytest.raises(ValueError, match="ISO 8601"):
        durations.parse(text)
