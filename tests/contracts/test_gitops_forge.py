"""One contract, two forges: in memory, and Gitea's API over HTTP."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from functions.gitops_issue.core.approvals import Comment, Gone, Reading
from functions.gitops_issue.drafts import Draft, Note, marker_of
from functions.gitops_issue.gitea import GiteaForge
from functions.gitops_issue.issues import Absent, Opened, Postponed, Refused, Uncertain
from functions.gitops_issue.reviewing import Closed
from shared.adapters.endpoints import Endpoint
from shared.adapters.http import HttpClient
from shared.adapters.system import SystemClock
from shared.local.simulators.faults import Fault
from shared.local.simulators.gitea import GiteaSimulator
from shared.local.simulators.gitea_issues import Loss
from shared.testing.gitops_forge import MemoryForge

CLOCK = SystemClock()
TLS = ssl.create_default_context()  # read once: it takes longer than most tests
DIGEST = "sha256:" + "a" * 64
DRAFT = Draft("[AI-Repair] drain", f"body\n\n{marker_of(DIGEST)}\n", marker_of(DIGEST))
NOTE = Note("It is over.\n\n<!-- note -->\n", "<!-- note -->")
NEVER = float("inf")
ISSUES = "/api/v1/repos/sre/changes/issues"
SINCE = datetime.now(UTC) - timedelta(hours=1)


class InMemory:
    def __init__(self):
        self.forge = MemoryForge(CLOCK)

    def say(self, login, body):
        self.forge.say(1, login, body)

    def reword(self, body):
        self.forge.reword(1, 0, body)

    def edit(self, **changes):
        for name, value in changes.items():
            setattr(self.forge.issues[0], name, value)

    def close(self):
        self.forge.issues[0].is_closed = True

    def delete(self):
        self.forge.issues[0].is_deleted = True

    def said(self):
        return [(comment.login, comment.body) for comment in self.forge.issues[0].comments]

    def open_numbers(self):
        return [number for number, issue in enumerate(self.forge.issues, 1) if not issue.is_closed]

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

    def say(self, login, body):
        self.simulator.add_comment(self.simulator.issues[0], login, body)

    def reword(self, body):
        self.simulator.issues[0].comments[0].edit(body)

    def edit(self, **changes):
        self.simulator.issues[0].edit(**changes)

    def close(self):
        self.simulator.issues[0].edit(state="closed")

    def delete(self):
        self.simulator.issues[0].is_deleted = True

    def said(self):
        return [(comment.login, comment.body) for comment in self.simulator.issues[0].comments]

    def open_numbers(self):
        return [issue.number for issue in self.simulator.issues if issue.state == "open"]

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
    async with HttpClient(tls=TLS) as http:
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
    assert await rig.forge.find(DRAFT, since=SINCE) == opened


async def test_what_was_never_opened_is_absent(rig):
    await rig.forge.open(DRAFT, before=NEVER)
    assert await rig.forge.find(Draft("", "", marker_of("sha256:" + "b" * 64)), since=SINCE) == Absent()


async def test_a_lost_answer_is_uncertain_and_the_issue_is_found(rig):
    rig.lose_answer()
    assert isinstance(await rig.forge.open(DRAFT, before=NEVER), Uncertain)
    assert (await rig.forge.find(DRAFT, since=SINCE)).issue.number == 1


async def test_what_is_down_is_asked_later(rig):
    rig.go_down()
    assert isinstance(await rig.forge.open(DRAFT, before=NEVER), Postponed)
    assert isinstance(await rig.forge.find(DRAFT, since=SINCE), Postponed)
    assert rig.bodies() == []


async def test_what_is_refused_is_not_opened(rig):
    rig.refuse()
    assert isinstance(await rig.forge.open(DRAFT, before=NEVER), Refused)
    assert rig.bodies() == []


async def test_nothing_is_posted_when_the_time_for_it_is_over(rig):
    assert isinstance(await rig.forge.open(DRAFT, before=CLOCK.monotonic()), Postponed)
    assert rig.bodies() == []


async def test_what_was_deleted_is_absent(rig):
    await rig.forge.open(DRAFT, before=NEVER)
    rig.delete()
    assert await rig.forge.find(DRAFT, since=SINCE) == Absent()


async def test_of_several_the_oldest_is_the_issue(rig):
    first = await rig.forge.open(DRAFT, before=NEVER)
    await rig.forge.open(DRAFT, before=NEVER)
    assert await rig.forge.find(DRAFT, since=SINCE) == first


class TestReading:
    async def test_what_was_opened_is_read_as_it_was_opened(self, rig):
        opened = await rig.forge.open(DRAFT, before=NEVER)
        assert await rig.forge.read(1) == Reading(comments=[], seal=opened.seal, is_closed=False)
        assert (opened.author, (await rig.forge.find(DRAFT, since=SINCE)).seal) == ("aftercare", opened.seal)

    async def test_comments_are_read_in_order_with_their_authors(self, rig):
        await rig.forge.open(DRAFT, before=NEVER)
        rig.say("ada", "yes\n")
        rig.say("Grace", "no")
        assert (await rig.forge.read(1)).comments == [Comment("ada", "yes\n"), Comment("Grace", "no")]

    async def test_an_edited_comment_is_known(self, rig):
        await rig.forge.open(DRAFT, before=NEVER)
        rig.say("ada", "no")
        rig.reword("yes")
        assert (await rig.forge.read(1)).comments == [Comment("ada", "yes", is_edited=True)]

    @pytest.mark.parametrize("changes", [{"title": "another"}, {"body": "another"}])
    async def test_an_edit_is_known_even_of_an_issue_that_was_only_found(self, rig, changes):
        opened = await rig.forge.open(DRAFT, before=NEVER)
        rig.edit(**changes, **({"title": "x"} if "body" in changes else {}))
        assert (await rig.forge.read(1)).seal != opened.seal
        if "title" in changes:
            found = await rig.forge.find(DRAFT, since=SINCE)
            assert (await rig.forge.read(1)).seal != found.seal == opened.seal

    async def test_a_closed_issue_is_known(self, rig):
        await rig.forge.open(DRAFT, before=NEVER)
        rig.close()
        assert (await rig.forge.read(1)).is_closed

    async def test_a_deleted_issue_is_gone(self, rig):
        await rig.forge.open(DRAFT, before=NEVER)
        rig.delete()
        assert await rig.forge.read(1) == Gone()

    async def test_what_is_down_is_not_read(self, rig):
        await rig.forge.open(DRAFT, before=NEVER)
        rig.delete()
        rig.go_down()
        assert isinstance(await rig.forge.read(1), Postponed)


class TestClosing:
    async def test_an_issue_is_closed_and_says_why_once(self, rig):
        await rig.forge.open(DRAFT, before=NEVER)
        for _ in range(2):
            assert await rig.forge.close(1, NOTE, author="aftercare") == Closed()
        assert (rig.said(), rig.open_numbers()) == ([("aftercare", NOTE.body)], [])

    async def test_nobody_else_can_have_said_it(self, rig):
        await rig.forge.open(DRAFT, before=NEVER)
        rig.say("mallory", NOTE.marker)
        await rig.forge.close(1, NOTE, author="aftercare")
        assert rig.said() == [("mallory", NOTE.marker), ("aftercare", NOTE.body)]

    async def test_of_a_deleted_issue_nothing_is_left_to_close(self, rig):
        await rig.forge.open(DRAFT, before=NEVER)
        rig.delete()
        assert await rig.forge.close(1, NOTE, author="aftercare") == Gone()
        assert await rig.forge.others(DRAFT.marker, but=2, author="aftercare", since=SINCE) == []

    async def test_what_is_down_is_closed_later(self, rig):
        await rig.forge.open(DRAFT, before=NEVER)
        rig.go_down()
        assert isinstance(await rig.forge.close(1, NOTE, author="aftercare"), Postponed)
        assert rig.open_numbers() == [1]

    async def test_the_others_are_the_open_ones_of_the_same_plan_and_author(self, rig):
        for draft in (DRAFT, DRAFT, Draft("t", "body", "none"), DRAFT):
            await rig.forge.open(draft, before=NEVER)
        others = {"but": 2, "since": SINCE}
        assert await rig.forge.others(DRAFT.marker, author="aftercare", **others) == [1, 4]
        assert await rig.forge.others(DRAFT.marker, author="ada", **others) == []
        rig.close()
        assert await rig.forge.others(DRAFT.marker, author="aftercare", **others) == [4]
        rig.go_down()
        assert await rig.forge.others(DRAFT.marker, author="aftercare", **others) == []


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
        assert (await gitea.forge.find(DRAFT, since=SINCE)).issue.number == 1

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
        assert (await gitea.forge.find(DRAFT, since=SINCE)).issue.number == 1

    async def test_closed_issues_are_found_and_pull_requests_are_not(self, gitea):
        gitea.simulator.add_issue("[AI-Repair]", DRAFT.body, is_pull=True)
        gitea.simulator.add_issue("[AI-Repair]", DRAFT.body, state="closed")
        assert (await gitea.forge.find(DRAFT, since=SINCE)).issue.number == 2

    async def test_nothing_is_searched_by_keyword(self, gitea):
        await gitea.forge.open(DRAFT, before=NEVER)  # which the index does not know yet
        await gitea.forge.find(DRAFT, since=SINCE)
        assert not [asked for asked in gitea.simulator.asked if "q=" in asked.query]

    async def test_comments_are_read_before_the_text_they_are_about(self, gitea):
        await gitea.forge.open(DRAFT, before=NEVER)
        gitea.simulator.asked.clear()
        await gitea.forge.read(1)
        assert [asked.path for asked in gitea.simulator.asked] == [f"{ISSUES}/1/comments", f"{ISSUES}/1"]

    async def test_a_comment_of_a_deleted_user_is_nobodys(self, gitea):
        await gitea.forge.open(DRAFT, before=NEVER)
        gitea.say("Ghost", "yes")
        gitea.say("ada", "yes")
        assert (await gitea.forge.read(1)).comments == [Comment("ada", "yes")]

    async def test_a_comment_that_is_not_let_be_said_does_not_keep_an_issue_open(self, gitea):
        await gitea.forge.open(DRAFT, before=NEVER)
        gitea.simulator.issues[0].is_locked = True
        assert await gitea.forge.close(1, NOTE, author="aftercare") == Closed()
        assert (gitea.said(), gitea.open_numbers()) == ([], [])

    @pytest.mark.parametrize("what", ["write", "depends", "archived"])
    async def test_an_issue_that_cannot_be_closed_says_why(self, gitea, what):
        await gitea.forge.open(DRAFT, before=NEVER)
        gitea.simulator.archived = what == "archived"
        gitea.simulator.issues[0].depends = what == "depends"
        gitea.simulator.scopes = {"read:issue"} if what == "write" else gitea.simulator.scopes
        outcome = await gitea.forge.close(1, NOTE, author="aftercare")
        assert isinstance(outcome, Postponed)
        assert what in outcome.why
        assert gitea.open_numbers() == [1]

    async def test_names_cannot_choose_another_path(self, gitea):
        forge = gitea.at(gitea.url, owner="../../admin", repository="x?y#z").forge
        assert forge._path == "/repos/..%2F..%2Fadmin/x%3Fy%23z"
        assert isinstance(await forge.open(DRAFT, before=NEVER), Postponed)
        assert [asked.path for asked in gitea.simulator.asked] == ["/api/v1/repos/../../admin/x?y#z/labels"]
