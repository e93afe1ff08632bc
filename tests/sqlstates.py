"""Which class each SQLSTATE belongs to, written down a second time: the tests' own copy of the table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from shared.adapters.postgres import Connection
from shared.domain.errors import DatabaseRejected, DatabaseUnavailable
from shared.domain.failures import Failure, FailureClass

SECRET = "hunter2-CANARY"

CODES = {
    FailureClass.CONFLICT: ["40001", "40P01", "55P03"],
    FailureClass.COLLISION: ["23505", "23P01"],
    FailureClass.CONNECTION: ["08000", "08003", "08006", "08P01", "57P01", "57P02", "57P05", "25P03", "40003"],
    FailureClass.OVERLOAD: ["53000", "53100", "53200", "53300", "57P03", "57014", "25006", "25P04", "58000", "58030"],
    FailureClass.OURS: ["42P01", "42703", "42501", "42601", "42804", "42883", "28000", "28P01", "3D000", "0A000"],
    FailureClass.EVENT: ["22001", "22003", "22007", "22012", "22021", "22P02", "22P05", "23502", "23503", "23514"],
    FailureClass.CORRUPTION: ["XX001", "XX002"],
    FailureClass.UNKNOWN: ["XX000", "40000", "55000", "57000", "25P01", "P0001", "01000", "HV000"],
}
CLASS_OF = {code: kind for kind, codes in CODES.items() for code in codes}


def failure(code: str) -> Failure:
    """What a code is to be taken for."""
    return Failure(CLASS_OF[code], code)


async def failure_of(call: Awaitable[Any]) -> Failure:
    """How a call fails; only content may be refused for good."""
    with pytest.raises((DatabaseUnavailable, DatabaseRejected)) as failed:
        await call
    found = failed.value.failure
    assert isinstance(failed.value, DatabaseRejected) == (found.kind is FailureClass.EVENT)
    assert SECRET not in str(failed.value)
    return found


def statement(sql: str, **parameters: Any) -> Callable[[Connection], Any]:
    """Work that is one statement."""
    return lambda connection: connection.rows(sql, **parameters)
