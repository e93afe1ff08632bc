"""A Gitea that has one private repository with issues and labels.

As a process::

    python -m shared.local.simulators.gitea --port 3000 --repository sre/changes --token secret

``PUT /_simulator/labels`` and ``/_simulator/users`` take names; ``POST /_simulator/losses`` takes the fields of
:class:`Loss`: what happens to the answers of the next posts, after the issue is there; ``POST /_simulator/comments``
lets somebody comment, by ``number``, ``login`` and ``body``. ``GET /_simulator/issues`` shows all issues without a
token.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from shared.local.simulators.gitea_answers import broken_off, page, refused
from shared.local.simulators.gitea_issues import (
    COMMENT,
    CREATE,
    EDIT,
    Comment,
    Issue,
    Loss,
    Refusal,
    bound,
    instant,
)
from shared.local.simulators.simulator import CONTROL, Simulator, options

if TYPE_CHECKING:
    from starlette.requests import Request

Endpoint = Callable[["Request"], Awaitable[Response]]

_LONGEST_TITLE: Final = 255
_OWN_LOGIN: Final = "aftercare"
_STATES: Final = {"all": ("open", "closed"), "closed": ("closed",)}


class GiteaSimulator(Simulator):
    """The part of Gitea's API that is about issues.

    Attributes:
        issues: all of them, in order.
        labels: by name.
        users: who exists and may be assigned.
        losses: what becomes of the next posts.
        scopes: of the token.
        archived: whether the repository takes no more issues.
        indexed: how many issues the search by keyword knows: the index is fed later.
    """

    name = "gitea"

    def __init__(self, *, owner: str = "sre", repository: str = "changes", token: str = "token") -> None:  # noqa: S107 - not one of anything real
        super().__init__()
        self._owner, self._repository, self._token = owner, repository, token
        self.issues: list[Issue] = []
        self.labels: dict[str, int] = {}
        self.users: set[str] = set()
        self.losses: deque[Loss] = deque()
        self.scopes = {"read:issue", "write:issue"}
        self.archived = False
        self.indexed = 0

    def add_label(self, name: str) -> None:
        """Let the repository have a label."""
        self.labels.setdefault(name, len(self.labels) + 1)

    def add_issue(self, title: str, body: str = "", **changes: Any) -> Issue:
        """Let somebody else open an issue."""
        issue = Issue(number=len(self.issues) + 1, title=title, body=body, **changes)
        self.issues.append(issue)
        return issue

    def add_comment(self, issue: Issue, login: str, body: str) -> Comment:
        """Let somebody comment."""
        comment = Comment(id=sum(len(each.comments) for each in self.issues) + 1, login=login, body=body)
        issue.comments.append(comment)
        return comment

    def problem(self, status: int) -> Response:
        """A message, and where the API is described."""
        return refused(status, f"it was told to answer {status}")

    def routes(self) -> Sequence[BaseRoute]:
        """Issues and labels of the repository."""
        path = "/api/v1/repos/{owner}/{repository}"
        issue = f"{path}/issues/{{number:int}}"
        return [
            Route(f"{path}/issues", self._guarded(self._list, "read:issue"), methods=["GET"]),
            Route(f"{path}/issues", self._guarded(self._post, "write:issue"), methods=["POST"]),
            Route(issue, self._guarded(self._get, "read:issue"), methods=["GET"]),
            Route(issue, self._guarded(self._patch, "write:issue"), methods=["PATCH"]),
            Route(f"{issue}/comments", self._guarded(self._list_comments, "read:issue"), methods=["GET"]),
            Route(f"{issue}/comments", self._guarded(self._comment, "write:issue"), methods=["POST"]),
            Route(f"{path}/labels", self._guarded(self._list_labels, "read:issue"), methods=["GET"]),
        ]

    def controls(self) -> Sequence[BaseRoute]:
        """What it has, and what goes wrong after a post."""
        return [
            Route(f"{CONTROL}/labels", self._put_labels, methods=["PUT"]),
            Route(f"{CONTROL}/users", self._put_users, methods=["PUT"]),
            Route(f"{CONTROL}/losses", self._add_loss, methods=["POST"]),
            Route(f"{CONTROL}/comments", self._let_comment, methods=["POST"]),
            Route(f"{CONTROL}/issues", self._show, methods=["GET"]),
        ]

    def _guarded(self, endpoint: Endpoint, scope: str) -> Endpoint:
        """The checks that come before an endpoint, in Gitea's order: token, scope, repository, archive."""

        async def guarded(request: Request) -> Response:
            try:
                self._check(request, scope)
                return await endpoint(request)
            except Refusal as refusal:
                return refused(refusal.status, str(refusal))

        return guarded

    def _check(self, request: Request, scope: str) -> None:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        is_reading = scope.startswith("read:")
        if kind.lower() in ("token", "bearer"):
            if token != self._token:
                raise Refusal(401, "invalid username, password or token")
            if not ({scope, scope.replace("read:", "write:")} & self.scopes):
                raise Refusal(403, f"token does not have at least one of required scope(s): [{scope}]")
        elif not is_reading:
            raise Refusal(401, "token is required")
        path = request.path_params
        is_here = (path["owner"].lower(), path["repository"].lower()) == (self._owner.lower(), self._repository.lower())
        if not is_here or not token:  # to a stranger, a private repository does not exist
            raise Refusal(404, "The target couldn't be found.")
        if self.archived and not is_reading:
            raise Refusal(423, f"repository {self._owner}/{self._repository} is archived")

    async def _list(self, request: Request) -> Response:
        asked = request.query_params
        states = _STATES.get(asked.get("state", ""), ("open",))
        pulls = {"pulls": (True,), "issues": (False,)}.get(asked.get("type", ""), (True, False))
        since, before = instant(asked.get("since")), instant(asked.get("before"))
        keyword = asked.get("q", "").strip()
        known = self.issues[: self.indexed] if keyword else self.issues
        found = [
            issue
            for issue in reversed(known)
            if not issue.is_deleted
            and issue.state in states
            and issue.is_pull in pulls
            and (since is None or issue.at >= since)
            and (before is None or issue.at <= before)
            and issue.mentions(keyword)
        ]
        return page(request, [self._shown(issue, request) for issue in found])

    async def _post(self, request: Request) -> Response:
        given = bound(await request.body(), CREATE)
        self._check_assignees(given.get("assignees") or [])
        loss = self.losses.popleft() if self.losses else None
        if loss is not None:
            await asyncio.sleep(loss.late_s)
        own = set(self.labels.values())
        issue = self.add_issue(
            given["title"][:_LONGEST_TITLE],
            given.get("body") or "",
            labels=[id_ for id_ in given.get("labels") or [] if id_ in own],  # those of others are left out
            assignees=list(given.get("assignees") or []),
        )
        return JSONResponse(self._shown(issue, request), 201) if loss is None else await self._lost(loss, request)

    async def _lost(self, loss: Loss, request: Request) -> Response:
        if loss.how == "error":
            return self.problem(loss.status)
        if loss.how == "cut":
            return StreamingResponse(broken_off(), 201, headers={"content-length": "1000"})
        while not await request.is_disconnected():  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.01)
        return Response(status_code=499)

    async def _get(self, request: Request) -> Response:
        return JSONResponse(self._shown(self._issue(request, or_else=404), request))

    async def _patch(self, request: Request) -> Response:
        issue = self._issue(request, or_else=404)
        given = bound(await request.body(), EDIT)
        issue.edit(**{name: given[name] for name in ("title", "body", "state") if given.get(name) is not None})
        return JSONResponse(self._shown(issue, request), 201)

    async def _list_comments(self, request: Request) -> Response:
        """All of them: Gitea gives no pages here, and fails where there is no issue."""
        issue = self._issue(request, or_else=500)
        since, before = instant(request.query_params.get("since")), instant(request.query_params.get("before"))
        found = [
            comment.shown()
            for comment in issue.comments
            if (since is None or comment.updated_at >= since) and (before is None or comment.updated_at <= before)
        ]
        return JSONResponse(found, headers={"x-total-count": str(len(found))})

    async def _comment(self, request: Request) -> Response:
        issue = self._issue(request, or_else=500)
        if issue.is_locked:
            raise Refusal(403, "This issue has been locked. Only users with write access can comment.")
        given = bound(await request.body(), COMMENT)
        return JSONResponse(self.add_comment(issue, _OWN_LOGIN, given["body"]).shown(), 201)

    def _issue(self, request: Request, *, or_else: int) -> Issue:
        """The issue of that number, or what Gitea answers when there is none."""
        number = request.path_params["number"]
        issue = next((issue for issue in self.issues if issue.number == number and not issue.is_deleted), None)
        if issue is None:
            raise Refusal(or_else, f"issue does not exist [id: 0, repo_id: 1, index: {number}]")
        return issue

    async def _list_labels(self, request: Request) -> Response:
        return page(request, [{"id": id_, "name": name, "color": "cccccc"} for name, id_ in self.labels.items()])

    async def _put_labels(self, request: Request) -> Response:
        for name in await request.json():
            self.add_label(name)
        return Response(status_code=204)

    async def _put_users(self, request: Request) -> Response:
        self.users |= set(await request.json())
        return Response(status_code=204)

    async def _add_loss(self, request: Request) -> Response:
        try:
            self.losses.append(Loss.parse(await request.json()))
        except (TypeError, json.JSONDecodeError):
            return Response("A loss is an object of how, status and late_s\n", 400)
        return Response(status_code=204)

    async def _let_comment(self, request: Request) -> Response:
        try:
            given = await request.json()
            issue = next(issue for issue in self.issues if issue.number == given["number"])
            self.add_comment(issue, given["login"], given["body"])
        except (KeyError, TypeError, StopIteration, json.JSONDecodeError):
            return Response("A comment is an object of number, login and body\n", 400)
        return Response(status_code=204)

    async def _show(self, request: Request) -> Response:
        return JSONResponse([self._shown(issue, request) for issue in self.issues])

    def _check_assignees(self, assignees: Sequence[str]) -> None:
        unknown = next((login for login in assignees if login not in self.users), None)
        if unknown is not None:
            raise Refusal(422, f"Assignee does not exist: [name: {unknown}]")

    def _shown(self, issue: Issue, request: Request) -> dict[str, Any]:
        place = f"repos/{self._owner}/{self._repository}/issues/{issue.number}"
        at = issue.at.isoformat(timespec="seconds").replace("+00:00", "Z")
        return {
            "id": issue.number + 100,
            "url": f"{request.base_url}api/v1/{place}",
            "html_url": f"{request.base_url}{place.removeprefix('repos/')}",
            "number": issue.number,
            "user": {"id": 1, "login": issue.login},
            "title": issue.title,
            "body": issue.body,
            "labels": [{"id": id_, "name": name} for name, id_ in self.labels.items() if id_ in issue.labels],
            "assignees": [{"login": login} for login in issue.assignees] or None,
            "state": issue.state,
            "comments": len(issue.comments),
            "created_at": at,
            "updated_at": at,
            "closed_at": None,
            "pull_request": {"merged": False, "merged_at": None} if issue.is_pull else None,
        }


def main() -> None:
    """Run as a process."""
    chosen = options(
        "A Gitea that is not there.",
        ("--repository", {"default": "sre/changes", "help": "its only one, as owner/name"}),
        ("--token", {"default": "token", "help": "the only one it knows"}),
    )
    owner, _, repository = chosen.repository.partition("/")
    GiteaSimulator(owner=owner, repository=repository, token=chosen.token).run(chosen)


if __name__ == "__main__":
    main()
