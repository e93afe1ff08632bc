"""What ``aftercare doctor`` looks at for gitops-issue: that Gitea shows the token the issues of the repository."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from functions.gitops_issue.drafts import Draft
from functions.gitops_issue.gitea import forge_of
from functions.gitops_issue.issues import Postponed
from functions.gitops_issue.settings import Settings
from shared.adapters.http import HttpClient
from shared.adapters.system import SystemClock
from shared.commands.findings import Check, Findings, ok, unset, wrong

_OF_NO_PLAN: Final = Draft("", "", "aftercare doctor looks for no issue")


def checks(environ: Mapping[str, str]) -> list[Check]:
    """One, which reads and opens nothing.

    Raises:
        ConfigurationError: the settings are wrong.
    """
    settings = Settings.load(environ)
    return [Check("gitea", lambda: _gitea(settings))]


async def _gitea(settings: Settings) -> Findings:
    clock = SystemClock()
    async with HttpClient() as http:
        forge = forge_of(settings, http, clock)
        if forge is None:
            yield unset("gitea", "GITEA_API_URL is not set: risky plans wait, and no issue is opened")
            return
        found = await forge.find(_OF_NO_PLAN, since=clock.now())
    if isinstance(found, Postponed):
        yield wrong("gitea", "does not show the repository's issues", f"{found.why[0].upper()}{found.why[1:]}.")
    else:
        yield ok("gitea", "shows the token the repository's issues")
