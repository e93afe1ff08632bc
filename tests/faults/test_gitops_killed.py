"""gitops-issue, killed with -9 at every step: still exactly one issue, and one verdict.

Once as it is deployed, while it waits for Gitea; then a real process for each step. What it leaves behind is taken up
by another one, once leases and pauses are over.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from functions.gitops_issue.core.approvals import code_of
from functions.gitops_issue.core.plans import digest
from shared.domain.events import Event, to_structured
from shared.domain.remediations import REMEDIATION_APPROVED, REMEDIATION_REVIEW_REQUESTED, RemediationProposed
from shared.local.processes import Program, Supervisor
from shared.local.simulators.gitea import GiteaSimulator
from shared.local.simulators.gitea_issues import Loss
from tests.faults.gitops_nursery import FileSink
from tests.faults.gitops_world import EVENT, SETTLE_S, TICK, a_world
from tests.senders import STRUCTURED, structured, tick
from tests.tables import cloned, reading

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 20.0
NAME = "gitops-issue"
CODE = code_of(digest(RemediationProposed.model_validate(EVENT.data)))


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

            async with httpx.AsyncClient(base_url=url, trust_env=False, verify=False, timeout=PATIENCE_S) as http:
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


@dataclass(frozen=True)
class Step:
    """Where a process dies: by a part of it and a call, before that takes effect or after, the so manieth time.

    Attributes:
        given: what has happened before.
        event: what the process handles.
        ends: the state in which the plan ends all the same.
    """

    name: str
    part: str
    call: str = ""
    after: bool = False
    nth: int = 1
    given: str = "nothing"
    event: Event = EVENT
    ends: str = "sent"


def ticking(name, part, call="", *, given, ends="sent", **more):
    return Step(name, part, call, given=given, event=TICK, ends=ends, **more)


unsure = functools.partial(ticking, given="unsure")
agreed = functools.partial(ticking, given="agreed", ends="approved")

STEPS = [
    Step("before the plan's COMMIT", "database"),
    Step("after the plan's COMMIT", "reviews", "plan", after=True),
    Step("after taking the ticket", "reviews", "take", after=True),
    Step("before the POST", "gitea", "send"),
    Step("after the POST, its reply lost", "gitea", "send", after=True),
    Step("before the COMMIT of what came of it", "database", nth=2),
    Step("after the COMMIT of what came of it", "reviews", "settle", after=True),
    Step("before the announcement leaves", "sink", "send"),
    Step("after the announcement has left", "sink", "send", after=True),
    unsure("after taking what may be there", "reviews", "take", after=True),
    unsure("while it is looked for", "gitea", "ask"),
    unsure("after it was found", "forge", "find", after=True),
    unsure("before the COMMIT of what was found", "database"),
    agreed("after taking it to be read", "verdicts", "take", after=True),
    agreed("while it is read", "gitea", "ask", nth=2),
    agreed("before the verdict's COMMIT", "database"),
    agreed("after the verdict's COMMIT", "verdicts", "decide", after=True),
    agreed("before it says why", "gitea", "send"),
    agreed("after it said why", "gitea", "send", after=True),
    agreed("after it was closed", "gitea", "send", after=True, nth=2),
    agreed("before that is noted", "verdicts", "finish"),
]


@pytest.fixture(scope="module")
def database(postgres_server, migrated_template):
    with cloned(postgres_server, migrated_template, "test_gitops_killed") as url:
        yield url


@pytest.fixture(scope="module")
def nursery():
    argv = [sys.executable, "-m", "tests.faults.gitops_nursery"]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.stdin.close()


@pytest.fixture
async def world(database):
    async with a_world(database) as made:
        yield made


async def prepared(world, given):
    """What has happened before the process starts."""
    if given == "nothing":
        return
    handle = await world.process()
    if given == "unsure":
        world.gitea.losses.append(Loss(how="cut"))
    await handle()
    world.pass_time(SETTLE_S + 1)
    if given == "agreed":
        for login in ("ada", "grace"):
            world.gitea.add_comment(world.the_issue(), login, f"/approve {CODE}")


def killed(nursery, world, step, sink):
    order = {
        "step": [step.part, step.call, step.after, step.nth],
        "event": to_structured(step.event),
        "database": world.url,
        "gitea": world.gitea_url,
        "sink": str(sink),
    }
    nursery.stdin.write(f"{json.dumps(order)}\n")
    nursery.stdin.flush()
    return int(nursery.stdout.readline())


async def announced(world, step, sink):
    """What was told to whoever listens, sooner or later: the types of distinct events."""
    if step.part != "sink":
        return [type_ for type_, _ in world.announced()]
    world.rows("UPDATE outbox SET next_at = now()")
    handle = await world.process(sink=FileSink(sink))
    await handle(TICK)
    async with asyncio.timeout(PATIENCE_S):
        while world.announced():  # noqa: ASYNC110 - the outbox has no event for it
            await asyncio.sleep(0.01)
    return list({event["id"]: event["type"] for event in FileSink(sink).events()}.values())


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
async def test_killed_at_any_step_it_opens_one_issue_and_decides_once(world, nursery, tmp_path, step):
    sink = tmp_path / "events"
    await prepared(world, step.given)
    assert await asyncio.to_thread(killed, nursery, world, step, sink) == signal.SIGKILL

    if not world.states():  # nothing was acknowledged: the broker sends it again
        await (await world.process())()
    answer = await world.recover()

    issue = world.the_issue()
    assert (answer.result.data["outcome"], answer.result.data["issue"]["number"]) == ("issue_opened", issue.number)
    assert world.states() == [step.ends]
    told = await announced(world, step, sink)
    assert told.count(REMEDIATION_REVIEW_REQUESTED) == 1
    assert told.count(REMEDIATION_APPROVED) == (step.ends == "approved")
    notes = [comment for comment in issue.comments if comment.login == "aftercare"]
    assert (issue.state, len(notes)) == (("closed", 1) if step.ends == "approved" else ("open", 0))
