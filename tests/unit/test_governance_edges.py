"""What governance puts on the wire, field by field, and its decisions at their very edges."""

from __future__ import annotations

from datetime import timedelta

import pytest

from functions.governance_check.core import trust
from functions.governance_check.core.findings import assess
from functions.governance_check.core.inspections import (
    Inspection,
    completed,
    failed,
    raised,
    resolved,
    run_of_request,
    run_of_slot,
)
from functions.governance_check.core.objectives import Objective, Sample, compliance, judge, unanswered, unasked
from functions.governance_check.core.policy import Policy
from functions.governance_check.core.rates import Tally, degradation, execution_failure, hallucination
from functions.governance_check.core.trust import Playbooks
from functions.governance_check.model import FUNCTION, SOURCE
from shared.domain.calls import FailureKind
from shared.domain.events import derived_id
from shared.domain.governance import (
    ALERT_RAISED,
    ALERT_RESOLVED,
    GOVERNANCE_COMPLETED,
    AlertType,
    CheckName,
    Deprecation,
    GovernanceAlertResolved,
    LowTrust,
    ObjectiveStatus,
    PlaybookFailures,
    Severity,
    Status,
    TrustDrift,
)
from shared.testing.clocks import NOON
from shared.testing.events import alert_resolved

POLICY = Policy(ownership={"lead": "ada"})
RATE = Objective(name="rate", query="rate", direction="above", target=0.8, hard_red_line=0.7)
LOW = LowTrust(playbook_id="pb-1", trust_score=0.1)
GONE = Deprecation(playbook_id="pb-2", rule="unused", trust_score=0.5, verified=5, failed=1, last_used_at=NOON)
DRIFTED = trust.drift(Playbooks(low_trust=[LOW], low_trust_total=7, deprecated=[GONE], deprecated_total=9))
PLAYBOOK = PlaybookFailures(playbook_id="pb-3", failed=5, executions=9)
SELF = (AlertType.SELF_FAILURE, "")


def finding_of(name, report, policy=POLICY):
    (finding,) = assess({name: report}, policy).findings
    return finding


def level(**given):
    return compliance({"rate": judge(RATE, [Sample(**given)], sample_age_s=60)})


FIGURES = {"judged": 50, "failed": 40, "rate": 0.8, "rate_low": 0.6696, "rate_high": 0.8876}
FOUND = {
    "trust": (
        finding_of(CheckName.TRUST_DRIFT, DRIFTED),
        {
            "low_trust": [{"playbook_id": "pb-1", "trust_score": 0.1}],
            "low_trust_total": 7,
            "deprecated": [
                {
                    "playbook_id": "pb-2",
                    "rule": "unused",
                    "trust_score": 0.5,
                    "verified": 5,
                    "failed": 1,
                    "last_used_at": NOON.isoformat().replace("+00:00", "Z"),
                }
            ],
            "deprecated_total": 9,
        },
        [{"playbook_id": "pb-1", "trust_score": 0.1}],
    ),
    "knowledge": (
        finding_of(CheckName.KNOWLEDGE_DEGRADATION, degradation(30, 10, POLICY)),
        {"total": 30, "stale": 10, "rate": 0.3333, "limit": 0.2},
        [{"kind": "review_stale_knowledge", "stale": 10, "older_than_days": 7}],
    ),
    "model": (
        finding_of(CheckName.LLM_HALLUCINATION, hallucination(Tally(60, 50, 40), POLICY)),
        {**FIGURES, "limit": 0.1},
        [{"kind": "review_llm_decisions", "failed": 40, "judged": 50}],
    ),
    "executions": (
        finding_of(CheckName.EXECUTION_FAILURE, execution_failure(Tally(60, 50, 40), [], POLICY)),
        {**FIGURES, "limit": 0.15, "playbooks": []},
        [{"kind": "review_executions", "failed": 40}],
    ),
    "playbooks": (
        finding_of(CheckName.EXECUTION_FAILURE, execution_failure(Tally(60, 50, 40), [PLAYBOOK], POLICY)),
        {**FIGURES, "limit": 0.15, "playbooks": [{"playbook_id": "pb-3", "failed": 5, "executions": 9}]},
        [{"playbook_id": "pb-3", "failed": 5, "executions": 9}],
    ),
    "unreachable": (
        finding_of(CheckName.SLO_COMPLIANCE, failed(CheckName.SLO_COMPLIANCE, "timeout")),
        {"slos": {}, "reason": "timeout"},
        [],
    ),
    "data gap": (
        finding_of(CheckName.SLO_COMPLIANCE, compliance({"rate": unasked(RATE)})),
        {"slos": {"rate": "no_prometheus"}},
        [],
    ),
}


