"""What figures mean, and which alerts follow from them."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.governance_check.core import trust
from functions.governance_check.core.findings import assess
from functions.governance_check.core.inspections import REPORTS, Inspection, completed, failed
from functions.governance_check.core.objectives import Objective, Sample, compliance, judge, unanswered
from functions.governance_check.core.policy import Policy
from functions.governance_check.core.rates import Tally, degradation, execution_failure, hallucination, interval
from functions.governance_check.core.trust import Playbooks
from functions.governance_check.inspectors import inspectors
from functions.governance_check.settings import GovernanceSettings
from shared.domain.calls import FailureKind
from shared.domain.contract import validated
from shared.domain.errors import ConfigurationError
from shared.domain.governance import (
    AlertType,
    CheckName,
    Deprecation,
    GovernanceCompleted,
    LowTrust,
    PlaybookFailures,
    Status,
)
from shared.testing.clocks import NOON

POLICY = Policy()
RATE = Objective(name="rate", query="rate", direction="above", target=0.8, hard_red_line=0.7)
LEVELS = {
    "ok": judge(RATE, [Sample(0.9, 1)], sample_age_s=60),
    "at_risk": judge(RATE, [Sample(0.75, 1)], sample_age_s=60),
    "violated": judge(RATE, [Sample(0.1, 1)], sample_age_s=60),
    "skipped": judge(RATE, [], sample_age_s=60),
    "error": unanswered(RATE, FailureKind.TIMEOUT),
}


def low(id_="pb-1"):
    return LowTrust(playbook_id=id_, trust_score=0.1)


def gone(rule, id_="pb-2"):
    return Deprecation(playbook_id=id_, rule=rule, trust_score=0.1, verified=5, failed=5)


def alerts(*states):
    """Types of the alerts about objectives in these states."""
    report = compliance({f"slo-{place}": LEVELS[state] for place, state in enumerate(states)})
    found = assess({CheckName.SLO_COMPLIANCE: report}, POLICY).findings
    return sorted(finding.event_type.value.removeprefix("governance_slo_") for finding in found)


class TestRates:
    @pytest.mark.parametrize(
        ("tally", "status"),
        [
            (Tally(19, 19, 19), "no_data"),
            (Tally(100, 19, 19), "no_data"),
            (Tally(20, 20, 2), "ok"),
            (Tally(20, 20, 3), "violated"),
            (Tally(100, 100, 10), "ok"),
            (Tally(100, 100, 11), "violated"),
            (Tally(0, 0, 0), "no_data"),
        ],
    )
    def test_a_model_hallucinates_above_a_tenth_of_at_least_twenty(self, tally, status):
        assert hallucination(tally, POLICY).status == status

    @pytest.mark.parametrize(("failed_", "status"), [(15, "ok"), (16, "violated")])
    def test_executions_fail_above_fifteen_per_cent(self, failed_, status):
        assert execution_failure(Tally(100, 100, failed_), [], POLICY).status == status

    def test_the_playbooks_that_failed_are_ranked(self):
        given_ = [("a", 3, 30), ("b", 7, 70), ("c", 7, 10), ("d", 0, 50), ("e", 3, 3)]
        playbooks = [PlaybookFailures(playbook_id=id_, failed=bad, executions=all_) for id_, bad, all_ in given_]
        report = execution_failure(Tally(163, 163, 20), playbooks, POLICY)

        assert [each.playbook_id for each in report.playbooks] == ["c", "b", "e", "a"]

    @pytest.mark.parametrize(
        ("total", "stale", "status"), [(0, 0, "ok"), (100, 20, "ok"), (100, 21, "violated"), (3, 1, "violated")]
    )
    def test_knowledge_degrades_above_a_fifth(self, total, stale, status):
        assert degradation(total, stale, POLICY).status == status

    @given(st.integers(1, 500), st.data())
    def test_the_interval_holds_the_rate_and_narrows_with_more(self, judged, data):
        bad = data.draw(st.integers(0, judged))
        low_, high = interval(bad, judged)
        assert 0 <= low_ <= bad / judged <= high <= 1
        wider_low, wider_high = low_, high
        low_, high = interval(bad * 4, judged * 4)
        assert high - low_ < wider_high - wider_low

    def test_the_interval_is_wilsons(self):
        assert interval(10, 100) == pytest.approx((0.0552, 0.1744), abs=1e-4)


class TestTrust:
    @pytest.mark.parametrize(
        ("found", "status"),
        [
            (Playbooks(), "ok"),
            (Playbooks(low_trust=[low()], low_trust_total=1), "violated"),
            (Playbooks(deprecated=[gone("unused")], deprecated_total=1), "at_risk"),
            (Playbooks(deprecated=[gone("failing")], deprecated_total=1), "violated"),
        ],
    )
    def test_distrust_and_failing_are_violations_and_idleness_is_a_risk(self, found, status):
        assert trust.drift(found).status == status

    def test_whoever_fails_is_named_before_the_idle_ones(self):
        idle = [gone("unused", f"idle-{n:02}") for n in range(60)]
        report = trust.deprecated(trust.drift(Playbooks()), [*idle, gone("failing", "zz")])

        assert (report.deprecated[0].playbook_id, len(report.deprecated), report.deprecated_total) == ("zz", 50, 61)


class TestObjectives:
    @pytest.mark.parametrize(
        ("states", "found"),
        [
            (["ok", "at_risk"], []),
            (["ok", "skipped"], []),
            (["skipped"] * 5, ["data_gap"]),
            (["error"] * 5, ["unreachable"]),
            (["error"] * 4 + ["skipped"], ["unreachable"]),
            (["error", "ok"], ["unreachable"]),
            (["violated", "skipped"], ["violation"]),
            (["violated", "error"], ["unreachable", "violation"]),
            (["violated", "violated"], ["violation", "violation"]),
        ],
    )
    def test_what_is_unknown_is_an_alert_of_another_kind(self, states, found):
        assert alerts(*states) == found

    def test_a_data_gap_is_no_failure_of_governance(self):
        reports = {name: REPORTS[name](status=Status.OK) for name in CheckName}
        reports |= {name: failed(name, "timeout") for name in (CheckName.TRUST_DRIFT, CheckName.LLM_HALLUCINATION)}
        reports[CheckName.SLO_COMPLIANCE] = compliance({"rate": LEVELS["skipped"]})

        assert [finding.event_type for finding in assess(reports, POLICY).findings] == [AlertType.SLO_DATA_GAP]

    def test_a_violation_says_by_how_much(self):
        report = compliance({"rate": LEVELS["violated"]})
        (finding,) = assess({CheckName.SLO_COMPLIANCE: report}, POLICY).findings

        assert finding.subject == "rate"
        assert finding.impact == {
            "slo": "rate",
            "status": "violated",
            "value": 0.1,
            "target": 0.8,
            "hard_red_line": 0.7,
            "direction": "above",
            "gap": -0.7,
        }

    def test_a_check_that_failed_as_a_whole_speaks_for_no_objective(self):
        assessment = assess({CheckName.SLO_COMPLIANCE: failed(CheckName.SLO_COMPLIANCE, "timeout")}, POLICY)

        assert [finding.event_type for finding in assessment.findings] == [AlertType.SLO_UNREACHABLE]
        assert not assessment.is_over((AlertType.SLO_VIOLATION, "rate"))
        assert not assessment.is_over((AlertType.SLO_DATA_GAP, ""))

    def test_an_objective_that_nobody_asks_for_any_more_is_over(self):
        assessment = assess({CheckName.SLO_COMPLIANCE: compliance({"rate": LEVELS["ok"]})}, POLICY)

        assert assessment.is_over((AlertType.SLO_VIOLATION, "forgotten"))

    @pytest.mark.parametrize(
        ("state", "over"), [("ok", True), ("at_risk", False), ("skipped", False), ("error", False)]
    )
    def test_what_is_not_known_ends_no_violation(self, state, over):
        assessment = assess({CheckName.SLO_COMPLIANCE: compliance({"rate": LEVELS[state]})}, POLICY)

        assert assessment.is_over((AlertType.SLO_VIOLATION, "rate")) is over


class TestReports:
    def test_every_finding_is_a_sentence_and_an_action(self):
        reports = {
            CheckName.TRUST_DRIFT: trust.drift(
                Playbooks(low_trust=[low()], low_trust_total=1, deprecated=[gone("failing")], deprecated_total=1)
            ),
            CheckName.KNOWLEDGE_DEGRADATION: degradation(10, 9, POLICY),
            CheckName.LLM_HALLUCINATION: hallucination(Tally(50, 50, 50), POLICY),
            CheckName.EXECUTION_FAILURE: execution_failure(Tally(50, 50, 50), [], POLICY),
            CheckName.SLO_COMPLIANCE: compliance({"rate": LEVELS["violated"], "other": LEVELS["error"]}),
        }
        found = assess(reports, POLICY).findings

        assert {finding.event_type for finding in found} == set(AlertType) - {
            AlertType.SLO_DATA_GAP,
            AlertType.SELF_FAILURE,
        }
        for finding in found:
            assert all(item[0].isupper() or item[0].isdigit() for item in finding.items)
            assert finding.items[-1].endswith(".")
            assert finding.next_action
            assert bool(finding.work) is (finding.event_type is not AlertType.SLO_UNREACHABLE)
            json.dumps([finding.remediation, finding.actionable, finding.impact], default=dict)

    def test_the_report_keeps_its_contract(self):
        reports = {name: failed(name, "timeout") for name in CheckName}
        data = completed(Inspection(NOON, reports), alerts=[])

        assert validated(GovernanceCompleted, data).status is Status.ERROR
        assert data["checks"]["knowledge_degradation"] == {"status": "error", "reason": "timeout"}


class TestSideBySide:
    def test_objectives_are_asked_at_once(self):
        class Together:
            def __init__(self):
                self.barrier = asyncio.Barrier(5)

            async def samples(self, _objective):
                await self.barrier.wait()
                return [Sample(1000, 1)]

        async def run():
            async with asyncio.timeout(10):
                return await inspectors(None, Together(), POLICY)[CheckName.SLO_COMPLIANCE]()

        assert asyncio.run(run()).counts["error"] == 0


class TestSettings:
    def load(self, **given_):
        return GovernanceSettings.load({"DATABASE_URL": "postgresql://u@h/d", **given_}).policy

    def test_unset_they_are_the_ones_of_the_design(self):
        assert self.load() == POLICY

    def test_every_threshold_can_be_set(self):
        policy = self.load(
            TRUST_FLOOR="0.3",
            KNOWLEDGE_STALE_RATE="0.5",
            EXECUTION_LEAST="10",
            GOVERNANCE_LEAD="ada",
            EXECUTION_WINDOW="7",
        )
        assert (policy.trust_floor, policy.stale_rate, policy.least_judged, policy.window) == (0.3, 0.5, 10, 7)
        assert policy.ownership == {"lead": "ada"}

    def test_the_objectives_are_data(self):
        table = [{"name": "p99", "query": "p99_s", "direction": "below", "target": 1, "hard_red_line": 3}]
        (objective,) = self.load(SLO_OBJECTIVES=json.dumps(table)).objectives

        assert (objective.name, objective.dating_query) == ("p99", "timestamp(p99_s)")

    @pytest.mark.parametrize(
        "table",
        [
            "[",
            "[]",
            "{}",
            '[{"name": "a"}]',
            '[{"name": "a", "query": "a", "direction": "up", "target": 1, "hard_red_line": 0}]',
            json.dumps([RATE.model_dump(mode="json")] * 2),
        ],
    )
    def test_a_table_that_makes_no_sense_refuses_to_start(self, table):
        with pytest.raises(ConfigurationError, match="SLO_OBJECTIVES"):
            self.load(SLO_OBJECTIVES=table)
