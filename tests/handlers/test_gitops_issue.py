from __future__ import annotations

from collections import deque
from dataclasses import replace
from types import SimpleNamespace

import pytest

from functions.gitops_issue.core.approvals import code_of
from functions.gitops_issue.core.policy import Policy
from functions.gitops_issue.drafts import Locale, Writer
from functions.gitops_issue.handler import Ports, create_handler
from functions.gitops_issue.issues import LEASE_S, Postponed, Refused, State, Uncertain
from functions.gitops_issue.model import ACCEPTS, REQUEST_TYPE
from functions.gitops_issue.proposals import Assessor
from shared.domain.errors import DatabaseUnavailable
from shared.domain.events import PING, Event
from shared.domain.failures import LOST_CONNECTION
from shared.domain.remediations import (
    REMEDIATION_APPROVED,
    REMEDIATION_ASSESSED,
    REMEDIATION_REVIEW_REQUESTED,
    RemediationApproved,
    RemediationAssessed,
    RemediationReviewRequested,
)
from shared.runtime.requests import EventReader
from shared.runtime.serving import Route, serve
from shared.testing.clocks import FakeClock
from shared.testing.events import INCIDENT, write_requested
from shared.testing.gitops import MemoryReviews, remediation_proposed
from shared.testing.gitops_forge import MemoryForge
from shared.testing.gitops_verdicts import MemoryVerdicts
from tests.senders import STRUCTURED, binary, plain, structured, tick

EVENT = remediation_proposed()
OUT = DatabaseUnavailable(LOST_CONNECTION)
SETTLE_S = 60.0
SECRET = "ghp_" + "a1B2" * 9
WRITER = Writer.of(Locale.EN)
PINGED = Event(id="ping-1", source="/apis/v1/namespaces/aftercare/pingsources/gitops-issue", type=PING, data={})


@pytest.fixture
def place(client, settings):
    """gitops-issue over HTTP, and everything around it."""

    def make(*, sink=None, forge=True, checks=True, opens=True, approvers=()):
        clock = FakeClock()
        reviews, gitea, told = MemoryReviews(clock, settle_s=SETTLE_S), MemoryForge(clock), []
        verdicts = MemoryVerdicts(reviews, clock, approvers=frozenset(approvers))
        ports = Ports(
            assess=Assessor(policy=Policy(), writer=WRITER, checks=checks, opens=opens),
            reviews=reviews,
            verdicts=verdicts,
            notes=WRITER,
            forge=gitea if forge else None,
            clock=clock,
            committed=lambda: told.append(True),
        )
        route = Route(read=EventReader(ACCEPTS, request_type=REQUEST_TYPE, ticks=True), use_case=create_handler(ports))
        given = {} if sink is None else {"event_sink": sink}
        http = client(serve("gitops-issue", settings(**given), {"/": route}))
        return SimpleNamespace(http=http, clock=clock, reviews=reviews, verdicts=verdicts, gitea=gitea, told=told)

    return make


def fail(here, **calls):
    here.reviews.failures |= {call: deque([OUT] * times) for call, times in calls.items()}
    return here


async def propose(here, event=EVENT):
    answer = await here.http.post("/", **plain(event))
    return answer.status_code, answer.json()


async def settle(here, *, seconds=LEASE_S + SETTLE_S + 1):
    here.clock.advance(seconds)
    assert (await here.http.post("/", **tick())).status_code == 204


