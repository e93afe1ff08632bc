"""gitops-issue: risky changes wait for people.

A proposal is assessed by rules and committed with the intent to open an issue, in one transaction, before Gitea is
asked for anything. Whoever commits an intent tries to fulfil it at once; what that leaves behind, a tick takes up. A
tick also reads open issues back: what people decided there is announced. Nothing here runs a command.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol

from functions.gitops_issue.drafts import Draft
from functions.gitops_issue.issues import (
    LEASE_S,
    Absent,
    Opened,
    Outcome,
    Postponed,
    Refused,
    State,
    Ticket,
    Uncertain,
)
from functions.gitops_issue.reviewing import Issues, Notes, Rounds, Verdicts
from shared.domain.contract import validated
from shared.domain.errors import DatabaseUnavailable
from shared.domain.events import PING, Event
from shared.domain.ports import Clock
from shared.domain.remediations import AssessmentOutcome, RemediationAssessed, RemediationProposed
from shared.runtime.answers import Answer, UseCase, one

_TICK_S: Final = 10.0
_ROUNDS_S: Final = 5.0
_NO_GITEA: Final = "GITEA_API_URL is not set: the issue is opened once it is"


@dataclass(frozen=True, slots=True)
class Planned:
    """A proposal that is committed.

    Attributes:
        announced: ``remediation.assessed``, with the issue if it is open by now.
        assessed: its data.
        duplicate: the event was committed before.
        why: why there is no issue yet, if that is known.
    """

    announced: Event
    assessed: RemediationAssessed
    duplicate: bool
    why: str | None = None

    @property
    def is_pending(self) -> bool:
        """Whether people still wait for the issue."""
        return self.assessed.outcome is AssessmentOutcome.ISSUE_PENDING


class Reviews(Protocol):
    """The durable side; every call may raise DatabaseUnavailable."""

    async def plan(self, event: Event, assessed: RemediationAssessed, draft: Draft | None) -> Planned:
        """Commit an assessment, and the intent to open the issue if there is a draft; or say what was answered before.

        Raises:
            Unprocessable: the event's id was used before with other content.
        """

    async def take(self, *, digest: str | None = None) -> Ticket | None:
        """Take a plan that is due and that nobody holds: the first of all, or the one with that digest."""

    async def settle(self, ticket: Ticket, outcome: Outcome) -> bool:
        """Commit what came of a ticket; False when it has another owner by now."""


class Forge(Issues, Protocol):
    """Where issues are opened, read back and closed; nothing it does raises."""

    async def open(self, draft: Draft, *, before: float) -> Opened | Postponed | Refused | Uncertain:
        """Post an issue, once, unless the monotonic clock has passed ``before`` by then."""

    async def find(self, draft: Draft, *, since: datetime) -> Opened | Postponed | Absent:
        """Look for an issue that was opened since then."""


Assess = Callable[[RemediationProposed], tuple[RemediationAssessed, Draft | None]]
"""What a proposal is worth, and the issue if it needs one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What gitops-issue needs; without a forge, plans wait for one.

    ``committed`` is told after the last commit of a request, so that announcements leave at once: one that an issue is
    pending is replaced if the issue is open by then.
    """

    assess: Assess
    reviews: Reviews
    verdicts: Verdicts
    forge: Forge | None
    notes: Notes
    clock: Clock
    committed: Callable[[], None]


def create_handler(ports: Ports) -> UseCase:
    """The use case: assess a proposal, or go on with what waits."""

    async def handle(event: Event) -> Answer:
        try:
            return await (_tick(ports) if event.type == PING else _propose(event, ports))
        finally:
            ports.committed()

    return one(handle)


async def _propose(event: Event, ports: Ports) -> Answer:
    assessed, draft = ports.assess(validated(RemediationProposed, event.data))
    planned = await ports.reviews.plan(event, assessed, draft)
    if planned.is_pending and ports.forge is not None:
        with suppress(DatabaseUnavailable):  # the intent is durable, and a tick goes on with it
            await _advance(ports, ports.forge, digest=planned.assessed.digest)
            later = await ports.reviews.plan(event, assessed, draft)
            planned = replace(later, duplicate=planned.duplicate)
    return _answer(planned, has_forge=ports.forge is not None)


def _answer(planned: Planned, *, has_forge: bool) -> Answer:
    assessed = planned.assessed
    facts: dict[str, Any] = {"score": assessed.score, "tier": assessed.tier.value, "duplicate": planned.duplicate}
    if planned.is_pending:
        facts["why"] = (planned.why or "the issue is about to be opened") if has_forge else _NO_GITEA
    return Answer(outcome=assessed.outcome.value, result=planned.announced, deferred=planned.is_pending, facts=facts)


async def _tick(ports: Ports) -> Answer:
    """Go on with plans, one after the other, until none is due, Gitea is not there, or the time is up."""
    if ports.forge is None:
        return Answer(outcome="skipped", facts={"why": _NO_GITEA})
    rounds = Rounds(ports.verdicts, ports.forge, ports.notes, ports.clock)
    await _settle(ports, ports.forge, rounds.became, rounds.whys)
    await rounds.go(until=ports.clock.monotonic() + _ROUNDS_S)
    return Answer(outcome="settled", facts={**rounds.became, "why": sorted(rounds.whys)})


async def _settle(ports: Ports, forge: Forge, became: Counter[str], whys: set[str]) -> None:
    until = ports.clock.monotonic() + _TICK_S
    while ports.clock.monotonic() < until:
        outcome = await _advance(ports, forge)
        if outcome is None:
            break
        became[type(outcome).__name__.lower()] += 1
        if isinstance(outcome, Postponed | Refused | Uncertain):
            whys.add(outcome.why)
        if isinstance(outcome, Postponed):
            break


async def _advance(ports: Ports, forge: Forge, *, digest: str | None = None) -> Outcome | None:
    """Bring a plan one step further; None when there is none that is due."""
    # Half a lease is left for the post itself: a process that slept through it must not post what others look for.
    before = ports.clock.monotonic() + LEASE_S / 2
    ticket = await ports.reviews.take(digest=digest)
    if ticket is None:
        return None
    if ticket.state is State.SENDING:
        outcome: Outcome = await forge.open(ticket.draft, before=before)
    else:
        outcome = await forge.find(ticket.draft, since=ticket.planned_at)
    await ports.reviews.settle(ticket, outcome)
    return outcome
