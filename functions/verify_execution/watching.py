"""Watching a target after the action: warm up, look again and again, until it has soaked or time is up.

A target that has soaked is looked at on while something beside it, which may still come right, speaks against the fix:
an alert is evaluated once a minute, and a metric is as old as its last scrape. The last look is what counts, so none is
begun that time would cut short: it would see nothing, and hide what the looks before it have seen.
"""

from __future__ import annotations

from collections.abc import Sequence

from functions.verify_execution.core.cases import Case
from functions.verify_execution.core.judging import is_conclusive
from functions.verify_execution.core.readings import Snapshot
from functions.verify_execution.core.soaking import Soak
from functions.verify_execution.core.tickets import Settlement, Ticket, settle
from functions.verify_execution.observing import Sensor, observe, plan
from shared.domain.ports import Clock


async def verify(ticket: Ticket, sensors: Sequence[Sensor], clock: Clock, *, began: float) -> Settlement:
    """Watch the target of a ticket and judge it; cancellable at every wait, with nothing to undo.

    Args:
        ticket: what is judged.
        sensors: all there are; the ticket's plan says which of them are asked.
        clock: time and waiting.
        began: monotonic seconds at which we heard of it; all its limits count from there.
    """
    case = ticket.case([], soaked=False) if ticket.is_hopeless else await _watch(ticket, sensors, clock, began)
    return settle(ticket, case, at=clock.now())


async def _watch(ticket: Ticket, sensors: Sequence[Sensor], clock: Clock, began: float) -> Case:
    ends = began + ticket.whole_s
    await clock.sleep(max(began + ticket.warmup_s - clock.monotonic(), 0.0))
    question = ticket.question()
    names = plan(sensors, question) if ticket.plan is None else ticket.plan
    soak, observed = Soak(ticket.since), list[Snapshot]()
    while True:
        asked = clock.monotonic()
        timeout_s = max(min(ticket.timing.sensor_s, ends - asked), 0.0)
        last = await observe(sensors, question, names=names, timeout_s=timeout_s, clock=clock)
        soak, observed = soak.observe(last), [*observed, last]
        case = ticket.case(observed, soaked=soak.is_over(at=last.taken_at, soak=ticket.soak))
        pause_s = _pause_s(ticket, soak, last)
        needs_s = max(ticket.timing.interval_s, clock.monotonic() - asked)
        if not names or clock.monotonic() + pause_s + needs_s > ends or is_conclusive(case, soak):
            return case
        await clock.sleep(pause_s)


def _pause_s(ticket: Ticket, soak: Soak, last: Snapshot) -> float:
    """Until the next look: the interval, or less when the soak is over before."""
    left = soak.remaining(at=last.taken_at, soak=ticket.soak)
    interval_s = ticket.timing.interval_s
    return interval_s if left is None or left.total_seconds() <= 0 else min(interval_s, left.total_seconds())
