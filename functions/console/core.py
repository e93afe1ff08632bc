"""Figures as text: the exposition format that Prometheus reads, and the page that people read.

Both show the same figures. A figure that is not known is left out, never zero: "no data" must stay visible.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from string import Template
from typing import Final

EXPOSITION: Final = "text/plain; version=0.0.4; charset=utf-8"

_LABEL: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
_HELP: Final = str.maketrans({"\\": "\\\\", "\n": "\\n"})


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure, and what it is of."""

    value: float
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Figures of one name; all of them are gauges, since they are computed anew each time.

    Attributes:
        name: in Prometheus; ends with its unit.
        about: one line for people.
        section: the heading of the page it stands under.
    """

    name: str
    about: str
    section: str
    samples: Sequence[Sample] = ()


def exposition(families: Iterable[Family]) -> str:
    """The text format of Prometheus, version 0.0.4."""
    lines: list[str] = []
    for family in families:
        lines += [f"# HELP {family.name} {family.about.translate(_HELP)}", f"# TYPE {family.name} gauge"]
        lines += [f"{family.name}{_labels(sample.labels)} {_number(sample.value)}" for sample in family.samples]
    return "".join(f"{line}\n" for line in lines)


def overview(families: Iterable[Family], template: str) -> str:
    """The page: a table for each section."""
    sections: dict[str, list[str]] = {}
    for family in families:
        sections.setdefault(family.section, []).extend(_rows(family))
    body = "".join(f"<h2>{escape(name)}</h2><table>{''.join(rows)}</table>" for name, rows in sections.items())
    return Template(template).substitute(body=body)


def _rows(family: Family) -> list[str]:
    if not family.samples:
        return [f"<tr><th>{escape(family.about)}</th><td></td><td class=none>no data</td></tr>"]
    first = f"<th rowspan={len(family.samples)}>{escape(family.about)}</th>"
    return [
        f"<tr>{'' if position else first}<td>{escape(_said(sample.labels))}</td><td>{_rounded(sample.value)}</td></tr>"
        for position, sample in enumerate(family.samples)
    ]


def _said(labels: Mapping[str, str]) -> str:
    return " · ".join(labels.values())


def _labels(labels: Mapping[str, str]) -> str:
    inside = ",".join(f'{name}="{value.translate(_LABEL)}"' for name, value in labels.items())
    return f"{{{inside}}}" if inside else ""


def _number(value: float) -> str:
    """As Go reads it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return f"{value:.17g}"


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.3f}"