class TestProposing:
    async def test_a_risky_plan_opens_one_issue(self, place, logged):
        here = place()
        answer = await here.http.post("/", **structured(EVENT))

        assert (answer.status_code, answer.headers["content-type"]) == (200, STRUCTURED)
        event = answer.json()
        assert (event["type"], event["subject"], event["causationid"]) == (REMEDIATION_ASSESSED, INCIDENT, EVENT.id)
        assessed = RemediationAssessed.model_validate(event["data"])
        assert (assessed.score, assessed.tier, assessed.outcome) == (72, "dual", "issue_opened")
        assert assessed.issue.number == 1
        (issue,) = here.gitea.issues
        assert issue.title.startswith("[AI-Repair] ")
        assert f"<!-- aftercare:plan {assessed.digest} -->" in issue.body
        (line,) = logged()
        assert (line["outcome"], line["tier"], line["score"]) == ("issue_opened", "dual", 72)

    async def test_review_is_requested(self, place):
        here = place()
        await here.http.post("/", **structured(EVENT))

        told, asked = here.reviews.announced
        assert (told.data["outcome"], asked.type) == ("issue_opened", REMEDIATION_REVIEW_REQUESTED)
        assert RemediationReviewRequested.model_validate(asked.data).issue.number == 1
        assert here.told

    @pytest.mark.parametrize("style", [structured, binary, plain])
    async def test_all_ways_of_asking_are_one(self, place, style):
        here = place()
        answer = await here.http.post("/", **style(EVENT))
        data = answer.json() if style is plain else answer.json()["data"]
        assert (answer.status_code, data["outcome"], data["incident_id"]) == (200, "issue_opened", INCIDENT)

    async def test_with_a_sink_a_broker_gets_no_body_and_people_the_result(self, place):
        here = place(sink="http://broker")
        assert (await here.http.post("/", **structured(EVENT))).status_code == 204
        assert (await here.http.post("/", **plain(EVENT))).json()["outcome"] == "issue_opened"

    @pytest.mark.parametrize(
        ("command", "tier"),
        [
            ("kubectl get pods -n prod", "auto"),
            ("kubectl rollout restart deployment/api -n prod", "human"),
            ("kubectl delete namespace prod", "blocked"),
            ("sh -c 'kubectl delete pod x'", "blocked"),
            ("rm -rf /", "blocked"),
        ],
    )
    async def test_other_tiers_open_none(self, place, command, tier):
        here = place()
        status, said = await propose(here, remediation_proposed(command=command))
        assert (status, said["tier"], said["outcome"], said["issue"]) == (200, tier, "assessed", None)
        assert here.gitea.issues == []

    async def test_the_tier_follows_from_the_score_and_never_from_the_proposal(self, place):
        status, _ = await propose(place(), remediation_proposed(tier="auto", score=1))
        assert status == 422

    async def test_an_incident_that_a_plain_caller_names_is_the_subject(self, place):
        here = place()
        await propose(here)
        assert {event.subject for event in here.reviews.announced} == {INCIDENT}

    @pytest.mark.parametrize("data", [None, [], "text", {}])
    async def test_data_of_another_kind(self, place, data):
        assert (await place().http.post("/", **structured(replace(EVENT, data=data)))).status_code == 422

    async def test_another_type(self, place):
        assert (await place().http.post("/", **structured(write_requested()))).status_code == 422

    async def test_without_a_key_a_plain_request_is_refused(self, place):
        answer = await place().http.post("/", json=EVENT.data)
        assert (answer.status_code, "Idempotency-Key" in answer.json()["detail"]) == (400, True)

    async def test_secrets_leave_by_no_door(self, place, capsys):
        here = place()
        command = f"kubectl set env deployment/api TOKEN={SECRET} --all -n prod"
        event = remediation_proposed(command=command, diagnosis=f"password={SECRET}", constraints=[f"not {SECRET}"])
        answer = await here.http.post("/", **structured(event))
        everything = answer.text + repr(here.gitea.issues) + repr(here.reviews.announced) + capsys.readouterr().out
        assert SECRET not in everything

    async def test_not_even_as_the_name_of_a_target(self, place):
        here = place()
        secret = "glpat-" + "a1b2" * 5
        _, said = await propose(here, remediation_proposed(command=f"kubectl drain {secret}"))
        assert said["target"].startswith("node/[redacted")
        assert secret not in repr(here.gitea.issues) + repr(here.reviews.announced)


