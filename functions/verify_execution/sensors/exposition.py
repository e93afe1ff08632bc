"""The text format that targets expose their metrics in, read strictly: one bad line, and none of it is believed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_NAME: Final = r"[a-zA-Z_:][a-zA-Z0-9_:]*+"
_LABEL: Final = r'[a-zA-Z_][a-zA-Z0-9_]*+[ \t]*=[ \t]*"(?:[^"\\\n]|\\[\\"n])*+"'
_SAMPLE: Final = re.compile(
    rf"(?P<name>{_NAME})[ \t]*"
    rf"(?:\{{[ \t]*(?P<labels>(?:{_LABEL}[ \t]*(?:,[ \t]*|(?=\}})))*+)\}}[ \t]*)?"
    r"(?<=[ \t}])(?P<value>[^ \t]+)(?:[ \t]+(?P<time>-?[0-9]{1,15}))?[ \t]*"
)
_VALUE: Final = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?[iI]nf|[nN]a[nN]")


class NotMetrics(ValueError):
    """The text is not in the format."""


@dataclass(frozen=True, slots=True)
class Exposed:
    """One sample of a metric.

    Attributes:
        series: its labels as they were written, with its name.
        value: may be infinite, or not a number.
        time_ms: when it was taken, by the target's own word; mostly absent.
    """

    series: str
    value: float
    time_ms: int | None


def samples(text: str, metric: str) -> Iterator[Exposed]:
    """All samples of one metric; the other lines must be right as well.

    Raises:
        NotMetrics: some line is none of the format.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _SAMPLE.fullmatch(line.strip())
        if found is None or not _VALUE.fullmatch(found["value"]):
            raise NotMetrics(f"line {number} is no sample")
        if found["name"] == metric:
            labels = f"{{{found['labels'].rstrip(', ')}}}" if found["labels"] else ""
            time = found["time"]
            yield Exposed(metric + labels, float(found["value"]), None if time is None else int(time))
