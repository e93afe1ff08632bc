"""The simulated Gitea speaks the real one's API and refuses what that refuses."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from shared.local.simulators.gitea import GiteaSimulator
from shared.local.simulators.gitea_issues import Loss

PATIENCE_S = 20.0
REPOSITORY = "/api/v1/repos/sre/changes"
ISSUES = f"{REPOSITORY}/issues"
TOKEN = {"authorization": "token token"}


@pytest.fixture
def simulator():
    return GiteaSimulator()


@pytest.fixture
async def http(simulator):
    transport = httpx.ASGITransport(simulator.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://gitea", headers=TOKEN) as http:
        yield http


@pytest.fixture
async def served(simulator):
    """Over a line that can break."""
    async with (
        simulator.serving() as url,
        httpx.AsyncClient(base_url=url, trust_env=False, verify=False, headers=TOKEN, timeout=PATIENCE_S) as http,
    ):
        yield http


async def numbers(http, **params):
    answer = await http.get(ISSUES, params=params)
    assert answer.status_code == 200, answer.text
    return [issue["number"] for issue in answer.json()]


class TestAccess:
    @pytest.mark.parametrize(
        ("header", "method", "status", "message"),
        [
            ("token token", "GET", 200, None),
            ("Bearer token", "GET", 200, None),
            ("token wrong", "GET", 401, "invalid username, password or token"),
            ("token wrong", "POST", 401, "invalid username, password or token"),
            ("", "POST", 401, "token is required"),
            ("", "GET", 404, "The target couldn't be found."),
        ],
    )
    async def test_who_may_do_what(self, http, header, method, status, message):
        answer = await http.request(method, ISSUES, headers={"authorization": header}, json={"title": "x"})
        assert answer.status_code == status
        if message is not None:
            assert answer.json()["message"] == message

    async def test_a_token_that_may_only_read(self, simulator, http):
        simulator.scopes = {"read:issue"}
        assert (await http.get(ISSUES)).status_code == 200
        answer = await http.post(ISSUES, json={"title": "x"})
        assert (answer.status_code, "write:issue" in answer.json()["message"]) == (403, True)

    async def test_another_repository_is_not_there(self, http):
        assert (await http.get("/api/v1/repos/sre/other/issues")).status_code == 404
        assert (await http.get("/api/v1/repos/SRE/Changes/issues")).status_code == 200

    async def test_an_archived_repository_can_be_read(self, simulator, http):
        simulator.archived = True
        assert (await http.post(ISSUES, json={"title": "x"})).status_code == 423
        assert (await http.get(ISSUES)).status_code == 200


class TestPosting:
    async def test_an_issue_as_the_api_has_it(self, simulator, http):
        simulator.add_label("risk")
        simulator.users.add("ana")
        answer = await http.post(ISSUES, json={"title": "t", "body": "b", "labels": [1, 77], "assignees": ["ana"]})
        issue = answer.json()

        assert (answer.status_code, issue["number"], issue["state"]) == (201, 1, "open")
        assert issue["html_url"].endswith("/sre/changes/issues/1")
        assert issue["labels"] == [{"id": 1, "name": "risk"}]  # an id of another repository is left out
        assert issue["assignees"] == [{"login": "ana"}]
        assert (await http.get(f"{ISSUES}/1")).json() == issue
        assert (await http.get(f"{ISSUES}/2")).status_code == 404

    @pytest.mark.parametrize(
        "given",
        [
            {},
            {"title": ""},
            {"title": 7},
            {"title": "t", "labels": ["risk"]},
            {"title": "t", "labels": [True]},
            {"title": "t", "assignees": "ana"},
            {"title": "t", "assignees": ["nobody"]},
            {"title": "t", "body": ["b"]},
            ["t"],
        ],
    )
    async def test_what_it_refuses(self, simulator, http, given):
        assert (await http.post(ISSUES, json=given)).status_code == 422
        assert simulator.issues == []

    async def test_what_is_no_json_is_refused(self, http):
        assert (await http.post(ISSUES, content=b"title=x")).status_code == 422

    async def test_a_long_title_is_cut(self, http):
        assert len((await http.post(ISSUES, json={"title": "x" * 300})).json()["title"]) == 255


class TestListing:
    @pytest.fixture(autouse=True)
    def given(self, simulator):
        old = datetime.now(UTC) - timedelta(days=2)
        simulator.add_issue("one", at=old)
        simulator.add_issue("two", state="closed")
        simulator.add_issue("three", is_pull=True)
        simulator.add_issue("four", "the body")

    @pytest.mark.parametrize(
        ("params", "expected"),
        [
            ({}, [4, 3, 1]),
            ({"state": "all"}, [4, 3, 2, 1]),
            ({"state": "closed"}, [2]),
            ({"state": "nonsense"}, [4, 3, 1]),
            ({"type": "issues"}, [4, 1]),
            ({"type": "pulls"}, [3]),
            ({"state": "all", "limit": "2"}, [4, 3]),
            ({"state": "all", "limit": "2", "page": "2"}, [2, 1]),
            ({"state": "all", "limit": "2", "page": "3"}, []),
            ({"page": "0", "limit": "1"}, [4]),
        ],
    )
    async def test_what_is_listed(self, http, params, expected):
        assert await numbers(http, **params) == expected

    async def test_since_and_before_are_times_with_an_offset(self, http):
        yesterday = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert await numbers(http, since=yesterday) == [4, 3]
        assert await numbers(http, before=yesterday) == [1]
        for wrong in ("yesterday", "2026-01-01", "2026-01-01T00:00:00"):
            assert (await http.get(ISSUES, params={"since": wrong})).status_code == 422

    async def test_a_page_is_never_longer_than_its_limit(self, simulator, http):
        for number in range(100):
            simulator.add_issue(f"more {number}")
        assert len(await numbers(http)) == 30
        assert len(await numbers(http, limit="1000")) == 50

    async def test_the_search_by_keyword_is_behind(self, simulator, http):
        assert await numbers(http, q="body") == []
        simulator.indexed = 4
        assert await numbers(http, q="body") == [4]

    async def test_labels_have_pages_too(self, simulator, http):
        for number in range(31):
            simulator.add_label(f"label-{number}")
        assert len((await http.get(f"{REPOSITORY}/labels")).json()) == 30
        assert [label["name"] for label in (await http.get(f"{REPOSITORY}/labels?page=2")).json()] == ["label-30"]


class TestComments:
    async def test_a_comment_as_the_api_has_it(self, simulator, http):
        issue = simulator.add_issue("x")
        posted = await http.post(f"{ISSUES}/1/comments", json={"body": "over"})
        simulator.add_comment(issue, "ada", "yes")
        listed = await http.get(f"{ISSUES}/1/comments")

        assert (posted.status_code, listed.status_code, listed.headers["x-total-count"]) == (201, 200, "2")
        first, second = listed.json()
        assert first == posted.json()
        assert (first["user"]["login"], first["body"], first["created_at"]) == (
            "aftercare",
            "over",
            first["updated_at"],
        )
        assert (second["id"], second["user"]["login"], second["body"]) == (first["id"] + 1, "ada", "yes")
        assert (await http.get(f"{ISSUES}/1")).json()["comments"] == 2

    async def test_an_edited_comment_has_two_times(self, simulator, http):
        simulator.add_comment(simulator.add_issue("x"), "ada", "no").edit("yes")
        (comment,) = (await http.get(f"{ISSUES}/1/comments")).json()
        assert (comment["body"], comment["created_at"] < comment["updated_at"]) == ("yes", True)

    async def test_who_was_deleted_is_nobody(self, simulator, http):
        simulator.add_comment(simulator.add_issue("x"), "Ghost", "yes")
        assert (await http.get(f"{ISSUES}/1/comments")).json()[0]["user"] == {"id": -1, "login": "Ghost"}

    @pytest.mark.parametrize(
        ("number", "given", "status"),
        [(1, {}, 422), (1, {"body": ""}, 422), (1, {"body": 1}, 422), (2, {"body": "x"}, 500)],
    )
    async def test_what_it_refuses(self, simulator, http, number, given, status):
        simulator.add_issue("x")
        assert (await http.post(f"{ISSUES}/{number}/comments", json=given)).status_code == status

    async def test_a_locked_issue_takes_none(self, simulator, http):
        simulator.add_issue("x", is_locked=True)
        assert (await http.post(f"{ISSUES}/1/comments", json={"body": "x"})).status_code == 403

    async def test_comments_of_an_issue_that_is_not_there_are_an_error(self, http):
        assert (await http.get(f"{ISSUES}/1/comments")).status_code == 500


class TestEditing:
    async def test_an_issue_is_closed_and_edited(self, simulator, http):
        simulator.add_issue("x", "y")
        answer = await http.patch(f"{ISSUES}/1", json={"state": "closed", "title": "z"})
        assert answer.status_code == 201
        assert [answer.json()[name] for name in ("state", "title", "body")] == ["closed", "z", "y"]
        assert (await numbers(http), await numbers(http, state="closed")) == ([], [1])

    @pytest.mark.parametrize(
        ("number", "given", "status"),
        [(1, {"state": "gone"}, 412), (1, {"state": 1}, 422), (2, {"state": "closed"}, 404)],
    )
    async def test_what_it_refuses(self, simulator, http, number, given, status):
        simulator.add_issue("x")
        assert (await http.patch(f"{ISSUES}/{number}", json=given)).status_code == status

    async def test_an_issue_that_depends_on_another_is_not_closed(self, simulator, http):
        simulator.add_issue("x", depends=True)
        assert (await http.patch(f"{ISSUES}/1", json={"state": "closed"})).status_code == 412

    async def test_somebody_comments_from_outside(self, simulator, http):
        issue = simulator.add_issue("x")
        said = {"number": 1, "login": "ada", "body": "yes"}
        assert (await http.post("/_simulator/comments", json=said)).status_code == 204
        assert [(each.login, each.body) for each in issue.comments] == [("ada", "yes")]
        assert (await http.post("/_simulator/comments", json={**said, "number": 7})).status_code == 400


class TestLosses:
    async def test_an_issue_is_there_whose_poster_never_heard_of_it(self, simulator, served):
        simulator.losses += [Loss(), Loss(how="cut"), Loss(how="error", status=504)]
        with pytest.raises(httpx.ReadTimeout):
            await served.post(ISSUES, json={"title": "hung"}, timeout=0.2)
        with pytest.raises(httpx.RemoteProtocolError):
            await served.post(ISSUES, json={"title": "cut"})
        assert (await served.post(ISSUES, json={"title": "error"})).status_code == 504
        assert await numbers(served) == [3, 2, 1]

    async def test_a_post_may_land_after_its_poster_has_left(self, simulator, served):
        simulator.losses.append(Loss(late_s=0.3))
        with pytest.raises(httpx.ReadTimeout):
            await served.post(ISSUES, json={"title": "late"}, timeout=0.1)
        assert await numbers(served) == []
        await asyncio.sleep(0.4)
        assert await numbers(served) == [1]


@contextlib.asynccontextmanager
async def process(*arguments):
    command = [sys.executable, "-m", "shared.local.simulators.gitea", *arguments]
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(PATIENCE_S):
            url = (await child.stdout.readline()).decode().strip()
        async with httpx.AsyncClient(base_url=url, trust_env=False, verify=False, timeout=PATIENCE_S) as http:
            yield http
    finally:
        child.terminate()
        await child.communicate()


async def test_as_a_process_it_is_scripted_over_http():
    async with process("--repository", "ops/plans", "--token", "other") as http:
        assert (await http.put("/_simulator/labels", json=["risk"])).status_code == 204
        assert (await http.put("/_simulator/users", json=["ana"])).status_code == 204
        assert (await http.post("/_simulator/losses", json={"how": "error", "status": 502})).status_code == 204
        for wrong in ({"how": "gently"}, {"colour": 1}):
            assert (await http.post("/_simulator/losses", json=wrong)).status_code == 400
        issue = {"title": "t", "labels": [1], "assignees": ["ana"]}
        posted = await http.post("/api/v1/repos/ops/plans/issues", json=issue, headers={"authorization": "token other"})
        assert posted.status_code == 502
        (shown,) = (await http.get("/_simulator/issues")).json()
        assert (shown["title"], shown["labels"][0]["name"]) == ("t", "risk")
