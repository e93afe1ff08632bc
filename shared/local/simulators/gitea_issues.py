"""What the simulated Gitea has and takes: issues, the requests that make them, and answers that get lost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Self

_WAYS: Final = ("hang", "cut", "error")
_TYPES: Final = {"title": str, "body": str, "assignees": list, "labels": list}


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
class Issue:
    """An issue, or a pull request, which Gitea numbers and lists along with them."""

    number: int
    title: str
    body: str
    labels: list[int] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)
    state: str = "open"
    is_pull: bool = False
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


class Refusal(Exception):
    """Gitea would refuse this, with that status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def bound(body: bytes) -> dict[str, Any]:
    """An issue as it is posted; Go's decoder takes no other types, and ignores what it does not know.

    Raises:
        Refusal: Gitea would not take it.
    """
    try:
        given = json.loads(body)
    except ValueError:
        raise Refusal(422, "[]: invalid character looking for beginning of value") from None
    if not isinstance(given, dict):
        raise Refusal(422, "[]: json: cannot unmarshal into Go value of type api.CreateIssueOption")
    for name, kind in _TYPES.items():
        if given.get(name) is not None and not isinstance(given[name], kind):
            raise Refusal(422, f"[]: json: cannot unmarshal into Go struct field CreateIssueOption.{name}")
    if not all(type(label) is int for label in given.get("labels") or []):
        raise Refusal(422, "[]: json: cannot unmarshal string into Go struct field CreateIssueOption.labels of int64")
    if not given.get("title"):
        raise Refusal(422, "[Title]: Required")
    return given


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
