"""An issue that somebody deleted: nothing is left to close, nobody can agree to it, and no other issue waits for it."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager

import pytest

from functions.gitops_issue.core.approvals import Decision, Gone, Verdict, code_of
from functions.gitops_issue.drafts import Draft, Locale, Note, Writer, marker_of
from functions.gitops_issue.gitea import GiteaForge
from functions.gitops_issue.issues import Postponed, State
from functions.gitops_issue.reviewing import Closed, Rounds
from shared.adapters.endpoints import Endpoint
from shared.adapters.http import HttpClient
from shared.local.simulators.faults import Fault
from shared.local.simulators.gitea import GiteaSimulator
from shared.testing.clocks import FakeClock
from shared.testing.gitops import MemoryReviews, remediation_assessed, remediation_proposed
from shared.testing.gitops_verdicts import MemoryVerdicts

TLS = ssl.create_default_context()  # read once: it takes longer than most tests
NOTE = Note("It is over.\n\n<!-- note -->\n", "<!-- note -->")
DIGESTS = ["sha256:" + digit * 64 for digit in "ab"]
A_WHILE_S = 200.0


class Place:
    """Reviews in memory, whose issues are in Gitea."""

    def __init__(self, http, url, gitea):
        self.gitea, self.clock, self._http, self._url = gitea, FakeClock(), http, url
        self.reviews = MemoryReviews(self.clock, settle_s=60.0)
        self.verdicts = MemoryVerdicts(self.reviews, self.clock)
        self.forge = self.shown_to("token")

    def shown_to(self, token, *, repository="changes"):
        asking = {"authorization": f"token {token}"}
        endpoint = Endpoint(http=self._http, url=f"{self._url}/api/v1", authorize=lambda: asking, timeout_s=0.5)
        return GiteaForge(endpoint, owner="sre", repository=repository, clock=self.clock)

    async def open(self, *digests):
        """Plans whose issues are open."""
        for number, digest in enumerate(digests):
            assessed = remediation_assessed(digest=digest)
            draft = Draft("title", f"body\n{marker_of(digest)}\n", marker_of(digest))
            await self.reviews.plan(remediation_proposed(id=str(number)), assessed, draft)
            ticket = await self.reviews.take(digest=digest)
            await self.reviews.settle(ticket, await self.forge.open(ticket.draft, before=float("inf")))

    def agree(self, number, digest):
        for login in ("ada", "grace"):
            self.gitea.add_comment(self.gitea.issues[number - 1], login, f"/approve {code_of(digest)}")

    def delete(self, number):
        self.gitea.issues[number - 1].is_deleted = True

    async def tick(self):
        self.clock.advance(A_WHILE_S)
        rounds = Rounds(self.verdicts, self.forge, Writer.of(Locale.EN), self.clock)
        await rounds.go(until=self.clock.monotonic() + 5)
        return dict(rounds.became), sorted(rounds.whys)

    def states(self):
        return list(self.reviews.states.values())


@asynccontextmanager
async def a_place():
    gitea = GiteaSimulator()
    async with HttpClient(tls=TLS) as http, gitea.serving() as url:
        yield Place(http, url, gitea)


@pytest.fixture
async def place():
    async with a_place() as made:
        yield made


class TestAsking:
    """What Gitea's answers mean: 404 for an issue that was deleted, and 500 for its comments."""

    async def test_what_was_deleted_is_gone(self, place):
        await place.open(DIGESTS[0])
        place.delete(1)
        assert await place.forge.read(1) == Gone()
        assert await place.forge.close(1, NOTE, author="aftercare") == Gone()

    async def test_its_number_is_given_to_no_other(self, place):
        await place.open(DIGESTS[0])
        place.delete(1)
        assert place.gitea.add_issue("another").number == 2
        assert await place.forge.read(1) == Gone()

    @pytest.mark.parametrize("status", [404, 410])
    async def test_what_is_deleted_while_it_is_closed_is_gone(self, place, status):
        await place.open(DIGESTS[0])
        place.gitea.faults.add(Fault(status=status, path="/api/v1/repos/sre/changes/issues/1", times=2))
        assert await place.forge.close(1, NOTE, author="aftercare") == Gone()

    @pytest.mark.parametrize("shown", [{"token": "wrong"}, {"token": "token", "repository": "nowhere"}])
    async def test_an_issue_in_a_repository_that_is_not_shown_may_still_be_there(self, place, shown):
        await place.open(DIGESTS[0])
        forge = place.shown_to(**shown)
        assert isinstance(await forge.read(1), Postponed)
        assert isinstance(await forge.close(1, NOTE, author="aftercare"), Postponed)

    @pytest.mark.parametrize("status", [404, 410, 500, 503])
    async def test_a_gitea_that_answers_the_same_to_everything_has_lost_no_issue(self, place, status):
        await place.open(DIGESTS[0])
        place.gitea.faults.add(Fault(status=status, times=None))
        assert isinstance(await place.forge.read(1), Postponed)
        assert isinstance(await place.forge.close(1, NOTE, author="aftercare"), Postponed)

    async def test_an_issue_whose_comments_cannot_be_read_is_there(self, place):
        await place.open(DIGESTS[0])
        place.gitea.faults.add(Fault(status=500, path="/api/v1/repos/sre/changes/issues/1/comments", times=2))
        assert isinstance(await place.forge.read(1), Postponed)
        assert isinstance(await place.forge.close(1, NOTE, author="aftercare"), Postponed)
        assert await place.forge.close(1, NOTE, author="aftercare") == Closed()


async def test_an_issue_that_is_deleted_after_its_verdict_is_settled_and_said_once(place):
    await place.open(DIGESTS[0])
    review = await place.verdicts.take()
    await place.verdicts.decide(review, Decision(Verdict.APPROVED, ("ada", "grace")))
    place.delete(1)

    assert await place.tick() == (
        {"gone": 1},
        ["issue 1 was deleted; its plan stays approved, and nothing is left to close"],
    )
    asked = len(place.gitea.asked)
    assert await place.tick() == ({}, [])
    assert (place.states(), len(place.gitea.asked)) == ([State.APPROVED], asked)


async def test_an_issue_that_is_deleted_before_its_verdict_is_rejected_whoever_had_agreed(place):
    await place.open(DIGESTS[0])
    place.agree(1, DIGESTS[0])
    place.delete(1)

    became, whys = await place.tick()
    assert became == {"rejected": 1, "gone": 1}
    assert whys == ["issue 1 was deleted; its plan stays rejected, and nothing is left to close"]
    assert await place.tick() == ({}, [])
    assert place.states() == [State.REJECTED]
    assert [issue.is_deleted for issue in place.gitea.issues] == [True]  # it is not posted again


async def test_a_deleted_issue_does_not_keep_others_from_being_read(place):
    await place.open(*DIGESTS)
    place.delete(1)
    place.agree(2, DIGESTS[1])

    became, _ = await place.tick()
    assert became == {"rejected": 1, "gone": 1, "approved": 1, "closed": 1}
    assert place.states() == [State.REJECTED, State.APPROVED]
