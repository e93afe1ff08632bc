"""gitops-issue as it is deployed, killed with -9 while it waits for Gitea: still exactly one issue."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path

import httpx
import pytest

from shared.local.processes import Program, Supervisor
from shared.local.simulators.gitea import GiteaSimulator
from shared.local.simulators.gitea_issues import Loss
from shared.testing.gitops import remediation_proposed
from tests.senders import STRUCTURED, structured, tick
from tests.tables import reading

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 20.0
NAME = "gitops-issue"
EVENT = remediation_proposed()


def program(folder, database_url, gitea_url):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    env = {
        "PATH": os.environ["PATH"],
        "APP_BIND": address,
        "FUNCTION_SOURCE": "functions/gitops_issue/main.py",
        "FUNCTION_TARGET": "handle",
        "AUTH_MODE": "network",
        "DATABASE_URL": database_url,
        "GITEA_API_URL": gitea_url,
        "GITEA_API_TOKEN": "token",
        "GITEA_REPO_OWNER": "sre",
        "GITEA_REPO_NAME": "changes",
        "GITEA_ISSUE_LABELS": "risk",
        "LOCALE": "zh-TW",
    }
    argv = [sys.executable, "-m", "gunicorn", "-c", "shared/runtime/gunicorn_conf.py", "functions_framework.aio:app"]
    url = f"http://{address}"
    return url, Program(name=NAME, argv=argv, log=folder / "log", env=env, cwd=ROOT, ready=f"{url}/readyz")


async def killed_while(http, supervisor, waits, request):
    """Send a request, and kill whoever handles it as soon as it waits."""
    sending = asyncio.create_task(http.post("/", **request))
    async with asyncio.timeout(PATIENCE_S):
        while not waits():  # noqa: ASYNC110 - Gitea has no event for it
            await asyncio.sleep(0.01)
    await asyncio.to_thread(supervisor.kill9, NAME)
    with pytest.raises(httpx.TransportError):
        await sending
    await asyncio.to_thread(supervisor.restart, NAME)


async def test_killed_while_it_posts_it_opens_one_issue(tmp_path, database_url):
    gitea = GiteaSimulator()
    gitea.add_label("risk")
    async with gitea.serving() as gitea_url:
        url, function = program(tmp_path, database_url, gitea_url)
        with Supervisor() as supervisor, reading(database_url) as rows:
            await asyncio.to_thread(supervisor.start, function)

            async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE_S) as http:
                gitea.losses.append(Loss())  # the issue is opened, and the answer never comes
                await killed_while(http, supervisor, lambda: gitea.issues, structured(EVENT))
                assert rows("SELECT state FROM effects") == [["sending"]]
                rows("UPDATE effects SET lease_until = lease_until - interval '1 hour'")
                assert (await http.post("/", **tick())).status_code == 204
                answer = await http.post("/", **structured(EVENT))

    (issue,) = gitea.issues
    assert (answer.status_code, answer.headers["content-type"]) == (200, STRUCTURED)
    assert answer.json()["data"]["issue"]["number"] == issue.number
    assert issue.labels == [1]
    assert "審查步驟" in issue.body
