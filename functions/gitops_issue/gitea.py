"""Gitea's issues, by its API.

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

from functions.gitops_issue.drafts import Draft
from functions.gitops_issue.issues import Absent, Opened, Postponed, Refused, Uncertain
from functions.gitops_issue.settings import Settings
from shared.adapters.endpoints import Endpoint, parsed
from shared.adapters.http import HttpClient
from shared.domain.calls import CallFailed, FailureKind
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
_NOT_NOW: Final = {
    HTTPStatus.UNAUTHORIZED: "Gitea does not know the token (401); set GITEA_API_TOKEN",
    HTTPStatus.FORBIDDEN: "Gitea does not let the token open issues (403); give it the scope write:issue",
    HTTPStatus.NOT_FOUND: "Gitea shows the token no such repository with issues (404); check GITEA_REPO_OWNER and NAME",
    HTTPStatus.LOCKED: "the repository is archived (423); choose another one by GITEA_REPO_NAME",
    HTTPStatus.TOO_MANY_REQUESTS: "Gitea asks to come back later (429)",
}
_NOT_THIS: Final = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Gitea, or a proxy before it, does not take an issue of this size (413)",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "what answers at GITEA_API_URL does not take JSON (415)",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Gitea refuses the issue (422); check that GITEA_ISSUE_ASSIGNEES exist there",
}
_UNREACHED: Final = {
    FailureKind.DENIED: "Gitea does not accept the token; set GITEA_API_TOKEN, with the scope write:issue",
    FailureKind.NOT_FOUND: _NOT_NOW[HTTPStatus.NOT_FOUND],
}


class _Label(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    id: int
    name: str


class _Issue(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    number: int
    html_url: str = Field(pattern=r"^https?://")
    body: str = ""

    @property
    def review(self) -> ReviewIssue:
        return ReviewIssue(number=self.number, url=self.html_url)


_Labels = RootModel[list[_Label]]
_Issues = RootModel[list[_Issue]]


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

    async def find(self, marker: str, *, since: datetime) -> Opened | Postponed | Absent:
        """Look for the issue among all that were touched since it was planned; the oldest, if there are several."""
        earliest = (since - _CLOCKS_DIFFER).astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        params = {"state": "all", "type": "issues", "since": earliest}
        try:
            found = await self._collect(_Issues, "/issues", params, lambda issue: marker in issue.body)
        except CallFailed as failed:
            return Postponed(_why(failed))
        return Opened(min(found, key=lambda issue: issue.number).review) if found else Absent()

    async def _post(self, issue: dict[str, Any]) -> Opened | Postponed | Refused | Uncertain:
        try:
            answer = await self._endpoint.send("POST", f"{self._path}/issues", issue)
            if answer.status == HTTPStatus.CREATED:
                return Opened(parsed(_Issue, answer.body).review)
        except CallFailed as failed:
            return Uncertain(f"Gitea's answer to the issue was lost ({failed.kind})")
        if answer.status in _NOT_NOW:
            return Postponed(_NOT_NOW[HTTPStatus(answer.status)])
        if answer.status in _NOT_THIS:
            return Refused(_NOT_THIS[HTTPStatus(answer.status)])
        return Uncertain(f"Gitea answered {answer.status} to the issue")

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


def _why(failed: CallFailed) -> str:
    return _UNREACHED.get(failed.kind, f"Gitea cannot be asked ({failed.kind}); it is tried again")
