"""Gitea's issues, by its API: opened, found again, read back, closed.

Labels are looked up before anything is posted. It costs a request, and tells a Gitea that is down, or that refuses our
token, apart from one that lost our post. Nothing is searched by keyword: that asks an index which is fed later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, RootModel

from functions.gitops_issue.core.approvals import Comment, Gone, Reading, seal
from functions.gitops_issue.drafts import Draft, Note
from functions.gitops_issue.issues import Absent, Opened, Postponed, Refused, Uncertain
from functions.gitops_issue.reviewing import Closed
from functions.gitops_issue.settings import Settings
from shared.adapters.endpoints import Endpoint, parsed
from shared.adapters.http import Answer, HttpClient
from shared.domain.calls import CallFailed, FailureKind
from shared.domain.contract import Id
from shared.domain.ports import Clock
from shared.domain.remediations import ReviewIssue

M = TypeVar("M", bound=BaseModel)

_API: Final = "/api/v1"
# Small pages: an answer is read up to a limit, and anyone may write a long issue.
_PAGE: Final = 20
_MOST_PAGES: Final = 500
# An issue counts from when Gitea's clock says it was updated, which may go wrong by less than a day.
_CLOCKS_DIFFER: Final = timedelta(days=1)

# What Gitea answers before it writes an issue. 400 is not among these: some releases answer it for an assignee after
# the issue is there, as they answer 500. Neither is 408, 409 or 412, which they do not answer here at all.
_NOT_NOW: Final[Mapping[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "Gitea does not know the token (401); set GITEA_API_TOKEN",
    HTTPStatus.FORBIDDEN: "Gitea does not let the token open issues (403); give it the scope write:issue",
    HTTPStatus.NOT_FOUND: "Gitea shows the token no such repository with issues (404); check GITEA_REPO_OWNER and NAME",
    HTTPStatus.LOCKED: "the repository is archived (423); choose another one by GITEA_REPO_NAME",
    HTTPStatus.TOO_MANY_REQUESTS: "Gitea asks to come back later (429)",
}
_NOT_CLOSED: Final[Mapping[int, str]] = {
    **_NOT_NOW,
    HTTPStatus.FORBIDDEN: "Gitea does not let the token close issues (403); let its user write to the repository",
    HTTPStatus.PRECONDITION_FAILED: "the issue depends on another one that is open (412); close that first",
}
_NOT_THIS: Final = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Gitea, or a proxy before it, does not take an issue of this size (413)",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "what answers at GITEA_API_URL does not take JSON (415)",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Gitea refuses the issue (422); check that GITEA_ISSUE_ASSIGNEES exist there",
}
_MISSING: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
_UNREACHED: Final = {
    FailureKind.DENIED: "Gitea does not accept the token; set GITEA_API_TOKEN, with the scope write:issue",
    FailureKind.NOT_FOUND: _NOT_NOW[HTTPStatus.NOT_FOUND],
}


class _Label(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    id: int
    name: str


class _User(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    id: int
    login: Id


class _Issue(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    number: int
    html_url: str = Field(pattern=r"^https?://")
    user: _User
    title: str
    body: str = ""
    state: str

    @property
    def seal(self) -> str:
        return seal(self.title, self.body)

    @property
    def review(self) -> ReviewIssue:
        return ReviewIssue(number=self.number, url=self.html_url)


class _Comment(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    user: _User
    body: str
    created_at: str
    updated_at: str

    @property
    def is_of_somebody(self) -> bool:
        """Whether its author still exists: all who do not are one user, with a number below zero."""
        return self.user.id > 0

    @property
    def said(self) -> Comment:
        return Comment(self.user.login, self.body, is_edited=self.created_at != self.updated_at)


_Labels = RootModel[list[_Label]]
_Issues = RootModel[list[_Issue]]
_Comments = RootModel[list[_Comment]]


class GiteaForge:
    """See :class:`functions.gitops_issue.handler.Forge`.

    Args:
        endpoint: Gitea's API, up to ``/api/v1``.
        owner: of the repository.
        repository: its name.
        clock: for the time by which a post must have begun.
        labels: by name; those that the repository does not have are left out.
        assignees: by login.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        owner: str,
        repository: str,
        clock: Clock,
        labels: Sequence[str] = (),
        assignees: Sequence[str] = (),
    ) -> None:
        self._endpoint = endpoint
        self._path = f"/repos/{quote(owner, safe='')}/{quote(repository, safe='')}"
        self._clock = clock
        self._labels = frozenset(labels)
        self._assignees = list(assignees)

    async def open(self, draft: Draft, *, before: float) -> Opened | Postponed | Refused | Uncertain:
        """Post the issue, once."""
        try:
            labels = await self._collect(_Labels, "/labels", {}, lambda label: label.name in self._labels)
        except CallFailed as failed:
            return Postponed(_why(failed))
        if self._clock.monotonic() >= before:
            return Postponed("there was not enough time left to post the issue")
        numbers = [label.id for label in labels]
        issue = {"title": draft.title, "body": draft.body, "labels": numbers, "assignees": self._assignees}
        return await self._post(issue)

    async def find(self, draft: Draft, *, since: datetime) -> Opened | Postponed | Absent:
        """Look for the issue among all that were touched since it was planned; the oldest, if there are several."""
        try:
            found = await self._marked(draft.marker, state="all", since=since)
        except CallFailed as failed:
            return Postponed(_why(failed))
        if not found:
            return Absent()
        issue = min(found, key=lambda issue: issue.number)
        # Nobody saw it when it was opened, and it may have been edited since: it must be what was to be opened.
        return Opened(issue.review, seal(draft.title, draft.body), issue.user.login)

    async def read(self, number: int) -> Reading | Gone | Postponed:
        """The comments, then the issue: whoever approved before an edit is not read as if after it."""
        path = f"{self._path}/issues/{number}"
        try:
            comments = (await self._endpoint.ask(_Comments, f"{path}/comments")).root
            issue = await self._endpoint.ask(_Issue, path)
        except CallFailed as failed:
            return await self._without(path, failed)
        said = [comment.said for comment in comments if comment.is_of_somebody]
        return Reading(comments=said, seal=issue.seal, is_closed=issue.state == "closed")

    async def others(self, marker: str, *, but: int, author: str, since: datetime) -> list[int]:
        """Open issues by that author with that marker, but one; none when Gitea cannot be asked."""
        try:
            found = await self._marked(marker, state="open", since=since)
        except CallFailed:
            return []
        return sorted(issue.number for issue in found if issue.number != but and issue.user.login == author)

    async def close(self, number: int, note: Note, *, author: str) -> Closed | Gone | Postponed:
        """Close an issue, after saying why; what is said already, or is not let be said, does not keep it open."""
        path = f"{self._path}/issues/{number}"
        try:
            comments = (await self._endpoint.ask(_Comments, f"{path}/comments")).root
            if not any(note.marker in comment.body and comment.user.login == author for comment in comments):
                said = await self._endpoint.send("POST", f"{path}/comments", {"body": note.body})
                if said.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    return Postponed(f"Gitea answered {said.status} to a comment; it is tried again")
            return _closed(await self._endpoint.send("PATCH", path, {"state": "closed"}))
        except CallFailed as failed:
            return await self._without(path, failed)

    async def _without(self, path: str, failed: CallFailed) -> Gone | Postponed:
        """What it means that an issue cannot be had: Gitea answers 500 for the comments of one that was deleted.

        A 404 alone does not say so: all of a repository that is not shown to the token is one. So the list must be.
        """
        postponed = Postponed(_why(failed))
        if failed.kind is FailureKind.TIMEOUT:
            return postponed
        try:
            answer = await self._endpoint.get(path)
            if answer.status not in _MISSING:
                return postponed
            await self._endpoint.ask(_Issues, f"{self._path}/issues", {"limit": "1"})
        except CallFailed:
            return postponed
        return Gone()

    async def _post(self, issue: dict[str, Any]) -> Opened | Postponed | Refused | Uncertain:
        try:
            answer = await self._endpoint.send("POST", f"{self._path}/issues", issue)
            if answer.status == HTTPStatus.CREATED:
                opened = parsed(_Issue, answer.body)
                return Opened(opened.review, opened.seal, opened.user.login)
        except CallFailed as failed:
            return Uncertain(f"Gitea's answer to the issue was lost ({failed.kind})")
        if answer.status in _NOT_NOW:
            return Postponed(_NOT_NOW[answer.status])
        if answer.status in _NOT_THIS:
            return Refused(_NOT_THIS[HTTPStatus(answer.status)])
        return Uncertain(f"Gitea answered {answer.status} to the issue")

    async def _marked(self, marker: str, *, state: str, since: datetime) -> list[_Issue]:
        """Issues with a marker that were touched since then.

        Raises:
            CallFailed: the list could not be read to its end.
        """
        earliest = (since - _CLOCKS_DIFFER).astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        params = {"state": state, "type": "issues", "since": earliest}
        return await self._collect(_Issues, "/issues", params, lambda issue: marker in issue.body)

    async def _collect(
        self, page: type[RootModel[list[M]]], path: str, params: Mapping[str, str], wanted: Callable[[M], bool]
    ) -> list[M]:
        """What is wanted of a list, read to its end: an empty page, since the server may give shorter ones than asked.

        Newer entries come first, so that one which is added meanwhile shifts the others to where they are still read.

        Raises:
            CallFailed: TOO_LARGE for a list that does not end, so that nobody takes what was not read for absent.
        """
        found: list[M] = []
        for number in range(1, _MOST_PAGES + 1):
            asked = {**params, "page": str(number), "limit": str(_PAGE)}
            entries = (await self._endpoint.ask(page, self._path + path, asked)).root
            if not entries:
                return found
            found += filter(wanted, entries)
        raise CallFailed(FailureKind.TOO_LARGE)