class TestOnce:
    async def test_a_redelivered_proposal_opens_no_second_issue(self, place, logged):
        here = place()
        answers = [await here.http.post("/", **structured(EVENT)) for _ in range(3)]
        assert len({answer.text for answer in answers[1:]}) == 1
        assert {answer.json()["data"]["outcome"] for answer in answers} == {"issue_opened"}
        assert [line["duplicate"] for line in logged()] == [False, True, True]
        assert len(here.gitea.issues) == 1

    async def test_the_same_plan_under_another_id_is_answered_with_the_same_issue(self, place):
        here = place()
        _, first = await propose(here)
        status, second = await propose(here, remediation_proposed(id="proposed-2", proposal_id="p-2"))
        assert (status, second["issue"], second["proposal_id"]) == (200, first["issue"], "p-2")
        assert (len(here.gitea.issues), first["digest"]) == (1, second["digest"])

    async def test_an_edited_plan_is_another_plan(self, place):
        here = place()
        _, first = await propose(here)
        _, second = await propose(here, remediation_proposed(id="proposed-2", target_state="something else"))
        assert first["digest"] != second["digest"]
        assert len(here.gitea.issues) == 2

    async def test_an_id_that_was_used_for_another_plan_is_refused(self, place):
        here = place()
        await propose(here)
        status, said = await propose(here, remediation_proposed(requested_by="mallory"))
        assert (status, "used before" in said["detail"]) == (422, True)


class TestWaiting:
    async def test_while_gitea_is_down_the_intent_is_kept_and_answered_202(self, place, logged):
        here = place()
        here.gitea.down = True
        status, said = await propose(here)
        assert (status, said["outcome"], said["issue"]) == (202, "issue_pending", None)
        assert logged()[0]["why"] == "Gitea is down"
        assert [event.data["outcome"] for event in here.reviews.announced] == ["issue_pending"]

        here.gitea.down = False
        await settle(here)
        assert (await propose(here))[1]["outcome"] == "issue_opened"
        assert len(here.gitea.issues) == 1

    async def test_a_lost_answer_is_found_and_never_posted_again(self, place):
        here = place()
        here.gitea.next.append(Uncertain("lost"))
        assert (await propose(here))[0] == 202
        await settle(here)
        assert (await propose(here))[1]["issue"]["number"] == 1
        assert len(here.gitea.issues) == 1

    async def test_an_answer_that_was_lost_with_its_issue_is_posted_again_once_it_is_known_to_be_absent(self, place):
        here = place()
        here.gitea.next.append(Uncertain("lost"))
        here.gitea.lost = True
        await propose(here)
        await settle(here, seconds=SETTLE_S - 1)
        assert here.gitea.issues == []
        await settle(here, seconds=2)
        assert len(here.gitea.issues) == 1
        assert (await propose(here))[1]["outcome"] == "issue_opened"

    async def test_a_refusal_says_why_and_keeps_the_intent(self, place, logged):
        here = place()
        here.gitea.next.append(Refused("check that GITEA_ISSUE_ASSIGNEES exist there"))
        assert (await propose(here))[0] == 202
        assert "GITEA_ISSUE_ASSIGNEES" in logged()[0]["why"]
        assert list(here.reviews.states.values()) == [State.FAILED]
        await settle(here, seconds=3601)
        assert len(here.gitea.issues) == 1

    async def test_a_redelivery_goes_on_with_what_waits(self, place):
        here = place()
        here.gitea.next.append(Postponed("down"))
        await propose(here)
        here.clock.advance(31)
        assert (await propose(here))[1]["outcome"] == "issue_opened"

    async def test_without_gitea_it_is_assessed_only_and_says_so(self, place, logged):
        here = place(forge=False)
        status, said = await propose(here)
        assert (status, said["tier"], said["outcome"]) == (202, "dual", "issue_pending")
        assert "GITEA_API_URL" in logged()[0]["why"]
        assert list(here.reviews.states.values()) == [State.PLANNED]
        assert (await here.http.post("/", **tick())).status_code == 204
        assert logged()[0]["outcome"] == "skipped"


