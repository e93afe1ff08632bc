"""Who is measured beside whom, in turns; ratios within a round, and their median over the rounds.

A machine is never as fast in one minute as in the next: only what was measured side by side is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from tests.benchmarks.results import Run

Figure = Literal["rate", "p50_ms", "p99_ms", "rss_mb"]
Rounds = Mapping[str, Sequence[Run]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a ratio should come to.

    Attributes:
        who: a contestant.
        beside: another one.
        figure: what is compared.
        limit: the ratio.
        at_least: whether more is better.
    """

    who: str
    beside: str
    figure: Figure = "rate"
    limit: float
    at_least: bool = True

    def reached(self, rounds: Rounds) -> float:
        """The ratio that was measured."""
        return ratio(rounds, self.who, self.beside, self.figure)

    def missed_by(self, rounds: Rounds) -> float | None:
        """The share of the limit that is missing; None when the goal is met."""
        reached = self.reached(rounds)
        missing = self.limit - reached if self.at_least else reached - self.limit
        return missing / self.limit if missing > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """One block of the table.

    Attributes:
        title: workload and conditions.
        contestants: by name; each is called with a name for its run.
        rounds: turns of everybody.
        figures: what is shown of each.
        beside: contestants whose rate the others are divided by.
        goals: of performance.
    """

    title: str
    contestants: Mapping[str, Callable[[str], Run]]
    rounds: int
    figures: Sequence[Figure] = ("rate", "p50_ms", "p99_ms")
    beside: Sequence[str] = ()
    goals: Sequence[Goal] = ()


def play(contest: Contest, *, reset: Callable[[], None], turn: str) -> Rounds:
    """Let everybody run once per round, in turns, each from the same start; ``turn`` makes names of runs unique."""
    runs: dict[str, list[Run]] = {name: [] for name in contest.contestants}
    for number in range(contest.rounds):
        order = list(contest.contestants) if number % 2 == 0 else list(contest.contestants)[::-1]
        for position, name in enumerate(order):
            reset()
            runs[name].append(contest.contestants[name](f"{turn}r{number}c{position}"))
    return runs


def ratio(rounds: Rounds, who: str, beside: str, figure: Figure) -> float:
    """Of one to the other, round by round; the median."""
    pairs = zip(rounds[who], rounds[beside], strict=True)
    return float(median(getattr(one, figure) / getattr(other, figure) for one, other in pairs))
