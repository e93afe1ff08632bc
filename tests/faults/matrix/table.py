"""The fault model: 38 faults, nine functions, and what each promises to answer.

====  ==========================================================================================================
C     it took effect
D, H  it is kept, in Redis or in PostgreSQL, and takes effect later
R     nothing was acknowledged; it is to be sent again
P     refused for good
Q     kept whole for a person to look at
V     a verdict, and never ``success``
E     a report that says what it does not know, and never ``ok``
S     another owner has it: done, or to be sent again
X     no answer at all, because nobody lives to give it
====  ==========================================================================================================

``C|R`` is C where the fault passes while it is met, R while it lasts; ``C/R`` is either, as it happens. A word is the
campaign of ``make chaos`` that plays the cell; ``-`` is a fault that the function cannot meet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Outcome = frozenset[int]

DONE: Final = frozenset({200, 204})
"""It took effect."""

KEPT: Final = frozenset({202})
"""It is durable, and takes effect later."""

TAKEN: Final = DONE | KEPT
REFUSED: Final = frozenset({503})
"""Nothing was acknowledged; it is to be sent again."""

BLAMED: Final = frozenset({400, 413, 415, 422})
"""It can never take effect."""

UNTROUBLED: Final[Mapping[str, Outcome]] = {
    "km_write": DONE,
    "verify_execution": TAKEN,  # after a lost answer somebody still holds the row, and a tick gives the verdict
    "governance_check": DONE,
    "gitops_issue": TAKEN,  # the same: it is not posted again before the lease of a lost answer is over
    "backfill_reconcile": DONE,
    "drift_check": DONE,
    "alert_bridge": KEPT,  # what it is told takes effect elsewhere
    "notify": KEPT,  # people read it later
    "console": DONE,
}
FUNCTIONS: Final = tuple(UNTROUBLED)

# 1-9: drift-check keeps its reports where everybody else keeps theirs, so it needs PostgreSQL as they do.
# 3-5: km-write tries again by itself, where others leave that to whoever sends.
# 4: whoever asks cannot tell an answer that was lost after COMMIT from one that was lost before; the effect is there.
# 10-14: km-write, governance-check, backfill-reconcile and console ask Redis; the others are played all the same.
# 15: drift-check says in its report that it was not let in.  20-22: only gitops-issue speaks to Gitea, its own tick
# goes on with what waits; 21 keeps the intent, since what Gitea refuses is a setting, and tries again each hour.
# 23: only notify speaks to a chat.
# 25: an alert is what it says, and nobody who keeps letters can know which of two is forged: it keeps both.
# 29: an event that kills is counted by whoever delivers it, and quarantined by backfill-reconcile, as a letter is that
# kills. What breaks a reader of drift-check is a file, and that it cannot be read is a result.
# 36: /dead-letter has PostgreSQL as well.
_PROMISES: Final = """
 # KM    VER          GOV   GIT   REC   DRF   AB    NOT   CON   fault
 1 D     R            R     R     R     R     R     R     C     PostgreSQL is down
 2 C|D   C|R          C|R   C|R   C|R   C|R   C|R   C|R   C     PostgreSQL is slow, or a black hole
 3 C|D   C/R|R        C/R|R C/R|R C/R|R C/R|R C/R|R C/R|R C     PostgreSQL breaks off in a transaction
 4 C|D   C/R|R        C/R|R C/R|R C/R|R C/R|R C/R|R C/R|R -     an answer is lost after COMMIT
 5 C|D   C/R|R        C/R|R C/R|R C/R|R C/R|R C/R|R C/R|R -     deadlock, serialization, lock timeout
 6 D     R            R     R     R     R     R     R     C     too many connections
 7 D     R            R     R     R     R     R     R     -     disk full, out of memory
 8 D     R            R     R     R     R     R     R     -     failover: read only
 9 D     R            R     R     R     R     R     R     C     another schema, a wrong password
