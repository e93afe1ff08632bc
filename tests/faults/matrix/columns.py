"""Every function with all that is played of it; a column of the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tests.faults.matrix import arrivals, ends, letters, order, receivers, stores, upstreams, watching
from tests.faults.matrix.plays import Play
from tests.faults.matrix.subjects import SUBJECTS, Subject

COLUMNS: Final = (*SUBJECTS, watching.CONSOLE)


def plays_of(subject: Subject) -> Sequence[Play]:
    """In the order of the rows as far as may be; what ends the process comes last, as the next one starts cold."""
    if subject is watching.CONSOLE:
        return watching.plays_of(subject)
    return [
        *stores.plays_of(subject),
        *upstreams.plays_of(subject),
        *receivers.plays_of(subject),
        *arrivals.plays_of(subject),
        *order.plays_of(subject),
        *letters.plays_of(subject),
        *ends.plays_of(subject),
    ]
