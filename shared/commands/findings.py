"""What a check finds, and how checks are made: all at once, each bounded in time, none able to stop another.

A function brings checks of its own as an entry point of the group ``aftercare.checks``, a callable
``(environ) -> list[Check]``. A check yields what it finds as it goes, so what it found before it hung is still told.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.errors import AftercareError


class State(StrEnum):
    """How something is."""

    OK = "ok"
    WRONG = "wrong"
    UNSET = "unset"  # not configured, and nobody here needs it


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: a word or two.
        says: how it is; never a secret.
        fix: one sentence that says what to do, for what is wrong.
    """

    what: str
    state: State
    says: str
    fix: str = ""


Findings = AsyncGenerator[Finding, None]
"""What ``look`` of a check yields."""


@dataclass(frozen=True, slots=True)
class Check:
    """One dependency. ``look`` yields findings; an AftercareError that it raises is one more."""

    name: str
    look: Callable[[], Findings]


@dataclass(frozen=True, slots=True)
class Examined:
    """A check, and what it found."""

    name: str
    findings: Sequence[Finding]

    def document(self, finding: Finding) -> dict[str, str]:
        """One of its findings for JSON output."""
        return {
            "check": self.name,
            "what": finding.what,
            "state": finding.state.value,
            "says": finding.says,
            "fix": finding.fix,
        }


def ok(what: str, says: str) -> Finding:
    """It is as it should be."""
    return Finding(what=what, state=State.OK, says=says)


def wrong(what: str, says: str, fix: str) -> Finding:
    """It is not, and this is what to do."""
    return Finding(what=what, state=State.WRONG, says=says, fix=fix)


def unset(what: str, says: str) -> Finding:
    """It is not configured, which may be meant."""
    return Finding(what=what, state=State.UNSET, says=says)


async def examine(checks: Sequence[Check], *, limit_s: float) -> list[Examined]:
    """Make all checks at once, each for at most ``limit_s`` seconds; what they found, in their order."""
    return list(await asyncio.gather(*(_examined(check, limit_s) for check in checks)))


async def _examined(check: Check, limit_s: float) -> Examined:
    found: list[Finding] = []
    try:
        async with asyncio.timeout(limit_s), aclosing(check.look()) as looking:
            async for finding in looking:
                found.append(finding)  # noqa: PERF401 - one by one, to keep them when the next never comes
    except TimeoutError:
        fix = "Look at its load and at the network between; --timeout allows more time."
        found.append(wrong("answer", f"none within {limit_s:g} s", fix))
    except AftercareError as error:
        found.append(wrong("answer", str(error), "Start it, or correct the address and the login that are set for it."))
    except Exception as error:  # noqa: BLE001 - one check that breaks costs only itself
        fix = "This is a defect of the check itself; report it, the other findings stand."
        found.append(wrong("check", f"broke down ({type(error).__name__})", fix))
    return Examined(check.name, found)
