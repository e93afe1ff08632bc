"""Whether PostgreSQL is asked at all, as a pure decision: a breaker with three states, none of which ever changes.

Closed, every call goes through. When five in a row lose their line within ten seconds it opens, and calls are refused
at once: in a black hole each of them would hold a thread for seconds, to learn what is known. Such a slow call counts
for three: when each caller waits for the last one to fail, ten seconds never see five. When the pause is over one call
goes through as the probe; its success closes the breaker, its failure opens it for longer. A call in between that
PostgreSQL answered breaks the row, and it closes an open breaker as well: what matters is that it answers.

Pauses of 5 to 30 s would spare a server in trouble, and they would also be how long we are blind to its return, when
writing should go on within seconds. A probe is one login of one process and spares it just as well, so ours come
early: after half a second at most, then twice as long each time, up to three seconds, each with a jitter of one half,
so that many processes do not knock together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, assert_never


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When it opens, and for how long.

    Attributes:
        failures: lost lines in a row that open it.
        within_s: seconds in which they happen.
        slow_s: seconds that a call may take to lose its line; longer is slow, a black hole rather than a refusal.
        slow_count: for how many lost lines a slow one counts.
        first_s: the longest first pause in seconds; doubles with each probe that fails.
        longest_s: the longest pause of all in seconds.
    """

    failures: int = 5
    within_s: float = 10.0
    slow_s: float = 2.0
    slow_count: int = 3
    first_s: float = 0.5
    longest_s: float = 3.0


@dataclass(frozen=True, slots=True)
class Closed:
    """Every call goes through; ``lost_at`` has the monotonic seconds of each lost line that may open it, as counted."""

    lost_at: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Open:
    """No call goes through before ``until``, monotonic seconds; the ``pauses`` in a row, this one included."""

    until: float
    pauses: int


@dataclass(frozen=True, slots=True)
class Probing:
    """One call is on its way to see whether PostgreSQL is back, after so many ``pauses``."""

    pauses: int


State = Closed | Open | Probing
"""What is known of PostgreSQL."""

CLOSED: Final = Closed()
"""At the start, and after PostgreSQL answered a call, whatever it said and whenever the call had begun."""


def admits(state: State, *, now: float) -> bool:
    """Whether a call may go through now, monotonic seconds; in an open breaker it is the probe."""
    match state:
        case Closed():
            return True
        case Open(until):
            return now >= until
        case Probing():
            return False
        case _ as never:
            assert_never(never)


def entered(state: State) -> State:
    """After a call was let through."""
    return Probing(state.pauses) if isinstance(state, Open) else state


def lost(state: State, rule: Rule, *, now: float, took_s: float, chance: float, is_probe: bool) -> State:
    """After a call lost its line.

    Args:
        state: before.
        rule: the limits.
        now: monotonic seconds.
        took_s: for how long the call held its thread.
        chance: a number in [0, 1); it spreads the probes of many processes.
        is_probe: whether the call was the probe: calls that began before it say nothing about now.
    """
    match state:
        case Closed(lost_at):
            count = rule.slow_count if took_s > rule.slow_s else 1
            recent = (*(at for at in lost_at if now - at < rule.within_s), *(now,) * count)
            return _opened(rule, 1, now, chance) if len(recent) >= rule.failures else Closed(recent)
        case Probing(pauses):
            return _opened(rule, pauses + 1, now, chance) if is_probe else state
        case Open():
            return state
        case _ as never:
            assert_never(never)


def _opened(rule: Rule, pauses: int, now: float, chance: float) -> Open:
    # The exponent is bounded, because an outage may last for days and a float may not.
    longest_s = min(rule.longest_s, rule.first_s * 2 ** min(pauses - 1, 32))
    return Open(until=now + longest_s * (1 + chance) / 2, pauses=pauses)