class TestSwitches:
    async def test_without_the_check_the_answer_is_skipped_and_a_person_decides(self, place):
        here = place(checks=False)
        status, said = await propose(here, remediation_proposed(command="kubectl get pods"))
        assert (status, said["outcome"], said["tier"], said["score"]) == (200, "skipped", "human", 50)
        assert said["reasons"][0]["rule"] == "blast-radius-check:off"
        assert here.gitea.issues == []

    async def test_without_issues_the_answer_is_skipped_and_the_tier_still_holds(self, place):
        here = place(opens=False)
        status, said = await propose(here)
        assert (status, said["outcome"], said["tier"]) == (200, "skipped", "dual")
        assert (here.gitea.issues, here.reviews.states) == ([], {})

    async def test_without_issues_other_tiers_are_assessed_as_ever(self, place):
        _, said = await propose(place(opens=False), remediation_proposed(command="kubectl get pods"))
        assert said["outcome"] == "assessed"


class TestOutages:
    @pytest.mark.parametrize("style", [structured, plain])
    async def test_without_the_database_nothing_is_acknowledged(self, place, style):
        here = fail(place(), plan=1)
        answer = await here.http.post("/", **style(EVENT))
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
        assert here.gitea.issues == []

    @pytest.mark.parametrize(("call", "opened"), [("take", 0), ("settle", 1)])
    async def test_what_is_committed_is_acknowledged_though_the_database_is_lost_later(self, place, call, opened):
        here = fail(place(), **{call: 1})
        status, said = await propose(here)
        assert (status, said["outcome"], len(here.gitea.issues)) == (202, "issue_pending", opened)
        await settle(here)
        assert (await propose(here))[1]["outcome"] == "issue_opened"
        assert len(here.gitea.issues) == 1

    async def test_a_tick_without_the_database_is_a_503(self, place):
        here = fail(place(), take=1)
        assert (await here.http.post("/", **structured(PINGED))).status_code == 503


class TestTick:
    @pytest.mark.parametrize("style", [tick, structured, binary])
    async def test_it_says_what_became_of_what_waited(self, place, style, logged):
        here = place()
        here.gitea.down = True
        await propose(here)
        here.gitea.down = False
        here.clock.advance(31)
        answer = await here.http.post("/", **style(PINGED))
        assert (answer.status_code, answer.content) == (204, b"")
        line = logged()[-1]
        assert (line["outcome"], line["opened"], line["why"]) == ("settled", 1, [])

    async def test_all_that_is_due_is_settled(self, place, logged):
        here = place()
        here.gitea.next.extend([Uncertain("lost"), Postponed("busy"), Refused("no"), Postponed("busy")])
        for number in range(4):
            await propose(here, remediation_proposed(id=str(number), diagnosis=f"disk {number}"))
        await settle(here, seconds=3601)
        assert logged()[-1]["opened"] == 4
        assert len({issue.body for issue in here.gitea.issues}) == len(here.gitea.issues) == 4

    async def test_while_gitea_is_down_one_question_is_enough(self, place, logged):
        here = place()
        here.gitea.down = True
        for number in range(3):
            await propose(here, remediation_proposed(id=str(number), diagnosis=f"disk {number}"))
        here.clock.advance(31)
        await here.http.post("/", **tick())
        line = logged()[-1]
        assert (line["postponed"], line["why"]) == (1, ["Gitea is down"])


async def opened(here, event=EVENT):
    """The line that approves a plan whose issue is open."""
    _, said = await propose(here, event)
    return f"/approve {code_of(said['digest'])}"


async def ticked(here, *, seconds=0):
    here.clock.advance(seconds)
    assert (await here.http.post("/", **tick())).status_code == 204


def approvals(here):
    return [event for event in here.reviews.announced if event.type == REMEDIATION_APPROVED]


