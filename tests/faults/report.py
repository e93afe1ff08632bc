"""What people read: a line while it runs, a line of figures per campaign, one table, one sentence."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.faults.audit import BROKEN, COUNTERS, Figures
from tests.faults.campaigns import AnyCampaign
from tests.faults.planted import Bug
from tests.faults.rounds import Report

_CLEAR_LINE: Final = "\r\x1b[K"
CAMPAIGNS_PAGE: Final = """# Reliability, counted

What one run of `make chaos` printed, written by the run itself: `make chaos ARGS="--page docs/reliability.md"`. Give it
the seed to repeat what is done and when; what the machine makes of it differs a little each time. This is what fits
into half an hour: `make chaos ARGS=--whole` takes hours for hundreds of rounds of each kind and half an hour of soak, a
campaign at a time with `ARGS="--whole --only NAME"`.

*acked* were answered with a 2xx. *lost* of them are not in PostgreSQL in the end, *dup* had their effect twice,
*forbid* were acknowledged while nothing durable was within reach, *wrong* and *unexp* are there and should not be so.
*false success* are verdicts that a fix worked when it had not; *unavailable* is the longest time without any
acknowledgement, faults included. A planted bug is a regression that the harness builds in on
purpose: each must be caught, or the figures above it mean nothing. Every fault by itself, function by function, is in
[the fault matrix](fault-matrix.md).
"""
MATRIX_PAGE: Final = """# The fault matrix

Every fault, at every function, as one run of `make chaos ARGS="--matrix --page docs/fault-matrix.md"` found it: what is
answered, and what is in PostgreSQL and Redis in the end. `tests/faults/matrix/table.py` says what each has to answer,
and why.
"""
_HEADINGS: Final = {
    "acknowledged": "acked",
    "duplicated": "dup",
    "unexpected": "unexp",
    "forbidden": "forbid",
    "false_success": "false success",
}


@dataclass(slots=True)
class Result:
    """What came of a campaign."""

    campaign: AnyCampaign
    rounds: int = 0
    figures: Figures = field(default_factory=Figures)
    notes: Counter[str] = field(default_factory=Counter)

    def add(self, report: Report) -> None:
        """Add a round."""
        self.rounds += 1
        self.figures.add(report.figures)
        self.notes += report.notes

    @property
    def held(self) -> bool:
        """Whether every promise was kept."""
        return not any(getattr(self.figures, name) for name in BROKEN)

    def line(self) -> str:
        """The figures that matter here."""
        figures = self.figures
        notes = "".join(f", {count:,} {what}" for what, count in sorted(self.notes.items()))
        return (
            f"{self.campaign.name:<13} {self.campaign.does}: {self.rounds} rounds{notes}, "
            f"{figures.acknowledged:,} events acknowledged, longest unavailability {figures.unavailable_s:.1f} s: "
            f"{'held' if self.held else 'BROKEN'}"
        )


@dataclass(frozen=True, slots=True)
class Catch:
    """Whether a planted bug was noticed, after so many rounds, and by how much."""

    bug: Bug
    rounds: int
    count: int

    def line(self) -> str:
        """One sentence."""
        if not self.count:
            return f"planted       {self.bug.name}: NOT CAUGHT in {self.rounds} rounds of {self.bug.campaign}"
        return (
            f"planted       {self.bug.name}: caught, {self.count:,} {self.bug.symptom}"
            f" (round {self.rounds} of {self.bug.campaign})"
        )


class Ticker:
    """One line that is written over and over, in a terminal; nothing elsewhere.

    Attributes:
        stayed: the lines that were not written over.
    """

    def __init__(self) -> None:
        self._live: Final = sys.stdout.isatty()
        self.stayed: Final[list[str]] = []

    def show(self, text: str) -> None:
        """Replace the line."""
        if self._live:
            self._out(f"{_CLEAR_LINE}{text}")

    def write(self, text: str) -> None:
        """A line that stays."""
        self.stayed.append(text)
        self._out(f"{_CLEAR_LINE if self._live else ''}{text}\n")

    @staticmethod
    def _out(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


def problems(result: Result, most: int = 10) -> list[str]:
    """The first things that were broken, indented."""
    found = result.figures.problems
    more = [f"... and {len(found) - most} more"] if len(found) > most else []
    return [f"              ! {problem}" for problem in [*found[:most], *more]]


def table(results: Sequence[Result]) -> str:
    """All counters of all campaigns."""
    total = Figures()
    for result in results:
        total.add(result.figures)
    heads = ["campaign", "rounds", "kill -9", *(_HEADINGS.get(name, name) for name in COUNTERS), "unavailable s"]
    rows = [_row(result.campaign.name, result.rounds, result.notes["kill -9"], result.figures) for result in results]
    rounds, kills = sum(result.rounds for result in results), sum(result.notes["kill -9"] for result in results)
    lines = [heads, *rows, _row("all", rounds, kills, total)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    return "\n".join(_aligned(line, widths) for line in lines)


def page(about: str, lines: Sequence[str]) -> str:
    """What one run printed, as a page for people."""
    printed = "\n".join(lines)
    return f"{about}\n```\n{printed}\n```\n"


def verdict(results: Sequence[Result], catches: Sequence[Catch]) -> str:
    """The one sentence."""
    total = Counter({name: sum(getattr(result.figures, name) for result in results) for name in COUNTERS})
    kills = sum(result.notes["kill -9"] for result in results)
    longest = max((result.figures.unavailable_s for result in results), default=0.0)
    parts = []
    if results:
        parts.append(
            f"{total['acknowledged']:,} events acknowledged through {kills} kill -9: {total['lost']} lost, "
            f"{total['duplicated']} duplicate effects, {total['forbidden']} acknowledged while nothing durable was "
            f"within reach, {total['wrong'] + total['unexpected']} wrong, {total['false_success']} false successes, "
            f"longest unavailability {longest:.1f} s"
        )
    if catches:
        parts.append(f"{sum(catch.count > 0 for catch in catches)} of {len(catches)} planted bugs caught")
    return "; ".join(parts) + "."


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    name, *numbers = zip(cells, widths, strict=True)
    return "  ".join([name[0].ljust(name[1]), *(cell.rjust(width) for cell, width in numbers)])


def _row(name: str, rounds: int, kills: int, figures: Figures) -> list[str]:
    counts = [f"{getattr(figures, counter):,}" for counter in COUNTERS]
    return [name, str(rounds), str(kills), *counts, f"{figures.unavailable_s:.1f}"]
