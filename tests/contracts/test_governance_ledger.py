"""One contract, two ledgers of governance: in memory and in PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from functions.governance_check.core.inspections import Inspection, failed
from functions.governance_check.core.objectives import DEFAULT_OBJECTIVES, Sample, compliance, judge
from functions.governance_check.core.policy import Policy
from functions.governance_check.core.rates import Tally, degradation, execution_failure, hallucination
from functions.governance_check.core.trust import Playbooks, drift
from functions.governance_check.ledger import PostgresLedger, Terms
from functions.governance_check.model import CHECK_REQUESTED, FUNCTION
from shared.adapters.relay import Relay
from shared.adapters.slots import Slots
from shared.domain.contract import validated
from shared.domain.errors import Busy, Unprocessable
from shared.domain.events import Event, from_structured
from shared.domain.governance import (
    ALERT_RAISED,
    ALERT_RESOLVED,
    GOVERNANCE_COMPLETED,
    AlertType,
    CheckName,
    GovernanceAlert,
    GovernanceAlertResolved,
    GovernanceCompleted,
    LowTrust,
)
from shared.domain.slots import Done, Mine, Taken
from shared.testing.clocks import FakeClock
from shared.testing.governance import SLOT_S, MemoryLedger
from tests.tables import opened, reading

POLICY = Policy(ownership={"lead": "knowledge-team", "human_owner": "ada"})
PAUSE_S = 3600.0
AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
KNOWLEDGE = AlertType.KNOWLEDGE_DEGRADATION, ""
LATENCY = AlertType.SLO_VIOLATION, "summary_latency"


class InMemory:
    def __init__(self, *, announce=True):
        self._clock = FakeClock(datetime.now(UTC))
        self.ledger = MemoryLedger(self._clock, POLICY, pause_s=PAUSE_S, announce=announce)

    def announced(self):
        return list(self.ledger.announced)

    def pass_time(self, seconds):
        self._clock.advance(seconds)

    def next_slot(self):
        self._clock.advance(SLOT_S)

    def move(self, key, *, state="executing", stage="waiting_owner_review"):
        item = self.ledger.work[key][-1]
        item.state, item.stage = state, stage
        if state in {"succeeded", "failed", "cancelled"}:
            item.finished_at = self._clock.now()

    def work(self, key):
        return [(item.state, item.stage) for item in self.ledger.work.get(key, [])]

    def overtake(self):
        """Another owner takes the running slot."""
        start = max(self.ledger._slots)
        self.ledger._slots[start] += 1


class InPostgres:
    def __init__(self, database, rows, *, announce=True):
        self.rows = rows
        slots = Slots(database, FUNCTION, owner="test", interval_s=SLOT_S, lease_s=60.0)
        terms = Terms(pause_s=PAUSE_S, announce=announce)
        self.ledger = PostgresLedger(database, Relay(database, None), slots, POLICY, terms)

    def announced(self):
        return [from_structured(event) for (event,) in self.rows("SELECT event FROM outbox ORDER BY id")]

    def pass_time(self, seconds):
        self.rows(
            "UPDATE governance_remediation_dispatch SET finished_at = finished_at - :s * interval '1 second'", s=seconds
        )

    def next_slot(self):
        self.rows("UPDATE cron_slots SET slot_start = slot_start - interval '1 day'")

    def move(self, key, *, state="executing", stage="waiting_owner_review"):
        end = "now()" if state in {"succeeded", "failed", "cancelled"} else "NULL"
        self.rows(
            f"UPDATE governance_remediation_dispatch SET state = :state, stage = :stage, finished_at = {end}"
            " WHERE event_type = :type AND subject = :subject AND finished_at IS NULL",
            state=state,
            stage=stage,
            type=key[0],
            subject=key[1],
        )

    def work(self, key):
        found = self.rows(
            "SELECT state, stage FROM governance_remediation_dispatch WHERE event_type = :type AND subject = :subject"
            " ORDER BY created_at",
            type=key[0],
            subject=key[1],
        )
        return [tuple(row) for row in found]

    def overtake(self):
        self.rows("UPDATE cron_slots SET fence = fence + 1 WHERE done_at IS NULL")


@pytest.fixture(params=["memory", "postgres"])
def place(request):
    if request.param == "memory":
        yield InMemory()
        return
    url = request.getfixturevalue("database_url")
    with opened(url) as database, reading(url) as rows:
        yield InPostgres(database, rows)


def stale(share):
    return {CheckName.KNOWLEDGE_DEGRADATION: degradation(100, round(share * 100), POLICY)}


def levels(**values):
    """All objectives well within their targets, but for these."""
    well = {"autonomy_rate": 1, "decision_accuracy": 1, "confidence_calibration": 1, "km_growth_rate": 50}
    given = {**well, "summary_latency": 1, **values}
    reports = {o.name: judge(o, [Sample(given[o.name], 1.0)], sample_age_s=60) for o in DEFAULT_OBJECTIVES}
    return {CheckName.SLO_COMPLIANCE: compliance(reports)}


def inspection(*reports):
    return Inspection(AT, {name: report for each in reports for name, report in each.items()})


def request(number, **data):
    return Event(id=f"run-{number}", source="/test", type=CHECK_REQUESTED, data=data)


class Runs:
    """Runs by request, one after the other; each returns its report."""

    def __init__(self, place):
        self.place = place
        self.number = 0

    async def __call__(self, *reports):
        self.number += 1
        done = await self.place.ledger.conclude_request(request(self.number), inspection(*reports))
        return validated(GovernanceCompleted, done.data)


@pytest.fixture
def conclude(place):
    return Runs(place)


def types(place):
    return [event.type for event in place.announced()]


def announced(place, type_):
    return [event for event in place.announced() if event.type == type_]


class TestAlerts:
    async def test_what_is_wrong_is_raised_once_with_the_report(self, place, conclude):
        report = await conclude(stale(0.5))
        (alert,) = report.alerts
        (raised,) = announced(place, ALERT_RAISED)
        said = validated(GovernanceAlert, raised.data)

        assert types(place) == [ALERT_RAISED, GOVERNANCE_COMPLETED]
        assert (alert.event_type, alert.severity, alert.id) == (KNOWLEDGE[0], "warning", said.alert_id)
        assert raised.subject == said.alert_id
        assert said.impact["stale"] == 50
        assert said.ownership == {"lead": "knowledge-team", "human_owner": "ada"}
        assert "50 of 100 knowledge entries" in said.remediation["items"][0]

    async def test_an_alert_that_stays_is_counted_and_not_said_again(self, place, conclude):
        first = await conclude(stale(0.5))
        again = await conclude(stale(0.6))

        assert again.alerts == first.alerts
        assert len(announced(place, ALERT_RAISED)) == 1
        if isinstance(place, InPostgres):
            assert place.rows("SELECT times_seen, impact ->> 'stale' FROM ai_governance_events") == [[2, "60"]]

    async def test_what_recovered_is_resolved_and_said(self, place, conclude):
        (alert,) = (await conclude(stale(0.5))).alerts
        report = await conclude(stale(0.1))
        (over,) = announced(place, ALERT_RESOLVED)

        assert (report.alerts, report.resolved) == ([], [alert])
        said = validated(GovernanceAlertResolved, over.data)
        assert (said.alert_id, said.event_type, said.resolved_by) == (alert.id, KNOWLEDGE[0], "governance-check")
        assert said.resolved_at >= said.opened_at
        assert (await conclude(stale(0.1))).resolved == []

    async def test_an_empty_knowledge_base_ends_its_alert(self, conclude):
        (alert,) = (await conclude(stale(0.5))).alerts
        nothing = {CheckName.KNOWLEDGE_DEGRADATION: degradation(0, 0, POLICY)}

        assert (await conclude(nothing)).resolved == [alert]

    async def test_an_alert_that_comes_back_is_a_new_one(self, place, conclude):
        (first,) = (await conclude(levels(summary_latency=30))).alerts
        await conclude(levels())
        (second,) = (await conclude(levels(summary_latency=30))).alerts

        assert first.id != second.id
        assert len(announced(place, ALERT_RAISED)) == 2

    async def test_each_objective_has_an_alert_of_its_own(self, conclude):
        report = await conclude(levels(summary_latency=30, autonomy_rate=0))
        assert {alert.subject for alert in report.alerts} == {"summary_latency", "autonomy_rate"}

        report = await conclude(levels(summary_latency=30))
        assert [alert.subject for alert in report.resolved] == ["autonomy_rate"]

    async def test_a_level_is_over_at_its_target_and_not_at_its_red_line(self, place, conclude):
        await conclude(levels(summary_latency=30))
        for swinging in (5, 9, 5):
            assert (await conclude(levels(summary_latency=swinging))).resolved == []
        report = await conclude(levels(summary_latency=1))

        assert [alert.subject for alert in report.resolved] == ["summary_latency"]
        assert len(announced(place, ALERT_RAISED)) == 1

    async def test_a_check_that_fails_ends_no_alert(self, conclude):
        await conclude(stale(0.5), levels(summary_latency=30))
        broken = {name: failed(name, "timeout") for name in (CheckName.KNOWLEDGE_DEGRADATION, CheckName.SLO_COMPLIANCE)}
        report = await conclude(broken)

        assert report.resolved == []
        assert [alert.event_type for alert in report.alerts] == [AlertType.SLO_UNREACHABLE]

    async def test_too_few_executions_end_no_alert(self, conclude):
        name = CheckName.LLM_HALLUCINATION
        (alert,) = (await conclude({name: hallucination(Tally(40, 40, 20), POLICY)})).alerts
        assert (await conclude({name: hallucination(Tally(40, 3, 0), POLICY)})).resolved == []
        assert (await conclude({name: hallucination(Tally(0, 0, 0), POLICY)})).resolved == [alert]

    async def test_a_run_of_some_checks_says_nothing_of_the_others(self, conclude):
        await conclude(stale(0.5), levels(summary_latency=30))

        assert [alert.subject for alert in (await conclude(levels())).resolved] == ["summary_latency"]

    async def test_three_failed_checks_are_critical_until_a_whole_run_is_well(self, conclude):
        names = list(CheckName)
        (alert,) = (await conclude({name: failed(name, "timeout") for name in names[:3]})).alerts
        assert (alert.event_type, alert.severity) == (AlertType.SELF_FAILURE, "critical")
        assert (await conclude(stale(0.1))).resolved == []

        two = {name: failed(name, "timeout") for name in (CheckName.TRUST_DRIFT, CheckName.EXECUTION_FAILURE)}
        healthy = {CheckName.LLM_HALLUCINATION: hallucination(Tally(0, 0, 0), POLICY)}
        assert (await conclude(two, stale(0.1), levels(), healthy)).resolved == [alert]

    async def test_every_kind_of_alert_ends_when_its_check_is_well(self, conclude):
        nothing = compliance({o.name: judge(o, [], sample_age_s=60) for o in DEFAULT_OBJECTIVES})
        low = Playbooks(low_trust=[LowTrust(playbook_id="pb", trust_score=0.1)], low_trust_total=1)
        bad = {
            CheckName.TRUST_DRIFT: drift(low),
            CheckName.LLM_HALLUCINATION: hallucination(Tally(20, 20, 20), POLICY),
            CheckName.EXECUTION_FAILURE: execution_failure(Tally(20, 20, 20), [], POLICY),
        }
        well = {
            CheckName.TRUST_DRIFT: drift(Playbooks()),
            CheckName.LLM_HALLUCINATION: hallucination(Tally(20, 20, 0), POLICY),
            CheckName.EXECUTION_FAILURE: execution_failure(Tally(20, 20, 0), [], POLICY),
        }
        broken = {name: failed(name, "timeout") for name in (*well, CheckName.SLO_COMPLIANCE)}
        raised = [
            *(await conclude(bad, stale(0.5), levels(summary_latency=30))).alerts,
            *(await conclude({CheckName.SLO_COMPLIANCE: nothing})).alerts,
            *(await conclude(broken)).alerts,
        ]
        report = await conclude(well, stale(0), levels())

        assert {alert.event_type for alert in raised} == set(AlertType)
        assert {alert.id for alert in report.resolved} == {alert.id for alert in raised}

    async def test_nothing_wrong_is_only_a_report(self, place, conclude):
        await conclude(stale(0.1), levels())
        assert types(place) == [GOVERNANCE_COMPLETED]


class TestWork:
    async def test_every_actionable_alert_is_a_work_item(self, place, conclude):
        await conclude(stale(0.5), levels(summary_latency=30))

        assert place.work(KNOWLEDGE) == place.work(LATENCY) == [("pending", "detected")]

    async def test_an_alert_about_blindness_is_for_those_on_call(self, place, conclude):
        await conclude({CheckName.SLO_COMPLIANCE: failed(CheckName.SLO_COMPLIANCE, "timeout")})
        assert place.work((AlertType.SLO_UNREACHABLE, "")) == []

    @pytest.mark.parametrize("state", ["pending", "dispatched", "executing"])
    async def test_knowledge_is_silent_while_its_owner_reviews_it(self, place, conclude, state):
        await conclude(stale(0.5))
        place.move(KNOWLEDGE, state=state)
        await conclude(stale(0.1))
        report = await conclude(stale(0.5))

        assert (report.alerts, report.checks.knowledge_degradation.suppressed) == ([], True)
        assert report.status == "violated"
        assert len(announced(place, ALERT_RAISED)) == 1
        assert len(place.work(KNOWLEDGE)) == 1

    async def test_a_violated_objective_is_never_silent(self, place, conclude):
        await conclude(levels(summary_latency=30))
        place.move(LATENCY)
        await conclude(levels())
        report = await conclude(levels(summary_latency=30))

        assert len(report.alerts) == 1
        assert place.work(LATENCY) == [("executing", "waiting_owner_review")]

    @pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled"])
    async def test_work_that_ended_silences_no_alert_for_ever(self, place, conclude, state):
        await conclude(stale(0.5))
        place.move(KNOWLEDGE, state=state, stage="queued")
        await conclude(stale(0.5))
        assert place.work(KNOWLEDGE) == [(state, "queued")]

        place.pass_time(PAUSE_S + 1)
        report = await conclude(stale(0.5))
        assert place.work(KNOWLEDGE) == [(state, "queued"), ("pending", "detected")]
        first, second = announced(place, ALERT_RAISED)
        assert first.data["alert_id"] == second.data["alert_id"] == report.alerts[0].id
        assert first.id != second.id

    async def test_a_new_alert_after_ended_work_has_work_at_once(self, place, conclude):
        await conclude(stale(0.5))
        place.move(KNOWLEDGE, state="succeeded")
        await conclude(stale(0.1))
        report = await conclude(stale(0.5))

        assert len(report.alerts) == 1
        assert place.work(KNOWLEDGE)[-1] == ("pending", "detected")

    @pytest.mark.parametrize(("share", "state"), [(0.1, "succeeded"), (0.5, "failed")])
    async def test_what_was_written_back_is_rechecked(self, place, conclude, share, state):
        await conclude(stale(0.5))
        place.move(KNOWLEDGE, stage="written_back")
        await conclude(stale(share))

        assert place.work(KNOWLEDGE) == [(state, "rechecked")]

    async def test_it_is_rechecked_also_when_the_alert_is_over_by_then(self, place, conclude):
        await conclude(stale(0.5))
        place.move(KNOWLEDGE)
        await conclude(stale(0.1))
        place.move(KNOWLEDGE, stage="written_back")
        await conclude(stale(0.1))

        assert place.work(KNOWLEDGE) == [("succeeded", "rechecked")]

    async def test_work_that_nobody_began_ends_with_the_trouble(self, place, conclude):
        await conclude(stale(0.5))
        await conclude(stale(0.1))

        assert place.work(KNOWLEDGE) == [("cancelled", "detected")]


class TestRequests:
    async def test_a_repeat_gets_the_stored_report_and_changes_nothing(self, place):
        first = await place.ledger.conclude_request(request(1), inspection(stale(0.5)))
        again = await place.ledger.conclude_request(request(1), inspection(stale(0.1)))

        assert again == first
        assert types(place) == [ALERT_RAISED, GOVERNANCE_COMPLETED]

    async def test_an_id_that_was_used_for_something_else_is_refused(self, place):
        await place.ledger.conclude_request(request(1), inspection(stale(0.1)))
        with pytest.raises(Unprocessable, match="run-1"):
            await place.ledger.conclude_request(request(1, checks=["trust_drift"]), inspection(stale(0.5)))

        assert types(place) == [GOVERNANCE_COMPLETED]

    async def test_many_at_once_raise_one_alert(self, place):
        found = set()
        for first in range(0, 12, 4):
            numbers = range(first, first + 4)
            runs = [place.ledger.conclude_request(request(n), inspection(stale(0.5))) for n in numbers]
            found |= {report.data["alerts"][0]["id"] for report in await asyncio.gather(*runs)}

        assert len(found) == types(place).count(ALERT_RAISED) == 1
        assert place.work(KNOWLEDGE) == [("pending", "detected")]


class TestSlots:
    async def test_a_slot_takes_effect_once_and_says_so_again(self, place):
        slot = await place.ledger.claim_slot()
        assert isinstance(slot, Mine)
        assert await place.ledger.claim_slot() == Taken()

        done = await place.ledger.conclude_slot(slot, Inspection(slot.slot_start, stale(0.5)))
        again = await place.ledger.claim_slot()
        assert isinstance(again, Done)
        assert place.ledger.completed(again) == done
        assert validated(GovernanceCompleted, done.data).slot == slot.slot_start

    async def test_an_owner_that_was_overtaken_changes_nothing(self, place):
        slot = await place.ledger.claim_slot()
        place.overtake()
        with pytest.raises(Busy, match="took this slot over"):
            await place.ledger.conclude_slot(slot, Inspection(slot.slot_start, stale(0.5)))

        assert place.announced() == []
        assert place.work(KNOWLEDGE) == []

    async def test_every_slot_is_a_run_of_its_own(self, place):
        for _ in range(2):
            slot = await place.ledger.claim_slot()
            assert isinstance(slot, Mine)
            await place.ledger.conclude_slot(slot, Inspection(slot.slot_start, stale(0.1)))
            assert isinstance(await place.ledger.claim_slot(), Done)
            place.next_slot()

    async def test_a_slot_that_was_given_back_is_free_at_once(self, place):
        first = await place.ledger.claim_slot()
        await place.ledger.release_slot(first)

        assert await place.ledger.claim_slot() == replace(first, fence=first.fence + 1)
