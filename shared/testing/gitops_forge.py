"""A forge in memory, behind the port of gitops-issue."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from functions.gitops_issue.core.approvals import Comment, Gone, Reading, seal
from functions.gitops_issue.drafts import Draft, Note
from functions.gitops_issue.issues import Absent, Opened, Postponed, Refused, Uncertain
from functions.gitops_issue.reviewing import Closed
from shared.domain.ports import Clock
from shared.domain.remediations import ReviewIssue

AUTHOR: Final = "aftercare"
_DOWN: Final = Postponed("Gitea is down")


@dataclass(slots=True)
class Issue:
    """One issue."""

    title: str
    body: str
    at: datetime
    author: str = AUTHOR
    is_closed: bool = False
    is_deleted: bool = False
    comments: list[Comment] = field(default_factory=list)


class MemoryForge:
    """See :class:`functions.gitops_issue.handler.Forge`.

    Attributes:
        issues: all of them, in order.
        next: what the next posts come to; one that is Uncertain opens the issue nevertheless, unless it is lost.
        lost: whether uncertain posts never arrive.
        down: whether nothing can be asked.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.issues: list[Issue] = []
        self.next: deque[Postponed | Refused | Uncertain] = deque()
        self.lost = False
        self.down = False

    def say(self, number: int, login: str, body: str) -> None:
        """Let somebody comment."""
        self.issues[number - 1].comments.append(Comment(login, body))

    def reword(self, number: int, place: int, body: str) -> None:
        """Let somebody edit a comment."""
        comments = self.issues[number - 1].comments
        comments[place] = replace(comments[place], body=body, is_edited=True)

    async def open(self, draft: Draft, *, before: float) -> Opened | Postponed | Refused | Uncertain:
        """Post the issue."""
        if self.down or self._clock.monotonic() >= before:
            return _DOWN
        outcome = self.next.popleft() if self.next else None
        if outcome is None or (isinstance(outcome, Uncertain) and not self.lost):
            self.issues.append(Issue(draft.title, draft.body, self._clock.now()))
        return outcome or self._opened(len(self.issues), draft)

    async def find(self, draft: Draft, *, since: datetime) -> Opened | Postponed | Absent:
        """Look for the issue."""
        if self.down:
            return _DOWN
        numbers = [
            number
            for number, issue in enumerate(self.issues, 1)
            if draft.marker in issue.body and issue.at >= since and not issue.is_deleted
        ]
        return self._opened(numbers[0], draft) if numbers else Absent()

    async def read(self, number: int) -> Reading | Gone | Postponed:
        """An issue with its comments."""
        if self.down:
            return _DOWN
        issue = self.issues[number - 1]
        if issue.is_deleted:
            return Gone()
        return Reading(comments=list(issue.comments), seal=seal(issue.title, issue.body), is_closed=issue.is_closed)

    async def others(self, marker: str, *, but: int, author: str, since: datetime) -> Sequence[int]:
        """Open issues by that author with that marker, but one."""
        if self.down:
            return []
        return [
            number
            for number, issue in enumerate(self.issues, 1)
            if number != but
            and not issue.is_deleted
            and marker in issue.body
            and issue.author == author
            and issue.at >= since
            and not issue.is_closed
        ]

    async def close(self, number: int, note: Note, *, author: str) -> Closed | Gone | Postponed:
        """Close an issue, after saying why."""
        if self.down:
            return _DOWN
        issue = self.issues[number - 1]
        if issue.is_deleted:
            return Gone()
        if not any(note.marker in comment.body and comment.login == author for comment in issue.comments):
            issue.comments.append(Comment(AUTHOR, note.body))
        issue.is_closed = True
        return Closed()

    def _opened(self, number: int, draft: Draft) -> Opened:
        url = f"http://gitea/sre/changes/issues/{number}"
        return Opened(
            ReviewIssue(number=number, url=url), seal(draft.title, draft.body), self.issues[number - 1].author
        )
