"""Where in a verification the fault comes, and what it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Phase(StrEnum):
    """What the processes are doing when the fault comes."""

    BASELINE = "baseline"
    COMPLETION = "completion"
    LATER_LOOK = "later look"


class Blow(StrEnum):
    """What happens to a process."""

    KILL9 = "kill -9"
    SIGTERM = "SIGTERM"
    STALL = "stall"  # past its leases, and then it goes on


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step. A process is known to be there, by the one of these that is given.

    Attributes:
        name: what people call it.
        phase: what was begun.
        held: the so manieth question of each lasting target hangs.
        locked: a transaction of each process waits for this table.
        promised: every row is there.
        looked: the so manieth question of each lasting target was answered.
        within_s: seconds after that, at random.
    """

    name: str
    phase: Phase
    held: int = 0
    locked: str | None = None
    promised: bool = False
    looked: int = 0
    within_s: float = 0.0


STEPS: Final = (
    Step(name="baseline being read", phase=Phase.BASELINE, held=1),
    Step(name="baseline being written", phase=Phase.BASELINE, locked="incident_evidence"),
    Step(name="completion on its way", phase=Phase.COMPLETION, within_s=0.03),
    Step(name="promise being written", phase=Phase.COMPLETION, locked="inbox"),
    Step(name="promised", phase=Phase.COMPLETION, promised=True),
    Step(name="warm-up", phase=Phase.COMPLETION, promised=True, within_s=0.15),
    Step(name="first reading", phase=Phase.COMPLETION, held=1),
    Step(name="second reading", phase=Phase.COMPLETION, held=2),
    Step(name="last reading", phase=Phase.COMPLETION, held=4),
    Step(name="soak", phase=Phase.COMPLETION, looked=2, within_s=0.1),
    Step(name="verdict being written", phase=Phase.COMPLETION, locked="incident_evidence"),
    Step(name="around the verdict", phase=Phase.COMPLETION, looked=4, within_s=0.05),
    Step(name="later reading", phase=Phase.LATER_LOOK, held=1),
    Step(name="later verdict being written", phase=Phase.LATER_LOOK, locked="incident_evidence"),
    Step(name="around the later verdict", phase=Phase.LATER_LOOK, looked=1, within_s=0.05),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """One round: a blow at a step, with so many processes."""

    step: Step
    blow: Blow
    replicas: int

    def __str__(self) -> str:
        """Such as: kill -9 at: first reading, 2 processes."""
        return f"{self.blow} at: {self.step.name}, {self.replicas} process{'es' if self.replicas > 1 else ''}"


# A stalled process is overtaken by another one.
_BLOWS: Final = ((Blow.KILL9, 1), (Blow.SIGTERM, 2), (Blow.STALL, 2), (Blow.KILL9, 2), (Blow.SIGTERM, 1))


def plan(number: int, *, lap: int = 0) -> Plan:
    """Of a round: so many rounds as there are steps try every step, five times as many every blow at each.

    Args:
        number: of the round.
        lap: where to begin, 0 to 4.
    """
    laps, step = divmod(number, len(STEPS))
    return Plan(STEPS[step], *_BLOWS[(lap + laps + step) % len(_BLOWS)])
