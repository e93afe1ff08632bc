"""The soak: has the target been healthy, without a break, for long enough? A fold over timed observations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from functions.verify_execution.core.conditions import Condition, examine
from functions.verify_execution.core.readings import Snapshot


@dataclass(frozen=True, slots=True)
class Soak:
    """Where the soak stands.

    Attributes:
        finished_at: the end of the action; what was read before does not count.
        stable_since: when the target was first seen healthy, with no break since; None while it is not.
        restarts: the last known counts, by sensor; growth is a break.
        came_up: it was healthy once.
        broke: what happened to it after that, if anything bad did; being up again does not undo it.
    """

    finished_at: datetime
    stable_since: datetime | None = None
    restarts: Mapping[str, int] = field(default_factory=dict)
    came_up: bool = False
    broke: str | None = None

    def observe(self, snapshot: Snapshot) -> Soak:
        """The soak after one more snapshot."""
        seen = snapshot.target(since=self.finished_at).values()
        conditions = {examine(reading, since=self.finished_at).condition for reading in seen}
        healthy = conditions == {Condition.HEALTHY}
        counts = snapshot.restarts()
        grew = any(count > self.restarts.get(sensor, count) for sensor, count in counts.items())
        goes_on = self.stable_since is not None and not grew
        return replace(
            self,
            stable_since=(self.stable_since if goes_on else snapshot.taken_at) if healthy else None,
            restarts={**self.restarts, **counts} if self.came_up else counts,
            came_up=self.came_up or healthy,
            broke=self.broke or (_break(conditions, grew=grew) if self.came_up else None),
        )

    def is_over(self, *, at: datetime, soak: timedelta) -> bool:
        """Whether the target has been stable for ``soak``."""
        return self.stable_since is not None and at - self.stable_since >= soak

    def remaining(self, *, at: datetime, soak: timedelta) -> timedelta | None:
        """What is left of the soak, if nothing breaks it; None while the target is not stable."""
        return None if self.stable_since is None else soak - (at - self.stable_since)


def _break(conditions: set[Condition], *, grew: bool) -> str | None:
    if Condition.BROKEN in conditions:
        return "was up, then down again, during the soak"
    return "restarted during the soak" if grew else None
