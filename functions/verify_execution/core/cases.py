"""What is judged, and what the rules ask of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, reduce

from functions.verify_execution.core.conditions import Condition, Finding, examine
from functions.verify_execution.core.readings import Metric, Snapshot
from functions.verify_execution.core.soaking import Soak
from functions.verify_execution.core.trends import Trend, trend
from shared.domain.executions import Action


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is judged.

    Attributes:
        before: the baseline; None when there is none.
        observed: snapshots after the action, oldest first; the last one is what counts, the others are the soak.
        action: what was done.
        succeeded: whether the executor says that it was carried out; never evidence that it worked.
        finished_at: when the action ended; readings from before say nothing about it.
        soaked: the target was stable for as long as asked.
    """

    before: Snapshot | None
    observed: Sequence[Snapshot]
    action: Action
    succeeded: bool
    finished_at: datetime
    soaked: bool

    @cached_property
    def after(self) -> Snapshot:
        """The last snapshot."""
        return self.observed[-1] if self.observed else Snapshot(taken_at=self.finished_at)

    @cached_property
    def findings(self) -> Mapping[str, Finding]:
        """What fresh readings of the target say now, by sensor."""
        return self._findings(self.after)

    @cached_property
    def earlier(self) -> Mapping[str, Finding]:
        """What the target was like before the action, by sensor."""
        if self.before is None:
            return {}
        return {sensor: examine(reading, since=None) for sensor, reading in self.before.target().items()}

    @cached_property
    def was_healthy(self) -> bool:
        """Whether everything known of the target before the action was good."""
        return bool(self.earlier) and all(f.condition is Condition.HEALTHY for f in self.earlier.values())

    @cached_property
    def is_healthy(self) -> bool:
        """Whether everything known of the target now is good, and something is known."""
        return bool(self.findings) and all(f.condition is Condition.HEALTHY for f in self.findings.values())

    @cached_property
    def trends(self) -> Mapping[str, Trend]:
        """How each metric went, by sensor."""
        earlier: Mapping[str, Metric] = {} if self.before is None else self.before.metrics()
        now = self.after.metrics()
        return {s: trend(earlier.get(s), metric, since=self.finished_at) for s, metric in now.items()}

    @cached_property
    def broke_in_the_soak(self) -> str | None:
        """What happened to a target that had come up already, if anything bad did."""
        return reduce(Soak.observe, self.observed, Soak(self.finished_at)).broke

    def _findings(self, snapshot: Snapshot) -> Mapping[str, Finding]:
        fresh = snapshot.target(since=self.finished_at)
        return {sensor: examine(reading, since=self.finished_at) for sensor, reading in fresh.items()}