class TestFindings:
    @pytest.mark.parametrize(("finding", "impact", "work"), FOUND.values(), ids=FOUND)
    def test_the_figures_of_the_check_are_on_the_wire_as_json(self, finding, impact, work):
        assert finding.impact == impact
        assert finding.actionable == {"items": work}
        assert finding.remediation == {"items": list(finding.items), "next_action": finding.next_action}
        assert finding.ownership == ({"lead": "ada"} if work else None)
        assert finding.key == (finding.event_type, "")

    def test_work_on_an_objective_names_it(self):
        finding = finding_of(CheckName.SLO_COMPLIANCE, level(value=0.1, age_s=1))

        assert finding.actionable == {"items": [{"kind": "restore_objective", "slo": "rate"}]}

    def test_only_stale_knowledge_waits_for_its_owner(self):
        assert [name for name, (finding, *_) in FOUND.items() if finding.yields] == ["knowledge"]

    def test_nobody_is_named_where_no_owner_is_set(self):
        assert finding_of(CheckName.TRUST_DRIFT, DRIFTED, Policy()).ownership is None

    @pytest.mark.parametrize(
        ("found", "sentences"),
        [
            (Playbooks(low_trust=[LOW], low_trust_total=7), ["Playbooks in use with a trust below 0.2: 7."]),
            (
                Playbooks(deprecated=[GONE], deprecated_total=9),
                ["Playbooks deprecated: 9. `aftercare governance restore` undoes it."],
            ),
        ],
    )
    def test_trust_says_only_what_was_found(self, found, sentences):
        assert finding_of(CheckName.TRUST_DRIFT, trust.drift(found)).items == sentences

    def test_stale_knowledge_says_how_much_of_how_much(self):
        assert FOUND["knowledge"][0].items == [
            "10 of 30 knowledge entries were neither verified nor updated for 7 days."
        ]


class TestGovernanceItself:
    @pytest.mark.parametrize(("errors", "is_found"), [(2, False), (3, True), (4, True)])
    def test_three_checks_in_error_are_a_failure_of_governance(self, errors, is_found):
        reports = {name: failed(name, "timeout") for name in list(CheckName)[:errors]}
        found = {finding.key: finding for finding in assess(reports, POLICY).findings}

        assert (SELF in found) is is_found
        if is_found:
            failures = {name.value: "timeout" for name in reports}
            assert found[SELF].impact == {"failed": failures, "checks": errors}
            assert found[SELF].severity is Severity.CRITICAL
            assert found[SELF].items == [f"{errors} of {errors} governance checks could not be carried out."]

    def test_its_failure_is_over_once_every_check_ran(self):
        ok = {name: failed(name, "-").model_copy(update={"status": Status.OK}) for name in CheckName}
        some = {name: ok[name] for name in list(CheckName)[:4]}

        assert assess(ok, POLICY).is_over(SELF)
        assert not assess(some, POLICY).is_over(SELF)


class TestOver:
    @pytest.mark.parametrize(
        ("report", "over"),
        [
            (degradation(10, 1, POLICY), True),
            (degradation(10, 9, POLICY), False),
            (failed(CheckName.KNOWLEDGE_DEGRADATION, "timeout"), False),
        ],
    )
    def test_a_check_that_answered_ends_what_it_does_not_find(self, report, over):
        assessment = assess({CheckName.KNOWLEDGE_DEGRADATION: report}, POLICY)

        assert assessment.is_over((AlertType.KNOWLEDGE_DEGRADATION, "")) is over

    @pytest.mark.parametrize(
        ("tally", "over"),
        [(Tally(20, 20, 0), True), (Tally(5, 5, 5), False), (Tally(1, 0, 0), False), (Tally(0, 0, 0), True)],
    )
    def test_too_few_executions_end_nothing_and_none_at_all_do(self, tally, over):
        assessment = assess({CheckName.LLM_HALLUCINATION: hallucination(tally, POLICY)}, POLICY)

        assert assessment.is_over((AlertType.LLM_HALLUCINATION, "")) is over

    @pytest.mark.parametrize(
        ("sample", "over"), [({"value": 0.9, "age_s": 1}, True), ({"value": 0.9, "age_s": 61}, False)]
    )
    def test_a_data_gap_is_over_with_the_first_level_that_is_known(self, sample, over):
        assessment = assess({CheckName.SLO_COMPLIANCE: level(**sample)}, POLICY)

        assert assessment.is_over((AlertType.SLO_DATA_GAP, "")) is over

    def test_nobody_knows_whether_a_data_gap_is_over_while_prometheus_is_silent(self):
        report = compliance({"rate": unanswered(RATE, FailureKind.TIMEOUT)})

        assert not assess({CheckName.SLO_COMPLIANCE: report}, POLICY).is_over((AlertType.SLO_DATA_GAP, ""))


