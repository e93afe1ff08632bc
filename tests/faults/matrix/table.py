"""What each function answers in each trouble: the promise of its row in the fault model, as statuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.faults.matrix.troubles import BOTH, NO_AOF, ONCE, PIECES, POSTGRES, REDIS, SINK, Trouble

Outcome = frozenset[int]

DONE: Final = frozenset({200, 204})
"""It took effect."""

KEPT: Final = frozenset({202})
"""It is durable, and takes effect later."""

TAKEN: Final = DONE | KEPT
REFUSED: Final = frozenset({503})
"""Nothing was acknowledged; it is to be sent again."""

UNTROUBLED: Final[Mapping[str, Outcome]] = {
    "km_write": DONE,
    "alert_bridge": KEPT,
    "verify_execution": TAKEN,  # after a lost answer somebody still holds the row, and a tick gives the verdict
    "gitops_issue": KEPT,
    "governance_check": DONE,
    "drift_check": DONE,
    "notify": KEPT,
    "backfill_reconcile": DONE,
}


def _each(troubles: tuple[Trouble, ...], outcome: Outcome) -> dict[Trouble, Outcome]:
    return dict.fromkeys(troubles, outcome)


TABLE: Final[Mapping[str, Mapping[Trouble, Outcome]]] = {
    "km_write": {
        PIECES: DONE,
        **_each(ONCE, DONE),
        **_each((*REDIS, NO_AOF), DONE),
        **_each(SINK, DONE),
        **_each(POSTGRES, KEPT),
        **_each(BOTH, REFUSED),
    },
    "alert_bridge": {PIECES: KEPT, **_each(SINK, KEPT), **_each(POSTGRES, REFUSED)},
    "verify_execution": {PIECES: DONE, **_each(SINK, DONE), **_each(POSTGRES, REFUSED)},
    "gitops_issue": {PIECES: KEPT, **_each(SINK, KEPT), **_each(POSTGRES, REFUSED)},
    "governance_check": {
        PIECES: DONE,
        **_each(REDIS, DONE),  # the lease only saves work
        **_each(SINK, DONE),
        **_each(POSTGRES, REFUSED),
        **_each(BOTH, REFUSED),
    },
    "drift_check": {PIECES: DONE, **_each(SINK, DONE), **_each(POSTGRES, REFUSED)},
    "notify": {PIECES: KEPT, **_each(SINK, KEPT), **_each(POSTGRES, REFUSED)},
    "backfill_reconcile": {
        PIECES: DONE,
        **_each(REDIS, REFUSED),  # what needs only PostgreSQL is done by then
        **_each(SINK, DONE),
        **_each(POSTGRES, REFUSED),
        **_each(BOTH, REFUSED),
    },
}