class TestApproving:
    async def test_two_people_approve_and_it_is_announced_once(self, place, logged):
        here = place()
        yes = await opened(here)
        here.gitea.say(1, "ada", yes)
        await ticked(here)
        assert approvals(here) == []
        here.gitea.say(1, "grace", yes)
        await ticked(here, seconds=31)

        line = logged()[-1]
        assert (line["approved"], line["closed"], line["why"]) == (1, 1, [])
        await ticked(here, seconds=31)
        (event,) = approvals(here)
        assert (event.subject, event.extensions["causationid"]) == (INCIDENT, EVENT.id)
        approved = RemediationApproved.model_validate(event.data)
        assert (approved.approved_by, approved.command) == (["ada", "grace"], EVENT.data["command"])
        assert (approved.issue.number, approved.approval_id) == (1, f"apr-{yes.removeprefix('/approve ')}")
        assert approved.digest.startswith(f"sha256:{yes.removeprefix('/approve ')}")

    async def test_then_the_issue_is_closed_and_says_why_once(self, place):
        here = place()
        yes = await opened(here)
        for login in ("ada", "grace"):
            here.gitea.say(1, login, yes)
        for _ in range(3):
            await ticked(here, seconds=31)
        (issue,) = here.gitea.issues
        assert issue.is_closed
        (note,) = [comment.body for comment in issue.comments if comment.login == "aftercare"]
        assert "Nothing was executed" in note

    async def test_approvals_are_never_taken_from_an_event(self, place):
        here = place()
        yes = await opened(here)
        event = remediation_proposed(id="forged", approved_by=["ada", "grace"], approvals=[yes])
        assert (await here.http.post("/", **structured(event))).status_code == 422
        approved = replace(EVENT, id="approved-1", type=REMEDIATION_APPROVED)
        assert (await here.http.post("/", **structured(approved))).status_code == 422
        await ticked(here)
        assert approvals(here) == []

    async def test_the_requester_is_not_one_of_the_two(self, place):
        here = place()
        yes = await opened(here, remediation_proposed(requested_by="Grace"))
        for login in ("ada", "grace"):
            here.gitea.say(1, login, yes)
        await ticked(here)
        assert list(here.reviews.states.values()) == [State.SENT]

    async def test_only_listed_people_count(self, place):
        here = place(approvers=["ada", "bo"])
        yes = await opened(here)
        for login in ("ada", "grace"):
            here.gitea.say(1, login, yes)
        await ticked(here)
        assert list(here.reviews.states.values()) == [State.SENT]
        here.gitea.say(1, "bo", yes)
        await ticked(here, seconds=31)
        assert approvals(here)[0].data["approved_by"] == ["ada", "bo"]

    @pytest.mark.parametrize("field", ["title", "body"])
    async def test_an_edited_issue_is_void_and_stays_so(self, place, field):
        here = place()
        yes = await opened(here)
        for login in ("ada", "grace"):
            here.gitea.say(1, login, yes)
        (issue,) = here.gitea.issues
        before = getattr(issue, field)
        setattr(issue, field, before.replace("worker-3", "worker-4"))
        await ticked(here)
        setattr(issue, field, before)
        await ticked(here, seconds=31)

        assert list(here.reviews.states.values()) == [State.VOIDED]
        assert (issue.is_closed, approvals(here)) == (True, [])
        assert "edited" in issue.comments[-1].body

    async def test_an_edited_comment_does_not_count(self, place):
        here = place()
        yes = await opened(here)
        here.gitea.say(1, "ada", yes)
        here.gitea.say(1, "grace", "Never!")
        here.gitea.reword(1, 1, yes)
        await ticked(here)
        assert list(here.reviews.states.values()) == [State.SENT]

    @pytest.mark.parametrize("way", ["comment", "close"])
    async def test_anybody_can_stop_it(self, place, way):
        here = place()
        yes = await opened(here)
        for login in ("ada", "grace"):
            here.gitea.say(1, login, yes if login == "ada" or way == "comment" else "no")
        if way == "comment":
            here.gitea.say(1, "bo", yes.replace("approve", "reject"))
        here.gitea.issues[0].is_closed = way == "close"
        await ticked(here)
        assert list(here.reviews.states.values()) == [State.REJECTED]
        assert (here.gitea.issues[0].is_closed, approvals(here)) == (True, [])

    async def test_a_plan_expires(self, place):
        here = place()
        yes = await opened(here)
        await ticked(here)
        here.clock.advance(86_400)
        for login in ("ada", "grace"):
            here.gitea.say(1, login, yes)
        await ticked(here)
        assert (list(here.reviews.states.values()), approvals(here)) == ([State.EXPIRED], [])
        assert here.gitea.issues[0].is_closed

    async def test_it_expires_while_gitea_is_down_and_the_issue_is_closed_later(self, place, logged):
        here = place()
        for number in range(3):
            await opened(here, remediation_proposed(id=str(number), diagnosis=f"disk {number}"))
        here.gitea.down = True
        await ticked(here, seconds=86_400)
        assert set(here.reviews.states.values()) == {State.EXPIRED}
        assert logged()[-1]["why"] == ["Gitea is down"]
        here.gitea.down = False
        await ticked(here, seconds=200)
        assert [issue.is_closed for issue in here.gitea.issues] == [True] * 3

    async def test_a_deleted_issue_rejects_its_plan_and_does_not_stand_in_the_way_of_others(self, place, logged):
        here = place()
        for number in (1, 2):
            yes = await opened(here, remediation_proposed(id=str(number), diagnosis=f"disk {number}"))
            for login in ("ada", "grace"):
                here.gitea.say(number, login, yes)
        here.gitea.issues[0].is_deleted = True
        await ticked(here)
        assert list(here.reviews.states.values()) == [State.REJECTED, State.APPROVED]
        line = logged()[-1]
        assert (line["gone"], line["closed"], len(line["why"])) == (1, 1, 1)
        assert "issue 1 was deleted" in line["why"][0]

    async def test_a_decided_plan_that_is_proposed_again_is_answered_with_its_issue(self, place):
        here = place()
        yes = await opened(here)
        here.gitea.say(1, "ada", yes.replace("approve", "reject"))
        await ticked(here)
        status, said = await propose(here, remediation_proposed(id="again", proposal_id="p-2"))
        assert (status, said["issue"]["number"], len(here.gitea.issues)) == (200, 1, 1)
        await ticked(here, seconds=31)
        assert list(here.reviews.states.values()) == [State.REJECTED]

    async def test_the_database_that_is_lost_before_a_verdict_is_no_verdict(self, place):
        here = place()
        yes = await opened(here)
        for login in ("ada", "grace"):
            here.gitea.say(1, login, yes)
        here.verdicts.failures["decide"] = deque([OUT])
        assert (await here.http.post("/", **tick())).status_code == 503
        assert not here.gitea.issues[0].is_closed
        await ticked(here, seconds=LEASE_S + 1)
        assert len(approvals(here)) == 1


class TestDuplicates:
    async def test_an_issue_that_came_late_is_closed_and_names_the_first(self, place, logged):
        here = place()
        here.gitea.next.append(Uncertain("lost"))
        here.gitea.lost = True
        await propose(here)
        await settle(here)
        late = replace(here.gitea.issues[0], comments=[])
        here.gitea.issues.append(late)
        await ticked(here, seconds=31)
        await ticked(here, seconds=31)
        assert [issue.is_closed for issue in here.gitea.issues] == [False, True]
        (note,) = late.comments
        assert "#1" in note.body
        assert sum(line.get("duplicate", 0) for line in logged() if line["outcome"] == "settled") == 1

    async def test_an_issue_that_somebody_else_copied_is_left_alone(self, place):
        here = place()
        here.gitea.next.append(Postponed("busy"))
        await propose(here)
        await settle(here)
        here.gitea.issues.append(replace(here.gitea.issues[0], author="mallory", comments=[]))
        await ticked(here, seconds=31)
        assert [issue.is_closed for issue in here.gitea.issues] == [False, False]
