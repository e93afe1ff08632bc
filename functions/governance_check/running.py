"""The checks, side by side: each has its own time, and one that fails is a report like any other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from functions.governance_check.core.inspections import failed
from shared.domain.errors import DatabaseRejected, DatabaseUnavailable
from shared.domain.governance import CheckName, CheckReport
from shared.domain.ports import Clock

Check = Callable[[], Awaitable[CheckReport]]
"""Looks at one thing and changes nothing; may raise anything."""

_MILLISECONDS: Final = 3


async def run(checks: Mapping[CheckName, Check], clock: Clock, *, timeout_s: float) -> dict[CheckName, CheckReport]:
    """Every check's report; never raises, whatever a check does.

    Args:
        checks: what to run.
        clock: for the time each took.
        timeout_s: for each of them, not for all together.
    """

    async def one(name: CheckName, check: Check) -> CheckReport:
        began = clock.monotonic()
        try:
            async with asyncio.timeout(timeout_s):
                report = await check()
        except Exception as error:  # noqa: BLE001 - the fan-out: a failure is data
            report = failed(name, _reason(error))
        return report.model_copy(update={"took_s": round(clock.monotonic() - began, _MILLISECONDS)})

    reports = await asyncio.gather(*(one(name, check) for name, check in checks.items()))
    return dict(zip(checks, reports, strict=True))


def _reason(error: Exception) -> str:
    """By class, never by text: messages carry values."""
    match error:
        case TimeoutError():
            return "timeout"
        case DatabaseUnavailable() | DatabaseRejected():
            return f"database: {error.failure}"
        case _:
            return type(error).__name__
