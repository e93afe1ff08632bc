"""ISO 8601 durations, as Knative's ``delivery`` writes them: ``PT0.2S``, ``PT1M``, ``P1DT2H``."""

from __future__ import annotations

import re
from typing import Final

# Years and months have no fixed length, so a delivery that uses them is a mistake.
_DURATION: Final = re.compile(
    r"P(?:(?P<weeks>\d+(?:\.\d+)?)W)?(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)
_SECONDS: Final = {"weeks": 604_800.0, "days": 86_400.0, "hours": 3_600.0, "minutes": 60.0, "seconds": 1.0}


def parse(text: str) -> float:
    """Seconds.

    Raises:
        ValueError: it is not a duration of weeks, days, hours, minutes and seconds.
    """
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groupdict().values()) or text.endswith("T"):
        raise ValueError(f"{text!r} is not an ISO 8601 duration such as PT0.2S or PT1M")
    return sum(float(number) * _SECONDS[unit] for unit, number in match.groupdict(default="0").items())
