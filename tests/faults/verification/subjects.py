"""What is verified: executions whose targets behave in ways that leave one verdict for each look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from shared.domain.events import Event, to_structured
from shared.domain.executions import EXECUTION_COMPLETED, EXECUTION_STARTING

PLAYBOOK: Final = "pb-chaos"
INITIAL: Final = "initial"
LATER: Final = ("5m", "1h", "24h")
"""The later looks, in their order."""

_STARTS: Final = 3  # looks that a slow start takes


class Plot(StrEnum):
    """What becomes of a target after the action; before it, none is up."""

    WORKS = "works"
    MENDS = "mends"  # down for some looks, then up
    FLAPS = "flaps"  # up and down, over and over
    RELAPSES = "relapses"  # down before the second look
    FAILS = "fails"
    SILENT = "silent"  # nobody can say


LASTING: Final = frozenset({Plot.WORKS, Plot.MENDS, Plot.RELAPSES})
"""Those whose first verdict is a success, after a whole soak."""
QUICK: Final = (Plot.WORKS, Plot.MENDS, Plot.FLAPS, Plot.RELAPSES)
"""Those that are judged before time is up."""

_FIRST: Final = {
    **dict.fromkeys(LASTING, "success"),
    Plot.FLAPS: "failed",
    Plot.FAILS: "failed",
    Plot.SILENT: "timeout",
}


@dataclass(slots=True)
class Subject:
    """One execution; its target has its name.

    Attributes:
        seen: questions answered since the action.
        acted: the action is over.
        fallen: the time of a relapse has come.
    """

    name: str
    plot: Plot
    seen: int = 0
    acted: bool = False
    fallen: bool = False

    def answer(self) -> str:
        """The target's next word."""
        if self.plot is Plot.SILENT:
            return "dead"
        if not self.acted:
            return "down"
        self.seen += 1
        return "up" if self._is_up() else "down"

    def _is_up(self) -> bool:
        match self.plot:
            case Plot.MENDS:
                return self.seen > _STARTS
            case Plot.FLAPS:
                return self.seen % 2 == 1
            case Plot.RELAPSES:
                return not self.fallen
            case plot:
                return plot is Plot.WORKS

    def verdicts(self, looks: int) -> Mapping[str, str]:
        """By check, the only verdict that is true; of the first look and so many later ones."""
        if self.plot not in LASTING:
            return {INITIAL: _FIRST[self.plot]}
        later = ("failed",) if self.plot is Plot.RELAPSES else ("success",) * len(LATER)
        return {INITIAL: _FIRST[self.plot], **dict(zip(LATER[:looks], later, strict=False))}

    def starting(self) -> dict[str, Any]:
        """``execution.starting``, structured."""
        return self._event(EXECUTION_STARTING, "starting", {})

    def completed(self) -> dict[str, Any]:
        """``execution.completed``, structured; from here on the action is over."""
        self.acted = True
        return self._event(
            EXECUTION_COMPLETED, "completed", {"succeeded": True, "finished_at": datetime.now(UTC).isoformat()}
        )

    def _event(self, type_: str, what: str, more: Mapping[str, Any]) -> dict[str, Any]:
        data = {
            "execution_id": self.name,
            "incident_id": f"INC-{self.name}",
            "action": {
                "kind": "rollout_restart",
                "target": {"namespace": "prod", "kind": "Deployment", "name": self.name},
            },
            "playbook_id": PLAYBOOK,
            "decided_by": "rule",
            **more,
        }
        return to_structured(
            Event(
                id=f"{what}-{self.name}",
                source="/chaos/executor",
                type=type_,
                time=datetime.now(UTC),
                subject=f"INC-{self.name}",
                data=data,
            )
        )


def cast(plots: tuple[Plot, ...], *, each: int) -> list[Subject]:
    """So many executions of every plot; neighbours in the list share one."""
    return [Subject(f"{plot}-{number}", plot) for plot in plots for number in range(each)]