def forge_of(settings: Settings, http: HttpClient, clock: Clock) -> GiteaForge | None:
    """The forge that the settings name, if they name one."""
    url, token = settings.gitea_api_url, settings.gitea_api_token
    if url is None or token is None:
        return None
    secret = token.get_secret_value()
    endpoint = Endpoint(
        http=http,
        url=url.rstrip("/").removesuffix(_API) + _API,
        authorize=lambda: {"authorization": f"token {secret}"},
        timeout_s=settings.gitea_timeout_seconds,
    )
    return GiteaForge(
        endpoint,
        owner=settings.gitea_repo_owner or "",
        repository=settings.gitea_repo_name or "",
        clock=clock,
        labels=settings.labels,
        assignees=settings.assignees,
    )


def _closed(answer: Answer) -> Closed | Postponed:
    if answer.status in (HTTPStatus.OK, HTTPStatus.CREATED):
        return Closed()
    if answer.status in _MISSING:
        raise CallFailed(FailureKind.NOT_FOUND)
    return Postponed(_NOT_CLOSED.get(answer.status, f"Gitea answered {answer.status} to closing the issue"))


def _why(failed: CallFailed) -> str:
    return _UNREACHED.get(failed.kind, f"Gitea cannot be asked ({failed.kind}); it is tried again")
