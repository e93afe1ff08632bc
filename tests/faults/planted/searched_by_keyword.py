"""gitops-issue that looks for an issue by Gitea's search, and takes the first hit.

An issue whose answer was lost is not in the index yet, and is opened again; or the index has another plan's, about the
same target and with the same title.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from functions.gitops_issue import main
from functions.gitops_issue.core.approvals import seal
from functions.gitops_issue.drafts import Draft
from functions.gitops_issue.handler import create_handler
from functions.gitops_issue.issues import Absent, Opened
from functions.gitops_issue.model import ACCEPTS, FUNCTION, REQUEST_TYPE
from shared.adapters.endpoints import Endpoint
from shared.adapters.http import HttpClient
from shared.domain.remediations import ReviewIssue
from shared.runtime.requests import EventReader
from shared.runtime.serving import Route, serve


class SearchedForge:
    """A forge that has a simpler way to find an issue again."""

    def __init__(self, sound: Any, issues: Endpoint) -> None:
        self._sound = sound
        self._issues = issues

    def __getattr__(self, name: str) -> Any:
        """Everything else as it ships."""
        return getattr(self._sound, name)

    async def find(self, draft: Draft, *, since: datetime) -> Opened | Absent:  # noqa: ARG002 - the port's
        """Search for the title."""
        answer = await self._issues.get(params={"q": draft.title, "state": "all", "type": "issues"})
        hits = json.loads(answer.body)
        if not hits:
            return Absent()
        issue = ReviewIssue(number=hits[0]["number"], url=hits[0]["html_url"])
        return Opened(issue, seal(draft.title, draft.body), hits[0]["user"]["login"])


settings = main.settings
assert settings.gitea_api_token is not None
asking = {"authorization": f"token {settings.gitea_api_token.get_secret_value()}"}
url = f"{settings.gitea_api_url}/api/v1/repos/{settings.gitea_repo_owner}/{settings.gitea_repo_name}/issues"
forge = SearchedForge(main.ports.forge, Endpoint(http=HttpClient(), url=url, authorize=lambda: asking))
read = EventReader(ACCEPTS, request_type=REQUEST_TYPE, ticks=True)
handle = serve(FUNCTION, settings, {"/": Route(read=read, use_case=create_handler(replace(main.ports, forge=forge)))})