class TestEdges:
    @pytest.mark.parametrize("direction", ["above", "below"])
    def test_a_red_line_may_lie_on_the_target(self, direction):
        assert Objective(name="a", query="a", direction=direction, target=1, hard_red_line=1).hard_red_line == 1

    def test_a_sample_is_stale_only_beyond_its_age(self):
        assert level(value=0.9, age_s=60).slos["rate"].status is ObjectiveStatus.OK

    def test_no_series_at_all_says_so(self):
        report = judge(RATE, [], sample_age_s=60)

        assert (report.status, report.reason) == (ObjectiveStatus.SKIPPED, "empty")

    def test_a_gap_has_nine_digits(self):
        assert level(value=0.8 + 1 / 3e9, age_s=1).slos["rate"].gap == 0.0
        assert level(value=0.8 + 2 / 3e9, age_s=1).slos["rate"].gap == 1e-9

    def test_a_report_after_the_deed_keeps_its_totals_and_its_time(self):
        done = trust.deprecated(DRIFTED.model_copy(update={"took_s": 0.5}), [GONE])

        assert (done.low_trust_total, done.deprecated_total, done.took_s) == (7, 1, 0.5)
        assert trust.deprecated(TrustDrift(status="ok"), []).low_trust_total == 0

    def test_without_playbooks_the_totals_are_nothing(self):
        report = trust.drift(Playbooks())

        assert (report.low_trust_total, report.deprecated_total) == (0, 0)


class TestAnnouncements:
    def test_a_slot_has_one_id(self):
        run = run_of_slot(NOON)

        assert run.id == derived_id(SOURCE, "slot", NOON.isoformat())
        assert (run.source, run.type, run.time, run.subject) == (SOURCE, GOVERNANCE_COMPLETED, NOON, FUNCTION)

    def test_a_request_is_followed_by_its_own_run(self):
        request = alert_resolved()
        run = run_of_request(request, NOON)

        assert run.id == derived_id(request.source, request.id, "completed")
        assert (run.type, run.time, run.subject) == (GOVERNANCE_COMPLETED, NOON, FUNCTION)

    def test_a_raised_alert_carries_what_was_found(self):
        run, finding = run_of_slot(NOON), FOUND["knowledge"][0]
        event = raised(run, "al-1", finding, step="again", at=NOON)

        assert event.id == derived_id(SOURCE, run.id, "raised again")
        assert (event.type, event.subject, event.time) == (ALERT_RAISED, "al-1", NOON)
        assert event.data == {
            "alert_id": "al-1",
            "event_type": "governance_knowledge_degradation",
            "severity": "warning",
            "impact": finding.impact,
            "remediation": finding.remediation,
            "actionable": finding.actionable,
            "ownership": {"lead": "ada"},
        }
        assert "ownership" not in raised(run, "al-2", FOUND["data gap"][0], step="first", at=NOON).data

    def test_a_resolved_alert_says_from_when_to_when(self):
        run, later = run_of_slot(NOON), NOON + timedelta(hours=1)
        alert = GovernanceAlertResolved(
            alert_id="al-1",
            event_type="governance_trust_drift",
            severity="warning",
            opened_at=NOON,
            resolved_at=later,
            resolved_by="governance-check",
        )
        event = resolved(run, alert)

        assert event.id == derived_id(SOURCE, run.id, "resolved al-1")
        assert (event.type, event.subject, event.time) == (ALERT_RESOLVED, "al-1", later)
        assert event.data == alert.model_dump(mode="json")

    def test_a_report_is_no_dry_run_unless_it_says_so(self):
        inspection = Inspection(NOON, {}).having(CheckName.TRUST_DRIFT, DRIFTED)
        reference = FOUND["trust"][0].reference("al-1")
        data = completed(inspection, alerts=[reference])

        assert data["dry_run"] is False
        assert data["checks"]["trust_drift"]["low_trust_total"] == 7
        assert data["alerts"] == [
            {"id": "al-1", "event_type": "governance_trust_drift", "subject": "", "severity": "warning"}
        ]
        assert completed(inspection, alerts=[], dry_run=True)["dry_run"] is True
