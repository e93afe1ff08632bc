"""One contract, two forges: in memory, and Gitea's API over HTTP."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from functions.gitops_issue.drafts import Draft, marker_of
from functions.gitops_issue.gitea import GiteaForge
from functions.gitops_issue.issues import Absent, Opened, Postponed, Refused, Uncertain
from shared.adapters.endpoints import Endpoint
from shared.adapters.http import http_client
from shared.adapters.system import SystemClock
from shared.local.simulators.faults import Fault
from shared.local.simulators.gitea import GiteaSimulator
from shared.local.simulators.gitea_issues import Loss
from shared.testing.gitops import MemoryForge

CLOCK = SystemClock()
TLS = ssl.create_default_context()  # read once: it takes longer than most tests
DIGEST = "sha256:" + "a" * 64
DRAFT = Draft("[AI-Repair] drain", f"body\n\n{marker_of(DIGEST)}\n", marker_of(DIGEST))
NEVER = float("inf")
ISSUES = "/api/v1/repos/sre/changes/issues"
SINCE = datetime.now(UTC) - timedelta(hours=1)


class InMemory:
    def __init__(self):
        self.forge = MemoryForge(CLOCK)

    def go_down(self):
        self.forge.down = True

    def lose_answer(self):
        self.forge.next.append(Uncertain("lost"))

    def refuse(self):
        self.forge.next.append(Refused("no such assignee"))

    def bodies(self):
        return [draft.body for draft in self.forge.issues]


class InGitea:
    def __init__(self, http):
        self.simulator = GiteaSimulator()
        self._http = http

    def at(self, url, *, token="token", owner="sre", repository="changes", **settings):
        self.url = url
        asking = {"authorization": f"token {token}"}
        endpoint = Endpoint(http=self._http, url=f"{url}/api/v1", authorize=lambda: asking, timeout_s=0.5)
        self.forge = GiteaForge(endpoint, owner=owner, repository=repository, clock=CLOCK, **settings)
        return self

    def go_down(self):
        self.simulator.faults.add(Fault(status=503, times=None))

    def lose_answer(self):
        self.simulator.losses.append(Loss(how="cut"))

    def refuse(self):
        self.simulator.faults.add(Fault(status=422, path=ISSUES))

    def bodies(self):
        return [issue.body for issue in self.simulator.issues]


@asynccontextmanager
async def in_memory():
    yield InMemory()


@asynccontextmanager
async def in_gitea():
    async with http_client(tls=TLS) as http:
        rig = InGitea(http)
        async with rig.simulator.serving() as url:
            yield rig.at(url)


@pytest.fixture(params=[in_memory, in_gitea], ids=lambda make: make.__name__)
async def rig(request):
    async with request.param() as made:
        yield made


async def test_an_issue_is_opened_and_found(rig):
    opened = await rig.forge.open(DRAFT, before=NEVER)

    assert isinstance(opened, Opened)
    assert (opened.issue.number, rig.bodies()) == (1, [DRAFT.body])
    assert opened.issue.url.endswith("/sre/changes/issues/1")
    assert await rig.forge.find(DRAFT.marker, since=SINCE) == opened


async def test_what_was_never_opened_is_absent(rig):
    await rig.forge.open(DRAFT, before=NEVER)
    assert await rig.forge.find(marker_of("sha256:" + "b" * 64), since=SINCE) == Absent()


async def test_a_lost_answer_is_uncertain_and_the_issue_is_found(rig):
    rig.lose_answer()
    assert isinstance(await rig.forge.open(DRAFT, before=NEVER), Uncertain)
    assert (await rig.forge.find(DRAFT.marker, since=SINCE)).issue.number == 1


async def test_what_is_down_is_asked_later(rig):
    rig.go_down()
    assert isinstance(await rig.forge.open(DRAFT, before=NEVER), Postponed)
    assert isinstance(await rig.forge.find(DRAFT.marker, since=SINCE), Postponed)
    assert rig.bodies() == []


async def test_what_is_refused_is_not_opened(rig):
    rig.refuse()
    assert isinstance(await rig.forge.open(DRAFT, before=NEVER), Refused)
    assert rig.bodies() == []


async def test_nothing_is_posted_when_the_time_for_it_is_over(rig):
    assert isinstance(await rig.forge.open(DRAFT, before=CLOCK.monotonic()), Postponed)
    assert rig.bodies() == []


async def test_of_several_the_oldest_is_the_issue(rig):
    first = await rig.forge.open(DRAFT, before=NEVER)
    await rig.forge.open(DRAFT, before=NEVER)
    assert await rig.forge.find(DRAFT.marker, since=SINCE) == first


class TestGitea:
    """What only Gitea's API has."""

    @pytest.fixture
    async def gitea(self):
        async with in_gitea() as made:
            yield made

    @pytest.mark.parametrize("status", [500, 502, 504, 400, 408, 409, 301, 200, 204])
    async def test_an_answer_that_says_nothing_certain_is_uncertain(self, gitea, status):
        gitea.simulator.losses.append(Loss(how="error", status=status))
        assert isinstance(await gitea.forge.open(DRAFT, before=NEVER), Uncertain)
        assert (await gitea.forge.find(DRAFT.marker, since=SINCE)).issue.number == 1

    async def test_an_answer_that_never_comes_is_uncertain(self, gitea):
        gitea.simulator.losses.append(Loss())
        assert isinstance(await gitea.forge.open(DRAFT, before=NEVER), Uncertain)

    @pytest.mark.parametrize(
        ("status", "said"), [(401, "TOKEN"), (403, "write:issue"), (404, "OWNER"), (423, "archived")]
    )
    async def test_a_refusal_of_us_is_tried_again_and_says_what_to_set(self, gitea, status, said):
        gitea.simulator.faults.add(Fault(status=status, path=ISSUES))
        outcome = await gitea.forge.open(DRAFT, before=NEVER)
        assert isinstance(outcome, Postponed)
        assert said in outcome.why

    @pytest.mark.parametrize(
        ("changes", "said"),
        [({"token": "wrong"}, "GITEA_API_TOKEN"), ({"repository": "nowhere"}, "GITEA_REPO_OWNER")],
    )
    async def test_a_wrong_setting_is_found_before_anything_is_posted(self, gitea, changes, said):
        outcome = await gitea.at(gitea.url, **changes).forge.open(DRAFT, before=NEVER)
        assert isinstance(outcome, Postponed)
        assert said in outcome.why
        assert [asked.path.rpartition("/")[2] for asked in gitea.simulator.asked] == ["labels"]

    async def test_an_assignee_who_does_not_exist_is_a_refusal(self, gitea):
        outcome = await gitea.at(gitea.url, assignees=["nobody"]).forge.open(DRAFT, before=NEVER)
        assert isinstance(outcome, Refused)
        assert "GITEA_ISSUE_ASSIGNEES" in outcome.why

    async def test_labels_and_assignees_come_from_settings(self, gitea):
        for number in range(60):  # more than a page
            gitea.simulator.add_label(f"label-{number}")
        gitea.simulator.users |= {"ana", "bo"}
        forge = gitea.at(gitea.url, labels=["label-59", "label-3", "missing"], assignees=["ana", "bo"]).forge
        await forge.open(DRAFT, before=NEVER)

        (issue,) = gitea.simulator.issues
        assert (sorted(issue.labels), issue.assignees) == ([4, 60], ["ana", "bo"])

    async def test_the_list_is_read_to_its_end(self, gitea):
        await gitea.forge.open(DRAFT, before=NEVER)
        for number in range(70):
            gitea.simulator.add_issue(f"other {number}")
        assert (await gitea.forge.find(DRAFT.marker, since=SINCE)).issue.number == 1

    async def test_closed_issues_are_found_and_pull_requests_are_not(self, gitea):
        gitea.simulator.add_issue("[AI-Repair]", DRAFT.body, is_pull=True)
        gitea.simulator.add_issue("[AI-Repair]", DRAFT.body, state="closed")
        assert (await gitea.forge.find(DRAFT.marker, since=SINCE)).issue.number == 2

    async def test_nothing_is_searched_by_keyword(self, gitea):
        await gitea.forge.open(DRAFT, before=NEVER)  # which the index does not know yet
        await gitea.forge.find(DRAFT.marker, since=SINCE)
        assert not [asked for asked in gitea.simulator.asked if "q=" in asked.query]

    async def test_names_cannot_choose_another_path(self, gitea):
        forge = gitea.at(gitea.url, owner="../../admin", repository="x?y#z").forge
        assert forge._path == "/repos/..%2F..%2Fadmin/x%3Fy%23z"
        assert isinstance(await forge.open(DRAFT, before=NEVER), Postponed)
        assert [asked.path for asked in gitea.simulator.asked] == ["/api/v1/repos/../../admin/x?y#z/labels"]
