"""What people read: the fault model as a grid of signs, and the count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from tests.faults.matrix.plays import Played
from tests.faults.matrix.table import FAULTS, FUNCTIONS, campaign_of, is_absent

_HEADS: Final = {
    "km_write": "km",
    "verify_execution": "verify",
    "governance_check": "govern",
    "gitops_issue": "gitops",
    "backfill_reconcile": "reconc",
    "drift_check": "drift",
    "alert_bridge": "bridge",
    "notify": "notify",
    "console": "consol",
}
_WIDTH: Final = max(map(len, FAULTS.values()))
_ELSEWHERE: Final = "*"
_LEGEND: Final = "- cannot meet the fault   * played by a campaign, by kill -9 at its steps, two replicas or a stall: "


def grid(played: Collection[Played]) -> list[str]:
    """The table of signs, a legend and the count; what was not played is blank.

    Args:
        played: everything that was.
    """
    cells: dict[tuple[int, str], list[Played]] = defaultdict(list)
    for each in played:
        cells[each.row, each.function].append(each)
    held = sum(not any(each.problems for each in parts) for parts in cells.values())
    campaigns = sorted({name for row in FAULTS for function in FUNCTIONS if (name := campaign_of(row, function))})
    return [
        _line("#", "fault", [_HEADS[function] for function in FUNCTIONS]),
        *(_line(str(row), FAULTS[row], [_sign(row, each, cells) for each in FUNCTIONS]) for row in FAULTS),
        f"{_LEGEND}{', '.join(campaigns)}",
        f"{held} of {len(cells)} cells held, {len(played)} plays.",
    ]


def broken(played: Collection[Played]) -> Iterator[str]:
    """A line for each thing that did not hold."""
    for each in played:
        for problem in each.problems:
            yield f"BROKEN  row {each.row}, {each.function}, {each.name}: {problem}"


def figures(function: str, played: Sequence[Played]) -> str:
    """One line of a function, while others are still at it."""
    held = sum(not each.problems for each in played)
    longest = max(played, key=lambda each: each.answer_s)
    return (
        f"{function:<20} {held:>4} of {len(played):>3} plays held"
        f"   longest answer {longest.answer_s:>4.1f} s ({longest.name})"
    )


def _sign(row: int, function: str, cells: dict[tuple[int, str], list[Played]]) -> str:
    if (row, function) in cells:
        return "BROKEN" if any(each.problems for each in cells[row, function]) else "held"
    if campaign_of(row, function) is not None:
        return _ELSEWHERE
    return "-" if is_absent(row, function) else ""


def _line(number: str, fault: str, signs: Sequence[str]) -> str:
    return f"{number:>2}  {fault:<{_WIDTH}}  {'  '.join(sign.ljust(6) for sign in signs)}".rstrip()