10 C     C            C     C     R     C     C     C     C     Redis is down or hangs
11 C     C            C     C     C     C     C     C     C     Redis without AOF
12 C     C            C     C     R     C     C     C     C     Redis is full, or cannot save
13 C     C            C     C     R     C     C     C     C     Redis failover: read only
14 R     R            R     R     R     R     R     R     C     PostgreSQL and Redis are down
15 -     V            -     -     -     E     -     -     -     Kubernetes answers 401, 403
16 -     V            -     -     -     R     -     -     -     Kubernetes answers 429, 5xx, nothing
17 -     V            E     -     -     -     -     -     -     Prometheus is down, answers 4xx, 5xx
18 -     V            E     -     -     -     -     -     -     no sample, NaN, Inf, a stale one
19 -     V            E     -     -     -     -     -     -     an answer over 5 MB, 10,001 series
20 -     -            -     H     -     -     -     -     -     Gitea answers 401, 403, 404
21 -     -            -     H     -     -     -     -     -     Gitea answers 422
22 -     -            -     H     -     -     -     -     -     Gitea's answer to the post is lost
23 -     -            -     -     -     -     -     C     -     Telegram answers 429, 400, nothing
24 C     C            C     C     C     C     C     C     -     a duplicate
25 P     P            P     P     D     P     C     P     -     the same id with other content
26 C     C            C     C     C/S   C     C     C     -     the same, eight times at once
27 C     C            -     C     C     -     C     C     -     out of order
28 P     P            P     P     P     P     P     P     P     malformed, oversize, deep, NUL
29 X     X            X     X     Q     C     X     X     -     an event that kills whoever handles it
30 C     C            C     C     C     C     C     C     -     clocks that differ, a future time
31 C/R   C/R          C/R   C/R   C/R   C/R   C/R   C/R   -     SIGTERM in the middle of a write
32 steps verification steps steps steps steps steps steps -     kill -9 at every step
33 -     -            races -     races races -     -     -     two replicas run the cron
34 -     verification races C     races races -     -     -     a lease expires in the middle
35 -     verification races C     races races -     -     -     an owner dies with its slot
36 R     -            -     -     C     -     -     -     -     the stream of letters is full
37 -     -            -     -     C     -     -     -     -     a crash between effect and XACK
38 C     C            C     C     C     C     C     C     -     the sink is down, or refuses
"""
_LETTERS: Final = {
    "D": KEPT,
    "H": KEPT,
    "R": REFUSED,
    "P": BLAMED,
    "Q": DONE,
    "V": DONE,
    "E": DONE,
    "S": DONE | REFUSED,
    "X": frozenset({0}),
}
_LINES: Final = [line.split(maxsplit=len(FUNCTIONS) + 1) for line in _PROMISES.strip().splitlines()[1:]]

FAULTS: Final[Mapping[int, str]] = {int(number): fault for number, *_, fault in _LINES}
"""What each row is, in a few words."""

PROMISES: Final[Mapping[tuple[int, str], str]] = {
    (int(number), function): cell
    for number, *cells, _ in _LINES
    for function, cell in zip(FUNCTIONS, cells, strict=True)
}
"""By row and function: letters, a campaign, or a dash."""


def is_absent(row: int, function: str) -> bool:
    """Whether the function cannot meet the fault."""
    return PROMISES[row, function] == "-"


def campaign_of(row: int, function: str) -> str | None:
    """The campaign that plays a cell, if it is not played here."""
    cell = PROMISES[row, function]
    return cell if cell.isalpha() and len(cell) > 1 else None


def promised(row: int, function: str, *, once: bool = False) -> Outcome:
    """The statuses of a cell; ``once`` for a fault that passes while it is met."""
    passing, _, lasting = PROMISES[row, function].partition("|")
    letters = (passing if once or not lasting else lasting).split("/")
    return frozenset().union(*(UNTROUBLED[function] if each == "C" else _LETTERS[each] for each in letters))
