"""What the simulated Gitea has and takes: issues, the requests that make them, and answers that get lost."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self
from zlib import crc32

_WAYS: Final = ("hang", "cut", "error")
_STATES: Final = ("open", "closed")
_LEAST: Final = timedelta(seconds=1)  # as finely as Gitea tells times


@dataclass(frozen=True, slots=True)
class Form:
    """What an endpoint binds a body to: the types of its fields, and those that must be there."""

    name: str
    types: Mapping[str, type]
    required: tuple[str, ...] = ()


CREATE: Final = Form(
    "CreateIssueOption", {"title": str, "body": str, "assignees": list, "labels": list}, required=("title",)
)
EDIT: Final = Form("EditIssueOption", {"title": str, "body": str, "state": str})
COMMENT: Final = Form("CreateIssueCommentOption", {"body": str}, required=("body",))


@dataclass(slots=True, kw_only=True)
class Loss:
    """What becomes of a post: the issue is opened, and the poster does not hear of it.

    Attributes:
        how: ``hang`` never answers, ``cut`` breaks the answer off, ``error`` answers ``status``.
        status: of an ``error``.
        late_s: seconds that pass before the issue is there.
    """

    how: str = "hang"
    status: int = 500
    late_s: float = 0.0

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Self:
        """From the control endpoint."""
        loss = cls(**given)
        if loss.how not in _WAYS:
            raise TypeError(loss.how)
        return loss


@dataclass(slots=True, kw_only=True)
class Comment:
    """What somebody wrote below an issue; one of an author who was deleted has ``Ghost`` for a login, and no user."""

    id: int
    login: str
    body: str
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.updated_at = self.created_at

    def edit(self, body: str) -> None:
        """Let somebody change it, a while later."""
        self.body, self.updated_at = body, self.updated_at + _LEAST

    def shown(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "id": self.id,
            "user": {
                "id": -1 if self.login == "Ghost" else crc32(self.login.lower().encode()) + 1,
                "login": self.login,
            },
            "body": self.body,
            "created_at": _told(self.created_at),
            "updated_at": _told(self.updated_at),
        }


@dataclass(slots=True, kw_only=True)
class Issue:
    """An issue, or a pull request, which Gitea numbers and lists along with them.

    Attributes:
        is_locked: only those who may write to the repository may comment; the token's user may not.
        depends: on another issue that is open.
        is_deleted: the API shows it no more, and gives its number to no other.
        login: of who opened it.
    """

    number: int
    title: str
    body: str
    labels: list[int] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)
    state: str = "open"
    is_pull: bool = False
    is_locked: bool = False
    depends: bool = False
    is_deleted: bool = False
    login: str = "aftercare"
    comments: list[Comment] = field(default_factory=list)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def mentions(self, keyword: str) -> bool:
        """Whether the search finds it: Gitea's own index has words, not marks, of the title, the text and comments."""
        texts = [self.title, self.body, *(comment.body for comment in self.comments)]
        return any(_words(keyword) in _words(text) for text in texts)

    def edit(self, *, title: str | None = None, body: str | None = None, state: str | None = None) -> None:
        """Change it as its form allows.

        Raises:
            Refusal: there is no such state, or not yet.
        """
        if state is not None and state not in _STATES:
            raise Refusal(412, f"unknown state: {state}")
        if state == "closed" and self.depends:
            raise Refusal(412, "cannot close this issue or pull request because it still has open dependencies")
        self.title = self.title if title is None else title
        self.body = self.body if body is None else body
        self.state = state or self.state


class Refusal(Exception):
    """Gitea would refuse this, with that status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def bound(body: bytes, form: Form) -> dict[str, Any]:
    """What is posted; Go's decoder takes no other types, and ignores what it does not know.

    Raises:
        Refusal: Gitea would not take it.
    """
    try:
        given = json.loads(body)
    except ValueError:
        raise Refusal(422, "[]: invalid character looking for beginning of value") from None
    if not isinstance(given, dict):
        raise Refusal(422, "[]: json: cannot unmarshal into Go value of type api." + form.name)
    for name, kind in form.types.items():
        if given.get(name) is not None and not isinstance(given[name], kind):
            raise Refusal(422, f"[]: json: cannot unmarshal into Go struct field {form.name}.{name}")
    if not all(type(label) is int for label in given.get("labels") or []):
        raise Refusal(422, "[]: json: cannot unmarshal string into Go struct field CreateIssueOption.labels of int64")
    for name in form.required:
        if not given.get(name):
            raise Refusal(422, f"[{name.title()}]: Required")
    return given


def _words(text: str) -> str:
    """One after the other, so that a phrase is found as a whole; every text has the empty one."""
    return " ".join(["", *re.findall(r"\w+", text.lower()), ""])


def _told(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def instant(text: str | None) -> datetime | None:
    """A time of a query.

    Raises:
        Refusal: it has no offset, or is none.
    """
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Refusal(422, f'parsing time "{text}" as "2006-01-02T15:04:05Z07:00": cannot parse')
    return at
