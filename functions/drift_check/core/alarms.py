"""When drift that a schedule finds is announced: when it is new, when it changes, and again after a while.

A look that could not be taken says nothing about the drift before it, so a cluster that comes and goes raises no alarm
twice; a look that finds all aligned ends the drift, and the next one is new.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from functions.drift_check.core.reporting import detected, fingerprint
from shared.domain.contract import Contract, Time
from shared.domain.drift import DriftChecked, DriftStatus


class Alarm(Contract):
    """Drift that was announced: which, and when."""

    fingerprint: str
    at: Time


def alarm(checked: DriftChecked, earlier: Alarm | None, *, now: datetime, remind_s: float) -> tuple[Alarm | None, bool]:
    """What is remembered after a look, and whether its drift is to be announced.

    Args:
        checked: what was found.
        earlier: what the look before it left.
        now: when it was found.
        remind_s: seconds after which the same drift is announced again.
    """
    if checked.status is DriftStatus.ERROR:
        return earlier, False
    drift = detected(checked)
    if drift is None:
        return None, False
    mark = fingerprint(drift)
    if earlier is not None and earlier.fingerprint == mark and now - earlier.at < timedelta(seconds=remind_s):
        return earlier, False
    return Alarm(fingerprint=mark, at=now), True
