"""One contract, two stores of verdicts: in memory and in PostgreSQL."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from functions.gitops_issue.core.approvals import Decision, Verdict, code_of
from functions.gitops_issue.drafts import Draft, marker_of
from functions.gitops_issue.issues import LEASE_S, Absent, Opened, State, Uncertain
from functions.gitops_issue.reviews import PostgresReviews
from functions.gitops_issue.verdicts import PostgresVerdicts
from shared.domain.events import from_structured
from shared.domain.remediations import (
    REMEDIATION_APPROVED,
    RemediationApproved,
    ReviewIssue,
)
from shared.testing.clocks import FakeClock
from shared.testing.events import INCIDENT
from shared.testing.gitops import MemoryReviews, remediation_assessed, remediation_proposed
from shared.testing.gitops_verdicts import MemoryVerdicts

SETTLE_S, APPROVAL_S, READ_S = 30.0, 3_600.0, 20.0
DIGEST, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
ISSUE = ReviewIssue(number=12, url="http://gitea/sre/changes/issues/12")
SECRET = "ghp_" + "a1B2" * 9
EVENT = remediation_proposed(requested_by="Ada", command=f"kubectl drain worker-3 --token {SECRET}")
BOTH = Decision(Verdict.APPROVED, ("bo", "grace"))
ENDS = [Decision(Verdict.REJECTED, ("bo",)), Decision(Verdict.EXPIRED), Decision(Verdict.VOIDED)]
LISTED = frozenset({"bo", "grace"})


class InMemory:
    def __init__(self):
        self.clock = FakeClock()
        self.reviews = MemoryReviews(self.clock, settle_s=SETTLE_S)
        self.store = MemoryVerdicts(self.reviews, self.clock, read_s=READ_S, approval_s=APPROVAL_S, approvers=LISTED)

    def pass_time(self, seconds):
        self.clock.advance(seconds)

    def announced(self):
        return self.reviews.announced

    def state(self, digest=DIGEST):
        return self.reviews.states[digest]


class InPostgres:
    def __init__(self, database, rows):
        self.reviews = PostgresReviews(database, settle_s=SETTLE_S, approval_s=APPROVAL_S, announce=True)
        self.store = PostgresVerdicts(database, read_s=READ_S, approvers=LISTED, announce=True)
        self.rows = rows

    def pass_time(self, seconds):
        self.rows(
            "UPDATE effects SET lease_until = lease_until - :s * interval '1 second', "
            "next_at = next_at - :s * interval '1 second'",
            s=float(seconds),
        )

    def announced(self):
        return [from_structured(event) for (event,) in self.rows("SELECT event FROM outbox ORDER BY id")]

    def state(self, digest=DIGEST):
        return State(self.rows("SELECT state FROM effects WHERE key = :key", key=digest)[0][0])


@contextmanager
def in_memory(_request):
    yield InMemory()


@contextmanager
def in_postgres(request):
    yield InPostgres(request.getfixturevalue("database"), request.getfixturevalue("rows"))


@pytest.fixture(params=[in_memory, in_postgres], ids=lambda make: make.__name__)
def rig(request):
    with request.param(request) as made:
        yield made


async def is_open(rig, *, digest=DIGEST, event=EVENT, outcomes=()):
    """A plan whose issue is open, after what its posts came to before."""
    assessed = remediation_assessed(digest=digest)
    await rig.reviews.plan(event, assessed, Draft("title", f"body\n{marker_of(digest)}\n", marker_of(digest)))
    for outcome in (*outcomes, Opened(ISSUE, "seal", "aftercare")):
        await rig.reviews.settle(await rig.reviews.take(digest=digest), outcome)
        if outcome in outcomes:
            rig.pass_time(SETTLE_S + 1)


def approvals(rig):
    return [event for event in rig.announced() if event.type == REMEDIATION_APPROVED]


class TestTaking:
    async def test_an_open_issue_is_due_at_once_with_all_that_binds_a_verdict(self, rig):
        await is_open(rig)
        review = await rig.store.take()

        assert (review.digest, review.verdict, review.issue) == (DIGEST, None, ISSUE)
        assert (review.marker, review.may_be_double) == (marker_of(DIGEST), False)
        terms = review.terms
        assert (terms.digest, terms.seal, terms.author) == (DIGEST, "seal", "aftercare")
        assert (terms.requester, terms.approvers) == ("Ada", LISTED)
        left = terms.expires_at - review.at
        assert timedelta(seconds=APPROVAL_S - 60) < left <= timedelta(seconds=APPROVAL_S)
        assert SECRET not in review.command

    async def test_it_has_one_owner(self, rig):
        await is_open(rig)
        taken = await asyncio.gather(*(rig.store.take() for _ in range(4)))
        assert len([review for review in taken if review is not None]) == 1
        rig.pass_time(LEASE_S - 1)
        assert await rig.store.take() is None
        rig.pass_time(2)
        assert await rig.store.take() is not None

    async def test_what_is_on_its_way_is_not_read(self, rig):
        await is_open(rig)
        event = remediation_proposed(id="2")
        assessed = (await rig.store.take()).assessed.model_copy(update={"digest": OTHER})
        await rig.reviews.plan(event, assessed, Draft("t", "b", marker_of(OTHER)))
        assert await rig.store.take() is None
        assert await rig.reviews.take() is not None
        assert await rig.store.take() is None

    async def test_what_is_open_is_not_posted_again(self, rig):
        await is_open(rig)
        rig.pass_time(86_400)
        assert await rig.reviews.take() is None

    async def test_what_was_posted_twice_may_be_double(self, rig):
        await is_open(rig, outcomes=[Uncertain("lost"), Absent()])
        assert (await rig.store.take()).may_be_double

    async def test_what_waits_is_left_alone_for_a_while_and_longer_after_trouble(self, rig):
        await is_open(rig)
        for why, pause_s in ((None, READ_S), ("down", READ_S * 5)):
            await rig.store.put_back(await rig.store.take(), why)
            rig.pass_time(pause_s - 1)
            assert await rig.store.take() is None
            rig.pass_time(2)
        assert await rig.store.take() is not None


class TestDeciding:
    async def test_an_approval_is_committed_with_its_event(self, rig):
        await is_open(rig)
        review = await rig.store.take()
        assert await rig.store.decide(review, BOTH)

        (event,) = approvals(rig)
        assert (rig.state(), event.subject, event.extensions["causationid"]) == (State.APPROVED, INCIDENT, EVENT.id)
        approved = RemediationApproved.model_validate(event.data)
        assert approved.model_dump(exclude={"approved_at", "command"}) == {
            "proposal_id": "p-1",
            "incident_id": INCIDENT,
            "approval_id": f"apr-{code_of(DIGEST)}",
            "approved_by": ["bo", "grace"],
            "digest": DIGEST,
            "issue": ISSUE.model_dump(),
        }
        assert (approved.command, approved.approved_at) == (review.command, event.time)

    @pytest.mark.parametrize("decision", ENDS, ids=lambda decision: decision.verdict)
    async def test_every_other_verdict_is_an_end_without_an_approval(self, rig, decision):
        await is_open(rig)
        assert await rig.store.decide(await rig.store.take(), decision)
        assert (rig.state(), approvals(rig)) == (State(decision.verdict.value), [])

    async def test_the_first_verdict_stands(self, rig):
        await is_open(rig)
        review = await rig.store.take()
        assert await rig.store.decide(review, ENDS[0])
        assert not await rig.store.decide(review, BOTH)
        assert (rig.state(), approvals(rig)) == (State.REJECTED, [])

    async def test_an_owner_that_was_overtaken_changes_nothing(self, rig):
        await is_open(rig)
        late = await rig.store.take()
        rig.pass_time(LEASE_S + 1)
        review = await rig.store.take()
        assert not await rig.store.decide(late, BOTH)
        await rig.store.put_back(late, None)
        await rig.store.finish(late)
        assert await rig.store.decide(review, ENDS[1])
        assert (rig.state(), approvals(rig)) == (State.EXPIRED, [])

    async def test_a_decided_issue_is_due_to_be_closed_until_it_is(self, rig):
        await is_open(rig)
        await rig.store.decide(await rig.store.take(), BOTH)
        review = await rig.store.take()
        assert (review.verdict, review.issue) == (Verdict.APPROVED, ISSUE)
        await rig.store.put_back(review, "down")
        rig.pass_time(READ_S * 5 + 1)
        await rig.store.finish(await rig.store.take())
        rig.pass_time(86_400 * 365)
        assert (await rig.store.take(), rig.state(), len(approvals(rig))) == (None, State.APPROVED, 1)

    async def test_a_proposal_is_answered_as_before_whatever_was_decided(self, rig):
        await is_open(rig)
        review = await rig.store.take()
        draft = Draft("title", "body", marker_of(DIGEST))
        before = await rig.reviews.plan(EVENT, review.assessed, draft)
        await rig.store.decide(review, ENDS[2])
        await rig.store.finish(await rig.store.take())
        assert await rig.reviews.plan(EVENT, review.assessed, draft) == before
        again = await rig.reviews.plan(replace(EVENT, id="again"), review.assessed, draft)
        assert (again.assessed.issue, rig.state()) == (ISSUE, State.VOIDED)


@pytest.mark.parametrize(
    "lacking", ["response = response - 'seal'", "request = request - '{requester,command}'::text[]"]
)
async def test_an_issue_that_an_older_version_planned_is_left_to_people(database, rows, lacking):
    rig = InPostgres(database, rows)
    await is_open(rig)
    rows(f"UPDATE effects SET {lacking}")
    assert await rig.store.take() is None
