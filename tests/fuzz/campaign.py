"""One function under attack from its start to a last good request, as figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.deployed import deployed
from tests.fuzz.attack import AT_ONCE, Outcome, ask, attack, leaked, memory, stored
from tests.fuzz.doors import Function
from tests.fuzz.generator import bad_requests, of_each_kind
from tests.fuzz.requests import Request

_MOST_GROWTH: Final = 0.10
_MEGABYTE: Final = 1024 * 1024

_COLUMNS: Final = (
    *("function", "kinds", "sent", "5xx", "acknowledged", "stored", "leaks", "MB warm", "MB at the end", "growth"),
    *("per s", "a good request"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a campaign measured, and what it found wrong, with the request if one is to blame.

    Attributes:
        stored: rows and keys that should not be there.
        memory: resident bytes after the warm-up, and at the end.
        good: the status of a good request afterwards.
    """

    function: str
    outcome: Outcome
    stored: int
    leaks: bool
    memory: tuple[int, int]
    good: Sequence[int]
    problems: Sequence[tuple[str, Request | None]]

    @property
    def growth(self) -> float:
        """Of the memory, as a share of what it was after the warm-up."""
        before, after = self.memory
        return after / before - 1

    def line(self) -> str:
        """For people who wait."""
        statuses = " ".join(f"{status}:{often}" for status, often in sorted(self.outcome.statuses.items()))
        verdict = "held" if not self.problems else f"{len(self.problems)} PROBLEMS"
        measured = f"{self.growth:+.1%} memory, {self.outcome.seconds:.1f} s"
        return f"{self.function:<20} {verdict}, {len(self.outcome.names)} kinds, {statuses}, {measured}"

    def cells(self) -> list[str]:
        """A row of the table."""
        sent, (before, after) = self.outcome.statuses.total(), self.memory
        return [
            *(
                self.function,
                str(len(self.outcome.names)),
                f"{sent:,}",
                str(self.outcome.count(5)),
                str(self.outcome.count(2)),
                str(self.stored),
            ),
            *("yes" if self.leaks else "0", f"{before / _MEGABYTE:.0f}", f"{after / _MEGABYTE:.0f}"),
            *(f"{self.growth:+.1%}", f"{sent / self.outcome.seconds:,.0f}", " ".join(map(str, self.good))),
        ]

    @staticmethod
    def table(rows: Sequence[Figures]) -> list[str]:
        """All of them, in Markdown."""
        ruler = "|".join(["---"] * len(_COLUMNS))
        return [f"|{'|'.join(_COLUMNS)}|", f"|{ruler}|", *(f"|{'|'.join(row.cells())}|" for row in rows)]


async def fuzz(function: Function, folder: Path, settings: Mapping[str, str], *, seed: int, count: int) -> Figures:
    """Attack one function as a process of its own; ``settings`` lead to its stores, which are empty."""
    stores = settings["DATABASE_URL"], settings["REDIS_URL"]
    with deployed(folder, function.name, **{**settings, **function.settings}) as (place,):
        before, outcome = stored(*stores), Outcome()
        # What the largest requests need at once is kept by the process, and is no leak.
        for peak in of_each_kind(function, seed, AT_ONCE):
            await attack(place, peak, outcome)
        warm = memory(place)
        await attack(place, bad_requests(function, seed, count), outcome)
        sizes, after, leaks = (warm, memory(place)), stored(*stores), leaked(place)
        answers = [(await ask(place, door.good()), door.good().expected) for door in function.doors]
    extra = sum(after.values()) - sum(before.values())
    problems: list[tuple[str, Request | None]] = [*outcome.problems]
    if before != after:
        problems.append((f"{extra} rows or keys more than before", None))
    if leaks:
        problems.append(("the log holds what was sent", None))
    if sizes[1] / sizes[0] - 1 >= _MOST_GROWTH:
        problems.append((f"memory grew from {sizes[0]} to {sizes[1]} bytes", None))
    problems += [(f"a good request is answered {a.status}", None) for a, right in answers if a.status not in right]
    return Figures(
        function=function.name,
        outcome=outcome,
        stored=extra,
        leaks=leaks,
        memory=sizes,
        good=[answer.status for answer, _ in answers],
        problems=problems,
    )
