"""What people read: a block for each contest, its goals below it."""

from __future__ import annotations

from statistics import median

from tests.benchmarks.contest import Contest, Figure, Goal, Rounds, ratio

_HEADINGS: dict[Figure, str] = {"rate": "events/s", "p50_ms": "p50 ms", "p99_ms": "p99 ms", "rss_mb": "MB"}
_DECIMALS: dict[Figure, int] = {"rate": 0, "p50_ms": 2, "p99_ms": 2, "rss_mb": 0}
_LABELS: dict[Figure, str] = {"rate": "", "p50_ms": "p50 ", "p99_ms": "p99 ", "rss_mb": "memory "}
_NAME = 34
_COLUMN = 10


def block(contest: Contest, rounds: Rounds) -> str:
    """Medians of everybody, ratios, goals."""
    headings = [_HEADINGS[figure] for figure in contest.figures] + [f"x {name}" for name in contest.beside]
    widths = [max(_COLUMN, len(heading) + 2) for heading in headings]
    lines = ["", contest.title, _line("", headings, widths)]
    for name, runs in rounds.items():
        cells = [f"{median(getattr(run, figure) for run in runs):,.{_DECIMALS[figure]}f}" for figure in contest.figures]
        cells += [f"{ratio(rounds, name, other, 'rate'):.2f}" for other in contest.beside]
        lines.append(_line(name, cells, widths))
    return "\n".join([*lines, *(_verdict(goal, rounds) for goal in contest.goals)])


def _line(name: str, cells: list[str], widths: list[int]) -> str:
    return f"  {name:<{_NAME}}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))


def _verdict(goal: Goal, rounds: Rounds) -> str:
    sign = "≥" if goal.at_least else "≤"
    aim = f"goal: {goal.who} {_LABELS[goal.figure]}{sign} {goal.limit:g} x {goal.beside}"
    missed = goal.missed_by(rounds)
    verdict = "met" if missed is None else f"missed by {missed:.0%}"
    return f"  {aim:<{_NAME + 2 * _COLUMN}}{goal.reached(rounds):>{_COLUMN}.2f}  {verdict}"
