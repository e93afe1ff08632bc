"""governance-check over HTTP: ports in memory, checks with a script."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest

from functions.governance_check.core.inspections import REPORTS
from functions.governance_check.core.policy import Policy
from functions.governance_check.core.rates import degradation
from functions.governance_check.handler import Ports, create_handler
from functions.governance_check.model import ACCEPTS, CHECK_REQUESTED, REQUEST_TYPE
from shared.adapters.system import SystemClock
from shared.domain.errors import DatabaseUnavailable
from shared.domain.events import PING, Event
from shared.domain.failures import LOST_CONNECTION
from shared.domain.governance import ALERT_RAISED, GOVERNANCE_COMPLETED, AlertType, CheckName, Status
from shared.runtime.requests import EventReader
from shared.runtime.serving import Route, serve
from shared.testing.clocks import FakeClock
from shared.testing.governance import SLOT_S, MemoryLease, MemoryLedger
from tests.senders import STRUCTURED, binary, plain, structured, tick

POLICY = Policy()
OUT = DatabaseUnavailable(LOST_CONNECTION)
PINGED = Event(id="ping-1", source="/pingsources/governance-check", type=PING, data={})
STALE, FRESH = degradation(100, 50, POLICY), degradation(100, 5, POLICY)


def asked(id_="ask-1", **data):
    return Event(id=id_, source="/test", type=CHECK_REQUESTED, data=data)


@pytest.fixture
def place(client, settings):
    def make(*, read_only=False, timeout_s=1.0, announce=True, deadline_s=5.0, **changes):
        clock = FakeClock()
        lease, ledger = MemoryLease(), MemoryLedger(clock, POLICY, announce=announce)
        told = {name: REPORTS[name](status=Status.OK) for name in CheckName} | {CheckName.KNOWLEDGE_DEGRADATION: FRESH}
        ran = []

        def check(name):
            async def run():
                ran.append(name)
                said = told[name]
                if isinstance(said, Exception):
                    raise said
                return await said() if callable(said) else said

            return run

        ports = Ports(
            checks={name: check(name) for name in CheckName},
            ledger=ledger,
            lease=lease,
            clock=SystemClock() if changes.pop("real_clock", False) else clock,
            policy=POLICY,
            timeout_s=timeout_s,
            read_only=read_only,
        )
        read = EventReader(ACCEPTS, request_type=REQUEST_TYPE, ticks=True)
        routes = {"/": Route(read=read, use_case=create_handler(ports))}
        handle = serve("governance-check", settings(**changes), routes, deadline_s=deadline_s)
        return SimpleNamespace(
            http=client(handle),
            clock=clock,
            lease=lease,
            ledger=ledger,
            told=told,
            ran=ran,
            types=lambda: types(ledger),
        )

    return make


def types(ledger):
    return [event.type for event in ledger.announced]


class TestTicks:
    @pytest.mark.parametrize("send", [structured, binary, tick])
    async def test_a_tick_runs_all_five(self, place, send):
        here = place()
        answer = await here.http.post("/", **send(PINGED))

        assert (answer.status_code, answer.headers["content-type"]) == (200, STRUCTURED)
        event = answer.json()
        assert (event["type"], event["data"]["status"]) == (GOVERNANCE_COMPLETED, "ok")
        assert event["data"]["slot"] == event["time"] == "2026-01-31T12:00:00Z"
        assert sorted(here.ran) == sorted(CheckName)

    async def test_a_slot_is_run_once_and_says_so_again(self, place):
        here = place()
        first = await here.http.post("/", **structured(PINGED))
        again = await here.http.post("/", **structured(replace(PINGED, id="ping-2")))

        assert again.json() == first.json()
        assert len(here.ran) == 5

    async def test_the_next_hour_is_another_run(self, place):
        here = place()
        first = await here.http.post("/", **structured(PINGED))
        here.clock.advance(SLOT_S)
        second = await here.http.post("/", **structured(PINGED))

        assert first.json()["id"] != second.json()["id"]
        assert len(here.ran) == 10

    async def test_another_replica_at_it_is_asked_to_be_waited_for(self, place):
        here = place()
        here.ledger.owned_by_another = True
        answer = await here.http.post("/", **structured(PINGED))

        assert (answer.status_code, answer.content, here.ran) == (503, b"", [])
        assert answer.headers["retry-after"]

    async def test_a_held_lease_saves_the_work(self, place):
        here = place()
        here.lease.held_by_another = True

        assert (await here.http.post("/", **structured(PINGED))).status_code == 503
        assert here.ran == []

    async def test_the_lease_is_given_back_however_the_run_ended(self, place):
        here = place()
        here.ledger.failures.append(OUT)
        assert (await here.http.post("/", **structured(PINGED))).status_code == 503
        assert not here.lease.taken

        assert (await here.http.post("/", **structured(PINGED))).status_code == 200
        assert not here.lease.taken

    async def test_an_outage_acknowledges_nothing_and_the_next_tick_runs_the_slot(self, place):
        here = place()
        here.told[CheckName.KNOWLEDGE_DEGRADATION] = STALE
        here.ledger.failures.append(OUT)
        first = await here.http.post("/", **structured(PINGED))
        second = await here.http.post("/", **structured(PINGED))

        assert (first.status_code, second.status_code) == (503, 200)
        assert here.types() == [ALERT_RAISED, GOVERNANCE_COMPLETED]

    async def test_a_deadline_gives_the_slot_and_the_lease_back(self, place):
        here = place(deadline_s=0.2, timeout_s=60.0)
        here.told[CheckName.TRUST_DRIFT] = asyncio.Event().wait
        first = await here.http.post("/", **structured(PINGED))
        assert (first.status_code, here.lease.taken) == (503, False)

        here.told[CheckName.TRUST_DRIFT] = REPORTS[CheckName.TRUST_DRIFT](status=Status.OK)
        assert (await here.http.post("/", **structured(PINGED))).status_code == 200

    async def test_with_a_sink_the_events_are_sent_there(self, place):
        here = place(event_sink="http://broker")

        assert (await here.http.post("/", **structured(PINGED))).status_code == 204
        assert here.types() == [GOVERNANCE_COMPLETED]


class TestIsolation:
    async def test_one_failing_check_stops_no_other(self, place):
        here = place()
        here.told[CheckName.TRUST_DRIFT] = ZeroDivisionError("secret")
        here.told[CheckName.KNOWLEDGE_DEGRADATION] = STALE
        report = (await here.http.post("/", **structured(PINGED))).json()["data"]

        assert {name: check["status"] for name, check in report["checks"].items()} == {
            "trust_drift": "error",
            "knowledge_degradation": "violated",
            "llm_hallucination": "ok",
            "execution_failure": "ok",
            "slo_compliance": "ok",
        }
        assert report["checks"]["trust_drift"]["reason"] == "ZeroDivisionError"
        assert report["status"] == "error"
        assert [alert["event_type"] for alert in report["alerts"]] == [AlertType.KNOWLEDGE_DEGRADATION]

    async def test_a_hanging_check_costs_its_own_time_and_nothing_else(self, place):
        here = place(timeout_s=0.05)
        here.told[CheckName.LLM_HALLUCINATION] = asyncio.Event().wait
        here.told[CheckName.EXECUTION_FAILURE] = OUT
        report = (await here.http.post("/", **structured(PINGED))).json()["data"]

        assert report["checks"]["llm_hallucination"]["reason"] == "timeout"
        assert report["checks"]["execution_failure"]["reason"].startswith("database: ")
        assert report["checks"]["trust_drift"]["status"] == "ok"

    async def test_they_run_side_by_side(self, place):
        here = place(timeout_s=5)
        together = asyncio.Barrier(len(CheckName))
        for name, report in list(here.told.items()):

            async def meet(report=report):
                await together.wait()
                return report

            here.told[name] = meet
        report = (await here.http.post("/", **structured(PINGED))).json()["data"]

        assert report["status"] == "ok"

    @pytest.mark.parametrize(("failing", "alerts"), [(2, []), (3, [AlertType.SELF_FAILURE])])
    async def test_three_failed_checks_are_an_alert_of_their_own(self, place, failing, alerts):
        here = place()
        for name in list(CheckName)[:failing]:
            here.told[name] = OUT
        report = (await here.http.post("/", **structured(PINGED))).json()["data"]

        assert [alert["event_type"] for alert in report["alerts"]] == alerts
        if alerts:
            (raised,) = [event for event in here.ledger.announced if event.type == ALERT_RAISED]
            assert raised.data["severity"] == "critical"
            assert set(raised.data["impact"]["failed"]) == {name.value for name in list(CheckName)[:failing]}


class TestRequests:
    async def test_a_plain_request_is_answered_with_the_report(self, place):
        here = place()
        answer = await here.http.post("/", **plain(asked(checks=["trust_drift", "slo_compliance"])))

        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        assert list(answer.json()["checks"]) == ["trust_drift", "slo_compliance"]
        assert here.ran == ["trust_drift", "slo_compliance"]

    async def test_a_repeat_gets_the_same_answer(self, place):
        here = place()
        first = await here.http.post("/", **plain(asked()))
        here.told[CheckName.KNOWLEDGE_DEGRADATION] = STALE
        again = await here.http.post("/", **plain(asked()))

        assert again.json() == first.json()
        assert here.types() == [GOVERNANCE_COMPLETED]

    async def test_the_same_key_for_something_else_is_refused(self, place):
        here = place()
        await here.http.post("/", **plain(asked()))
        answer = await here.http.post("/", **plain(asked(checks=["trust_drift"])))

        assert answer.status_code == 422
        assert "ask-1" in answer.json()["detail"]

    async def test_a_request_runs_beside_the_slot_of_the_hour(self, place):
        here = place()
        await here.http.post("/", **plain(asked()))

        assert (await here.http.post("/", **structured(PINGED))).json()["data"]["status"] == "ok"
        assert len(here.ran) == 10

    @pytest.mark.parametrize("data", [{"checks": []}, {"checks": ["taste"]}, {"dry_run": "yes"}, {"check": "all"}])
    async def test_what_the_contract_forbids_runs_nothing(self, place, data):
        here = place()

        assert (await here.http.post("/", **plain(asked(**data)))).status_code == 422
        assert here.ran == []

    async def test_a_key_is_needed(self, place):
        here = place()
        answer = await here.http.post("/", json={})

        assert (answer.status_code, here.ran) == (400, [])


class TestDryRuns:
    async def test_a_dry_run_reports_and_changes_nothing(self, place):
        here = place()
        here.told[CheckName.KNOWLEDGE_DEGRADATION] = STALE
        report = (await here.http.post("/", **plain(asked(dry_run=True)))).json()

        assert (report["dry_run"], report["status"]) == (True, "violated")
        assert report["alerts"] == [
            {"event_type": AlertType.KNOWLEDGE_DEGRADATION, "subject": "", "severity": "warning"}
        ]
        assert (here.ledger.announced, here.ledger.work) == ([], {})

    async def test_the_same_key_may_then_run_in_earnest(self, place):
        here = place()
        await here.http.post("/", **plain(asked(dry_run=True)))

        assert (await here.http.post("/", **plain(asked()))).json()["dry_run"] is False

    @pytest.mark.parametrize("request_", [plain(asked()), structured(PINGED), tick()])
    async def test_where_only_reading_is_allowed_every_run_is_a_dry_one(self, place, request_):
        here = place(read_only=True)
        here.told[CheckName.KNOWLEDGE_DEGRADATION] = STALE
        body = (await here.http.post("/", **request_)).json()

        assert body.get("data", body)["dry_run"] is True
        assert (here.ledger.announced, here.ledger.work) == ([], {})

    async def test_a_dry_run_needs_no_ledger(self, place):
        here = place()
        here.ledger.failures.append(OUT)

        assert (await here.http.post("/", **plain(asked(dry_run=True)))).status_code == 200


async def test_one_line_says_what_a_run_came_to(place, logged):
    here = place()
    here.told[CheckName.KNOWLEDGE_DEGRADATION] = STALE
    await here.http.post("/", **structured(PINGED))
    (line,) = logged()

    assert (line["outcome"], line["alerts"], line["checks"]["knowledge_degradation"]) == ("violated", 1, "violated")
