"""Two people, or nobody: what people wrote below an issue amounts to.

Who wrote what is the forge's word and never an event's. An approval counts for exactly the text that was opened: it
names the plan, and an issue whose text has changed is void, whoever approved before. Whatever says stop outranks what
says go, and what could be a quotation approves nothing. This is a function of what was read and of the time, so a tick
that comes twice, or late, decides the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from shared.domain.events import canonical_json

APPROVERS_NEEDED: Final = 2
"""The two-person rule."""

_CODE: Final = slice(len("sha256:"), len("sha256:") + 12)
_LINE_ENDS: Final = re.compile(r"\r\n|\r|\n")
# What makes text of a comment something else than its author's own words: code blocks, HTML and its comments.
_QUOTING: Final = re.compile(r"```|~~~|<[!/a-zA-Z]")


class Verdict(StrEnum):
    """How a review ended; a closed set."""

    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    VOIDED = "voided"


@dataclass(frozen=True, slots=True)
class Comment:
    """What somebody wrote.

    Attributes:
        login: of the author; upper and lower case are one.
        body: Markdown.
        is_edited: it is not what was written first, or nobody knows by whom.
    """

    login: str
    body: str
    is_edited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """An issue as it is now, with its comments in the order of writing; they were read before its text was."""

    comments: Sequence[Comment]
    seal: str
    is_closed: bool


@dataclass(frozen=True, slots=True)
class Gone:
    """The issue was deleted: its repository is there, and it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a verdict on a plan is bound to.

    Attributes:
        digest: of the plan.
        seal: of the issue when it was opened.
        requester: who proposed the plan, and cannot approve it.
        author: the account that opened the issue, whose word is nobody's.
        approvers: logins that may approve or reject; everybody who can comment when empty.
        expires_at: the first instant at which nothing can be approved any more.
    """

    digest: str
    seal: str
    requester: str
    author: str
    approvers: frozenset[str]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict, and by whose word: in the order of writing, as the forge spells them; nobody's for time and edits."""

    verdict: Verdict
    by: tuple[str, ...] = ()


def code_of(digest: str) -> str:
    """The digits of a digest that people write down: the first 12 of 64."""
    return digest[_CODE]


def seal(title: str, body: str) -> str:
    """A hash of an issue's text; ends of lines and of the text may differ, as forges differ in them."""
    lines = [title.strip(), *(line.rstrip() for line in _LINE_ENDS.split(body.rstrip()))]
    return hashlib.sha256(canonical_json(lines)).hexdigest()


def judge(terms: Terms, reading: Reading | Gone | None, *, at: datetime) -> Decision | None:
    """The verdict on a plan; None while people may still decide.

    Args:
        terms: what it is bound to.
        reading: the issue; None when it could not be read, which never holds up the end of its time. Whoever deletes it
            has stopped its plan, whatever was said there.
        at: the time of the reading, of the same clock as ``expires_at``.
    """
    is_over = at >= terms.expires_at
    if reading is None:
        return Decision(Verdict.EXPIRED) if is_over else None
    return Decision(Verdict.REJECTED) if isinstance(reading, Gone) else _judge_read(terms, reading, is_over=is_over)


def _judge_read(terms: Terms, reading: Reading, *, is_over: bool) -> Decision | None:
    if reading.seal != terms.seal:
        return Decision(Verdict.VOIDED)
    if against := _rejecting(terms, reading.comments):
        return Decision(Verdict.REJECTED, against)
    if is_over:
        return Decision(Verdict.EXPIRED)
    if len(agreeing := _approving(terms, reading.comments)) >= APPROVERS_NEEDED:
        return Decision(Verdict.APPROVED, agreeing)
    return Decision(Verdict.REJECTED) if reading.is_closed else None


def _approving(terms: Terms, comments: Sequence[Comment]) -> tuple[str, ...]:
    line = f"/approve {code_of(terms.digest)}"
    requester = terms.requester.lower().removeprefix("@")
    return _distinct(
        comment.login
        for comment in _heard(terms, comments)
        if comment.login.lower() != requester and _has(comment, line) and not _QUOTING.search(comment.body)
    )


def _rejecting(terms: Terms, comments: Sequence[Comment]) -> tuple[str, ...]:
    line = f"/reject {code_of(terms.digest)}"
    return _distinct(comment.login for comment in _heard(terms, comments) if _has(comment, line))


def _heard(terms: Terms, comments: Sequence[Comment]) -> Iterator[Comment]:
    allowed = {login.lower() for login in terms.approvers}
    for comment in comments:
        login = comment.login.lower()
        if not comment.is_edited and login != terms.author.lower() and (not allowed or login in allowed):
            yield comment


def _has(comment: Comment, line: str) -> bool:
    return any(each.rstrip(" \t") == line for each in _LINE_ENDS.split(comment.body))


def _distinct(logins: Iterator[str]) -> tuple[str, ...]:
    """Each person once, as they were spelled first."""
    found: dict[str, str] = {}
    for login in logins:
        found.setdefault(login.lower(), login)
    return tuple(found.values())
