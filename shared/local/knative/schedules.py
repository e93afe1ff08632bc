"""When a PingSource fires: five cron fields, matched against the minute on a wall clock.

Knative's rules (robfig/cron): ``*``, lists, ranges, steps; Sunday is 0; when both the day of the month and the day of
the week are restricted, either may match. Names of months and days, ``@every`` and seconds are refused. Matching the
minute instead of computing the next one leaves nothing to get wrong: a minute a time zone skips is not fired, one it
repeats is fired twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

_FIELDS: Final = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 6))
_ITEM: Final = re.compile(r"(?:(?P<all>[*?])|(?P<first>\d{1,2})(?:-(?P<last>\d{1,2}))?)(?:/(?P<step>\d{1,2}))?")


@dataclass(frozen=True, slots=True)
class Schedule:
    """A parsed cron expression: the values each field allows.

    Attributes:
        text: as written.
        either_day: both day fields are restricted, so one of them is enough.
    """

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def matches(self, moment: datetime) -> bool:
        """Whether it fires in the minute of ``moment``, which is in the schedule's own time zone."""
        in_days, in_weekdays = moment.day in self.days, moment.isoweekday() % 7 in self.weekdays
        return (
            moment.minute in self.minutes
            and moment.hour in self.hours
            and moment.month in self.months
            and (in_days or in_weekdays if self.either_day else in_days and in_weekdays)
        )


def parse(text: str) -> Schedule:
    """The schedule a five-field cron expression describes.

    Raises:
        ValueError: it is not one; the text names the field.
    """
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise ValueError(f"{text!r} must have five fields: minute, hour, day of month, month, day of week")
    minutes, hours, days, months, weekdays = (
        _values(field, name, low, high) for field, (name, low, high) in zip(fields, _FIELDS, strict=True)
    )
    # "*/2" restricts, "*" does not: robfig/cron drops its star bit for a step.
    either_day = not any(item in ("*", "?") for day in (fields[2], fields[4]) for item in day.split(","))
    return Schedule(text, minutes, hours, days, months, weekdays, either_day)


def _values(field: str, name: str, low: int, high: int) -> frozenset[int]:
    allowed: set[int] = set()
    for item in field.split(","):
        match = _ITEM.fullmatch(item)
        if match is None:
            raise ValueError(f"{name} {item!r} is not *, a number, a range or one of these with a step")
        step = int(match["step"] or 1)
        first = low if match["all"] else int(match["first"])
        # "5/15" means "from 5 on, every 15"; "5" alone means 5.
        last = high if match["all"] or (match["step"] and not match["last"]) else int(match["last"] or first)
        if not low <= first <= last <= high or step == 0:
            raise ValueError(f"{name} {item!r} must lie between {low} and {high}, in order, with a step of at least 1")
        allowed.update(range(first, last + 1, step))
    return frozenset(allowed)
