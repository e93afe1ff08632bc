from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import reduce

import pytest

from functions.verify_execution.core.judging import is_conclusive
from functions.verify_execution.core.readings import SensorKind
from functions.verify_execution.core.soaking import Soak
from functions.verify_execution.core.tickets import captured, settle
from functions.verify_execution.core.timetable import Check
from functions.verify_execution.model import EMITS
from shared.domain.calls import FailureKind
from shared.domain.executions import (
    EXECUTION_BASELINE_CAPTURED,
    EXECUTION_VERIFIED,
    ROLLBACK_PROPOSED,
    Reason,
    Verdict,
)
from shared.testing.clocks import NOON
from tests.executions import TARGET, broken, completed, half_up, healthy, settled, starting, ticket, unseen
from tests.verdicts import alert, http, metric, silent, snapshot, workload

LATER = [Check.AFTER_5M, Check.AFTER_1H, Check.AFTER_24H]


def at(seconds):
    return NOON + timedelta(seconds=seconds)


class TestTheVerdictsEvent:
    def test_it_says_all_that_was_asked_and_found(self):
        held = ticket(baseline_id="b-1", baseline=broken(at(-60)), cause=completed(approval_id="apr-1"))
        looks = [lambda t: snapshot(workload(t), alert(firing=False, at=t), silent(SensorKind.NEIGHBOURS), at=t)]
        settlement = settled(held, *looks)
        event = settlement.verified

        assert (event.type, event.source, event.subject) == (
            EXECUTION_VERIFIED,
            "/aftercare/verify-execution",
            held.cause.subject,
        )
        assert (event.time, event.extensions["causationid"]) == (at(25), "completed-ex-1")
        assert event.data == {
            "execution_id": "ex-1",
            "incident_id": held.execution.incident_id,
            "approval_id": "apr-1",
            "playbook_id": "pb-7",
            "verdict": "success",
            "reason": "recovered",
            "check": "initial",
            "revises": None,
            "evidence_id": settlement.evidence_id,
            "score": 0.9,
            "root_cause_cleared": True,
            "regressions": [],
            "sensors": {"attempted": 3, "succeeded": 2, "failed": ["neighbours"]},
            "action": {"kind": "rollout_restart", "command": None, "target": {"cluster": None, **TARGET}},
            "baseline": True,
            "verified_at": "2026-01-31T12:00:25Z",
        }

    @pytest.mark.parametrize("look", [healthy, half_up, broken, unseen])
    @pytest.mark.parametrize("check", list(Check))
    def test_it_keeps_the_contract(self, look, check):
        settlement = settled(ticket(check), look)
        for event in (settlement.verified, settlement.rollback):
            if event is not None:
                EMITS[event.type].model_validate(event.data)

    def test_ids_are_the_same_for_every_owner_and_another_for_every_check(self):
        ids = {settled(ticket(check, fence=fence), healthy).verified.id for check in Check for fence in (1, 2)}
        evidence = {settled(ticket(check, fence=fence), broken).evidence_id for check in Check for fence in (1, 2)}

        assert len(ids) == len(evidence) == 4

    def test_a_secret_in_a_command_is_not_sent_on(self):
        held = ticket(cause=completed(kind="other", command="mysql -u root -phunter2-x1 --password=hunter2-x1"))

        assert "hunter2" not in str(settled(held, healthy).verified.data)
        assert "hunter2" in held.execution.action.command

    def test_nothing_observed_is_blindness(self):
        settlement = settle(ticket(), ticket().case([], soaked=False), at=at(60))

        assert settlement.judgement.verdict is Verdict.TIMEOUT
        assert settlement.verified.data["sensors"] == {"attempted": 0, "succeeded": 0, "failed": []}

    def test_every_look_of_the_soak_is_evidence_and_none_is_one_of_nothing(self):
        looks = [healthy(at(20)), healthy(at(25))]

        assert settle(ticket(), ticket().case(looks, soaked=True), at=at(60)).observed == looks
        assert [seen.attempts for seen in settle(ticket(), ticket().case([], soaked=False), at=at(60)).observed] == [()]

    def test_a_baseline_is_announced_with_its_ledger(self):
        seen = snapshot(workload(), silent(SensorKind.METRIC, FailureKind.TIMEOUT), at=at(-5))
        event = captured(starting(), seen, incident_id="INC-1", execution_id="ex-1")

        assert (event.type, event.time) == (EXECUTION_BASELINE_CAPTURED, at(-5))
        assert event.data["sensors"] == {"attempted": 2, "succeeded": 1, "failed": ["metric"]}
        EMITS[event.type].model_validate(event.data)


class TestRollbacks:
    def test_a_failure_proposes_one(self):
        settlement = settled(ticket(), broken)

        assert settlement.rollback.type == ROLLBACK_PROPOSED
        assert settlement.rollback.data == {
            "execution_id": "ex-1",
            "incident_id": settlement.ticket.execution.incident_id,
            "score": 0.3,
            "inverse": {"kind": "rollout_undo", "command": "kubectl rollout undo deployment/api -n prod"},
            "possible": False,
            "why": "0 revisions are known, 2 are needed",
            "revisions": 0,
            "evidence_id": settlement.evidence_id,
        }

    @pytest.mark.parametrize(
        ("cause", "looks"),
        [
            (completed(), [healthy]),
            (completed(), [half_up]),
            (completed(), [unseen]),
            (completed(kind="observe"), [broken]),
            (completed(succeeded=False), [broken]),
        ],
    )
    def test_where_nothing_was_done_or_nothing_is_known_to_be_broken_none_is(self, cause, looks):
        assert settled(ticket(cause=cause), *looks).rollback is None

    def test_each_check_proposes_its_own(self):
        ids = {settled(ticket(check), broken).rollback.id for check in Check}

        assert len(ids) == 4


