"""One contract, two stores of plans: in memory and in PostgreSQL."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import replace

import pytest

from functions.gitops_issue.drafts import Draft, marker_of
from functions.gitops_issue.issues import LEASE_S, Absent, Opened, Postponed, Refused, State, Uncertain
from functions.gitops_issue.reviews import PostgresReviews
from shared.domain.errors import Unprocessable
from shared.domain.events import from_structured
from shared.domain.remediations import (
    REMEDIATION_ASSESSED,
    REMEDIATION_REVIEW_REQUESTED,
    AssessmentOutcome,
    ReviewIssue,
    Tier,
)
from shared.testing.clocks import FakeClock
from shared.testing.events import INCIDENT
from shared.testing.gitops import MemoryReviews, remediation_assessed, remediation_proposed

SETTLE_S = 30.0
APPROVAL_S = 3_600.0
DIGEST, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
ISSUE = ReviewIssue(number=12, url="http://gitea/sre/changes/issues/12")
OPENED = Opened(ISSUE, "seal", "aftercare")
EVENT = remediation_proposed()
LOST = Uncertain("the answer was lost")


def assessed(*, digest=DIGEST, **changes):
    return remediation_assessed(digest=digest, **changes)


def draft(digest=DIGEST):
    return Draft("[AI-Repair] drain", f"body\n\n{marker_of(digest)}\n", marker_of(digest))


class InMemory:
    def __init__(self):
        self.clock = FakeClock()
        self.store = MemoryReviews(self.clock, settle_s=SETTLE_S)

    def pass_time(self, seconds):
        self.clock.advance(seconds)

    def announced(self):
        return self.store.announced

    def state(self, digest=DIGEST):
        return self.store.states.get(digest)


class InPostgres:
    def __init__(self, database, rows):
        self.store = PostgresReviews(database, settle_s=SETTLE_S, approval_s=APPROVAL_S, announce=True)
        self._rows = rows

    def pass_time(self, seconds):
        self._rows(
            "UPDATE effects SET lease_until = lease_until - :s * interval '1 second', "
            "next_at = next_at - :s * interval '1 second'",
            s=float(seconds),
        )

    def announced(self):
        return [from_structured(event) for (event,) in self._rows("SELECT event FROM outbox ORDER BY id")]

    def state(self, digest=DIGEST):
        found = self._rows("SELECT state FROM effects WHERE key = :key", key=digest)
        return State(found[0][0]) if found else None


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


def types(rig):
    return [event.type for event in rig.announced()]


async def sending(rig):
    """A plan that is taken to be posted."""
    await rig.store.plan(EVENT, assessed(), draft())
    return await rig.store.take()


async def unknown(rig):
    await rig.store.settle(await sending(rig), LOST)


class TestPlanning:
    async def test_an_assessment_and_its_intent_are_committed_together(self, rig):
        planned = await rig.store.plan(EVENT, assessed(), draft())

        assert (planned.is_pending, planned.duplicate, rig.state()) == (True, False, State.PLANNED)
        (announced,) = rig.announced()
        assert announced == planned.announced
        assert (announced.type, announced.subject) == (REMEDIATION_ASSESSED, INCIDENT)
        assert announced.data["outcome"] == "issue_pending"
        assert announced.extensions["causationid"] == EVENT.id

    async def test_what_needs_no_issue_has_no_intent(self, rig):
        done = assessed(outcome=AssessmentOutcome.ASSESSED, tier=Tier.HUMAN)
        planned = await rig.store.plan(EVENT, done, None)

        assert (planned.is_pending, rig.state(), types(rig)) == (False, None, [REMEDIATION_ASSESSED])
        assert await rig.store.take() is None

    async def test_a_repeated_event_is_answered_as_before(self, rig):
        first = await rig.store.plan(EVENT, assessed(), draft())
        again = await rig.store.plan(EVENT, assessed(), draft())

        assert again == replace(first, duplicate=True)
        assert len(rig.announced()) == 1

    async def test_an_id_with_other_content_is_refused(self, rig):
        await rig.store.plan(EVENT, assessed(), draft())
        with pytest.raises(Unprocessable):
            await rig.store.plan(remediation_proposed(requested_by="mallory"), assessed(), draft())

    async def test_a_plan_that_is_proposed_again_is_one_plan(self, rig):
        await rig.store.plan(EVENT, assessed(), draft())
        await rig.store.plan(remediation_proposed(id="proposed-2"), assessed(proposal_id="p-2"), draft())

        assert await rig.store.take() is not None
        assert await rig.store.take() is None
        assert [event.data["proposal_id"] for event in rig.announced()] == ["p-1", "p-2"]

    async def test_an_event_without_a_subject_is_about_its_incident(self, rig):
        planned = await rig.store.plan(replace(EVENT, subject=None), assessed(), draft())
        assert planned.announced.subject == INCIDENT


class TestTaking:
    async def test_a_plan_has_one_owner(self, rig):
        await rig.store.plan(EVENT, assessed(), draft())
        taken = await asyncio.gather(*(rig.store.take() for _ in range(4)))

        (ticket,) = [ticket for ticket in taken if ticket is not None]
        assert (ticket.digest, ticket.state, ticket.attempts, rig.state()) == (DIGEST, State.SENDING, 1, State.SENDING)
        assert (ticket.draft, ticket.assessed) == (draft(), assessed())
        assert ticket.cause == replace(EVENT, data=None)

    async def test_one_plan_can_be_asked_for(self, rig):
        await rig.store.plan(EVENT, assessed(), draft())
        await rig.store.plan(remediation_proposed(id="2"), assessed(digest=OTHER), draft(OTHER))

        assert (await rig.store.take(digest=OTHER)).digest == OTHER
        assert await rig.store.take(digest="sha256:none") is None
        assert await rig.store.take(digest=OTHER) is None

    async def test_what_a_dead_sender_left_is_looked_for_and_not_before_it_has_settled(self, rig):
        await sending(rig)
        rig.pass_time(LEASE_S + SETTLE_S - 1)
        assert await rig.store.take() is None
        rig.pass_time(2)
        ticket = await rig.store.take()
        assert (ticket.state, ticket.attempts, rig.state()) == (State.UNKNOWN, 2, State.UNKNOWN)

    async def test_what_may_have_arrived_is_looked_for_and_not_before_it_has_settled(self, rig):
        await unknown(rig)
        assert rig.state() is State.UNKNOWN
        rig.pass_time(SETTLE_S - 1)
        assert await rig.store.take() is None
        rig.pass_time(2)
        assert (await rig.store.take()).state is State.UNKNOWN


class TestSettling:
    async def test_an_open_issue_is_announced_once_and_asks_for_review(self, rig):
        assert await rig.store.settle(await sending(rig), OPENED)

        assert rig.state() is State.SENT
        told, asked = rig.announced()
        assert (told.type, asked.type) == (REMEDIATION_ASSESSED, REMEDIATION_REVIEW_REQUESTED)
        assert (told.data["outcome"], told.data["issue"]) == ("issue_opened", ISSUE.model_dump())
        assert (asked.data["issue"], asked.data["digest"]) == (ISSUE.model_dump(), DIGEST)
        assert await rig.store.take() is None

    async def test_a_repeated_event_is_answered_with_the_issue_once_it_is_open(self, rig):
        first = await rig.store.plan(EVENT, assessed(), draft())
        ticket = await rig.store.take()
        await rig.store.settle(ticket, OPENED)
        later = await rig.store.plan(EVENT, assessed(), draft())

        assert (later.assessed.issue, later.is_pending, later.duplicate) == (ISSUE, False, True)
        assert later.announced.id != first.announced.id  # one id never has two contents
        assert later.announced == rig.announced()[0]
        assert await rig.store.plan(EVENT, assessed(), draft()) == later

    async def test_the_same_plan_under_another_id_is_answered_with_the_same_issue(self, rig):
        await rig.store.settle(await sending(rig), OPENED)
        event = remediation_proposed(id="proposed-2", proposal_id="p-2")
        other = await rig.store.plan(event, assessed(proposal_id="p-2"), draft())

        assert (other.assessed.issue, other.assessed.proposal_id, other.duplicate) == (ISSUE, "p-2", False)
        assert await rig.store.take() is None
        assert types(rig).count(REMEDIATION_REVIEW_REQUESTED) == 1
        assert await rig.store.plan(event, assessed(proposal_id="p-2"), draft()) == replace(other, duplicate=True)

    async def test_an_owner_that_was_overtaken_changes_nothing(self, rig):
        late = await sending(rig)
        rig.pass_time(LEASE_S + SETTLE_S + 1)
        ticket = await rig.store.take()
        assert not await rig.store.settle(late, numbered(99))
        assert await rig.store.settle(ticket, OPENED)
        assert not await rig.store.settle(ticket, numbered(98))
        assert (await rig.store.plan(EVENT, assessed(), draft())).assessed.issue == ISSUE

    async def test_what_was_postponed_waits_longer_each_time(self, rig):
        ticket = await sending(rig)
        for pause_s in (30, 60, 120):
            await rig.store.settle(ticket, Postponed("down"))
            assert rig.state() is State.PLANNED
            rig.pass_time(pause_s - 1)
            assert await rig.store.take() is None
            rig.pass_time(2)
            ticket = await rig.store.take()
        assert (await rig.store.plan(EVENT, assessed(), draft())).why == "down"

    async def test_a_look_that_failed_is_looked_at_again(self, rig):
        await unknown(rig)
        rig.pass_time(SETTLE_S + 1)
        ticket = await rig.store.take()
        await rig.store.settle(ticket, Postponed("down"))
        assert rig.state() is State.UNKNOWN

    async def test_what_is_not_there_is_posted_again_at_once(self, rig):
        await unknown(rig)
        rig.pass_time(SETTLE_S + 1)
        ticket = await rig.store.take()
        await rig.store.settle(ticket, Absent())
        ticket = await rig.store.take()
        assert ticket.state is State.SENDING

    async def test_what_was_refused_is_kept_and_tried_again_after_an_hour(self, rig):
        await rig.store.settle(await sending(rig), Refused("no such assignee"))
        assert (rig.state(), await rig.store.take()) == (State.FAILED, None)
        assert (await rig.store.plan(EVENT, assessed(), draft())).why == "no such assignee"
        rig.pass_time(3601)
        assert (await rig.store.take()).state is State.SENDING

    async def test_what_was_refused_is_tried_at_once_when_it_is_proposed_again(self, rig):
        await rig.store.settle(await sending(rig), Refused("no such assignee"))
        await rig.store.plan(remediation_proposed(id="proposed-2"), assessed(), draft())
        assert rig.state() is State.PLANNED
        assert (await rig.store.take()).state is State.SENDING


def numbered(number):
    return replace(OPENED, issue=ISSUE.model_copy(update={"number": number}))
