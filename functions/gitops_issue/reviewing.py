"""An open issue, read back until it is decided, then closed.

A reading decides, by :func:`functions.gitops_issue.core.approvals.judge`; the verdict and its event are committed
together, once, and only then is anything said in the issue. Saying so and closing it is an intent like the issue
itself: whoever ticks goes on with it until Gitea has done it, or has no such issue any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from functions.gitops_issue.core.approvals import Decision, Gone, Reading, Terms, Verdict, judge
from functions.gitops_issue.drafts import Note
from functions.gitops_issue.issues import Postponed
from shared.domain.events import Event
from shared.domain.ports import Clock
from shared.domain.remediations import RemediationAssessed, ReviewIssue


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """An open issue that this process has taken.

    Attributes:
        digest: of the plan.
        fence: rises with every owner; what is written carries it.
        verdict: None while people may still decide; else the issue is to be closed.
        at: when it was taken (database time).
        planned_at: when it was planned first; no issue of it is older.
        may_be_double: it was posted more than once, so an answer that was lost may have opened another issue.
        marker: what is hidden in every issue of this plan.
        cause: the event that proposed it, without its data.
        assessed: what was answered.
        command: redacted.
        issue: where people decide.
        terms: what the verdict is bound to.
    """

    digest: str
    fence: int
    verdict: Verdict | None
    at: datetime
    planned_at: datetime
    may_be_double: bool
    marker: str
    cause: Event
    assessed: RemediationAssessed
    command: str
    issue: ReviewIssue
    terms: Terms


@dataclass(frozen=True, slots=True)
class Closed:
    """The issue is closed, and says why."""


class Verdicts(Protocol):
    """The durable side; every call may raise DatabaseUnavailable."""

    async def take(self) -> Review | None:
        """Take an issue that is due to be read or to be closed, and that nobody holds."""

    async def decide(self, review: Review, decision: Decision) -> bool:
        """Commit a verdict and its event; False when the review has another owner or a verdict by now."""

    async def put_back(self, review: Review, why: str | None) -> None:
        """Leave it for a later tick; for one that comes later still when something was wrong."""

    async def finish(self, review: Review) -> None:
        """Note that nothing is left to close."""


class Issues(Protocol):
    """Where people decide; nothing it does raises."""

    async def read(self, number: int) -> Reading | Gone | Postponed:
        """An issue with its comments; the comments first, so that none is read for a text that was edited before."""

    async def others(self, marker: str, *, but: int, author: str, since: datetime) -> Sequence[int]:
        """Open issues by that author with that marker, but one; none when nobody can say."""

    async def close(self, number: int, note: Note, *, author: str) -> Closed | Gone | Postponed:
        """Close an issue, after saying why if its author did not yet."""


class Notes(Protocol):
    """What is said in an issue."""

    def verdict(self, verdict: Verdict) -> Note:
        """Why it is closed."""

    def duplicate(self, number: int) -> Note:
        """Why it is closed, and where the same plan is reviewed."""


@dataclass(slots=True)
class Rounds:
    """Goes on with what is due, one issue after the other, until none is, or the time is up.

    Attributes:
        became: what happened, for the log.
        whys: why something waits.
    """

    verdicts: Verdicts
    issues: Issues
    notes: Notes
    clock: Clock
    became: Counter[str] = field(default_factory=Counter)
    whys: set[str] = field(default_factory=set)
    _is_silent: bool = field(default=False, init=False)

    async def go(self, *, until: float) -> None:
        """Read, decide and close until the monotonic clock says ``until``."""
        while self.clock.monotonic() < until:
            review = await self.verdicts.take()
            if review is None:
                return
            await (self._read(review) if review.verdict is None else self._close(review, review.verdict))

    async def _read(self, review: Review) -> None:
        # A forge that did not answer once is not asked for each of the others: their time runs out all the same.
        found = None if self._is_silent else await self.issues.read(review.issue.number)
        reading = None if isinstance(found, Postponed) else found
        why = found.why if isinstance(found, Postponed) else None
        if why is not None:
            self._is_silent = True
            self.whys.add(why)
        decision = judge(review.terms, reading, at=review.at)
        if decision is None:
            if reading is not None and review.may_be_double:
                await self._close_others(review)
            await self.verdicts.put_back(review, why)
        elif await self.verdicts.decide(review, decision):
            self.became[decision.verdict.value] += 1

    async def _close(self, review: Review, verdict: Verdict) -> None:
        if self._is_silent:
            return await self.verdicts.put_back(review, None)
        number = review.issue.number
        closed = await self.issues.close(number, self.notes.verdict(verdict), author=review.terms.author)
        if isinstance(closed, Postponed):
            self.whys.add(closed.why)
            return await self.verdicts.put_back(review, closed.why)
        if isinstance(closed, Gone):
            self.whys.add(f"issue {number} was deleted; its plan stays {verdict}, and nothing is left to close")
        await self._close_others(review)
        self.became[type(closed).__name__.lower()] += 1
        return await self.verdicts.finish(review)

    async def _close_others(self, review: Review) -> None:
        """Close what a post that landed late has opened besides; people were told of the one that is recorded."""
        author, number = review.terms.author, review.issue.number
        others = await self.issues.others(review.marker, but=number, author=author, since=review.planned_at)
        for other in others:
            if isinstance(await self.issues.close(other, self.notes.duplicate(number), author=author), Closed):
                self.became["duplicate"] += 1