class TestLaterLooks:
    @pytest.mark.parametrize(
        ("check", "following"),
        [
            (Check.INITIAL, (Check.AFTER_5M, at(300))),
            (Check.AFTER_5M, (Check.AFTER_1H, at(3600))),
            (Check.AFTER_1H, (Check.AFTER_24H, at(86400))),
            (Check.AFTER_24H, None),
        ],
    )
    def test_a_success_is_looked_at_again_as_long_after_the_action_as_was_said(self, check, following):
        assert settled(ticket(check), healthy).next_check == following

    def test_a_story_makes_the_waits_small(self):
        held = ticket(timing=replace(ticket().timing, recheck_scale=0.01))

        assert settled(held, healthy).next_check == (Check.AFTER_5M, at(3))

    @pytest.mark.parametrize("look", [half_up, unseen, broken])
    def test_only_a_success_is_looked_at_again(self, look):
        assert settled(ticket(), look).next_check is None

    @pytest.mark.parametrize("check", LATER)
    def test_a_failure_found_later_is_a_relapse(self, check):
        settlement = settled(ticket(check, success_id="verified-1", judged_at=at(60)), broken)

        assert (settlement.judgement.verdict, settlement.judgement.reason) == (Verdict.FAILED, Reason.RELAPSED)
        assert settlement.judgement.decided_by[0] == "no_replicas"
        assert (settlement.verified.data["reason"], settlement.verified.data["revises"]) == ("relapsed", "verified-1")
        assert settlement.next_check is None
        assert settlement.is_relapse
        assert settlement.is_telling

    @pytest.mark.parametrize("check", LATER)
    @pytest.mark.parametrize("look", [healthy, half_up, unseen])
    def test_nothing_else_takes_a_success_back(self, check, look):
        settlement = settled(ticket(check, success_id="verified-1", judged_at=at(60)), look)

        assert settlement.verified.data["revises"] is None
        assert not settlement.is_telling

    def test_the_last_success_is_what_a_relapse_would_take_back(self):
        held = ticket(Check.AFTER_5M, success_id="verified-1")

        assert settled(held, healthy).success_id == settled(held, healthy).verified.id
        assert settled(held, unseen).success_id == "verified-1"

    def test_the_first_check_waits_and_soaks_and_the_others_look(self):
        first, later = ticket(), ticket(Check.AFTER_5M)

        assert (first.warmup_s, first.soak, first.whole_s) == (10, timedelta(seconds=15), 60)
        assert (later.warmup_s, later.soak, later.whole_s) == (0, timedelta(0), 23)

    def test_a_later_check_needs_readings_from_after_the_one_before(self):
        held = ticket(Check.AFTER_5M, judged_at=at(100))

        assert (held.since, held.question().acted_at) == (at(100), at(100))
        seen = [settle(held, held.case([healthy(at(s))], soaked=True), at=at(301)) for s in (99, 300)]
        assert [one.judgement.verdict for one in seen] == [Verdict.TIMEOUT, Verdict.SUCCESS]


class TestPatience:
    """Whether another look is worth waiting for."""

    def conclusive(self, *looks, soaked, **changes):
        observed = [look(at(20 + number)) for number, look in enumerate(looks)]
        held = ticket(**changes)
        return is_conclusive(held.case(observed, soaked=soaked), reduce(Soak.observe, observed, Soak(held.since)))

    def test_a_success_is(self):
        assert self.conclusive(healthy, soaked=True)
        assert not self.conclusive(healthy, soaked=False)

    def test_what_may_still_come_up_is_waited_for(self):
        assert not self.conclusive(broken, soaked=False)
        assert not self.conclusive(half_up, soaked=False)
        assert not self.conclusive(unseen, soaked=False)

    def test_what_came_up_and_broke_is_not(self):
        assert self.conclusive(broken, healthy, broken, soaked=False)
        assert self.conclusive(healthy, broken, healthy, soaked=True)

    @pytest.mark.parametrize(
        "beside",
        [
            alert(firing=True, at=at(20)),
            metric(0.0, at=NOON),
            metric(9.0, at=at(20), limit=1.0),
            silent(SensorKind.METRIC, FailureKind.TIMEOUT),
        ],
    )
    def test_what_may_come_right_beside_a_healthy_target_is_waited_for(self, beside):
        assert not self.conclusive(lambda t: snapshot(workload(t), beside, at=t), soaked=True)

    def test_a_metric_that_is_worse_just_after_a_start_is_waited_for(self):
        was = snapshot(workload(at(-60), ready=0), metric(1.0, at=at(-60)), at=at(-60))
        assert not self.conclusive(lambda t: snapshot(workload(t), metric(2.0, at=t), at=t), soaked=True, baseline=was)

    def test_what_time_does_not_change_is_not(self):
        assert self.conclusive(broken, soaked=False, cause=completed(kind="observe"))
        assert self.conclusive(broken, soaked=False, cause=completed(succeeded=False))
        was = snapshot(http(200, at(-60)), at=at(-60))
        up = lambda t: snapshot(http(200, t), at=t)  # noqa: E731 - one look
        assert self.conclusive(up, soaked=True, baseline=was, cause=completed(kind="scale"))


def test_who_died_over_it_too_often_is_not_asked_again():
    assert [ticket(attempts=attempts).is_hopeless for attempts in (1, 10, 11)] == [False, False, True]
