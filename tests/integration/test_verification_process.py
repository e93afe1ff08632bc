"""What only the tables, and the functions downstream, can tell of a verification."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from functions.verify_execution.captures import PostgresBaselines
from functions.verify_execution.core.questions import Question
from functions.verify_execution.core.readings import (
    Attempt,
    Direction,
    Metric,
    Neighbours,
    Sample,
    SensorFailure,
    SensorKind,
    Termination,
)
from functions.verify_execution.core.timetable import Check
from functions.verify_execution.verifications import PostgresVerifications
from shared.adapters.dsn import Dsn
from shared.adapters.knowledge_store import PostgresKnowledge
from shared.adapters.postgres import Database, Limits
from shared.adapters.relay import Relay
from shared.domain.calls import FailureKind
from shared.domain.errors import DatabaseRejected, DatabaseUnavailable
from shared.domain.events import from_structured
from shared.domain.executions import EXECUTION_VERIFIED, Target, Verdict
from shared.domain.writes import write_of
from shared.testing.sinks import MemorySink
from tests.executions import TARGET, TIMING, broken, completed, data_of, firing, healthy, settled, starting, unseen
from tests.verdicts import silent, snapshot, workload

SECRET = "hunter2-x1"
EVERYTHING = (
    *("verifications", "auto_repair_executions", "playbooks", "incident_evidence", "sensor_readings"),
    *("inbox", "outbox"),
)


@pytest.fixture
def ended():
    return datetime.now(UTC) - timedelta(minutes=2)


@pytest.fixture
def process(database_url):
    """What one process of verify-execution has of PostgreSQL; ask for as many as there are."""
    opened = []

    def make(*, sink=None, announce=True, propose_rollbacks=True, **limits):
        database = Database(Dsn.parse(database_url), application="test", limits=Limits(**limits))
        opened.append(database)
        relay = Relay(database, sink)
        made = PostgresVerifications(database, relay, TIMING, announce=announce, propose_rollbacks=propose_rollbacks)
        made.relay = relay
        made.baselines = PostgresBaselines(database, relay, announce=announce)
        made.knowledge = PostgresKnowledge(database, announce=False)
        return made

    yield make
    for database in opened:
        database.close()


async def begin(process, event):
    return await process.begin(event, data_of(event), TIMING)


async def persistently(call):
    for _ in range(10):
        with suppress(DatabaseUnavailable):
            return await call()
    raise AssertionError("PostgreSQL did not come back")


def pass_time(rows, seconds):
    rows(
        "UPDATE verifications SET lease_until = lease_until - :s * interval '1 second', "
        "due_at = due_at - :s * interval '1 second'",
        s=float(seconds),
    )


def announced(rows):
    return [from_structured(event) for (event,) in rows("SELECT event FROM outbox ORDER BY id")]


class TestASettlement:
    async def test_with_an_old_fence_writes_nothing_at_all(self, process, rows, ended):
        one, other = process(), process()
        old = await begin(one, completed(at=ended))
        pass_time(rows, 91)
        (new,) = await other.due(most=1)
        before = {table: rows(f"SELECT * FROM {table} ORDER BY 1") for table in EVERYTHING}

        assert not await one.settle(settled(old, broken))
        assert {table: rows(f"SELECT * FROM {table} ORDER BY 1") for table in EVERYTHING} == before
        assert await other.settle(settled(new, healthy))
        assert not await one.settle(settled(old, broken))
        assert rows("SELECT verdict FROM auto_repair_executions") == [["success"]]

    async def test_is_told_in_every_table(self, process, rows, ended):
        here = process()
        held = await begin(here, completed(at=ended, approval_id="apr-1"))
        looks = [lambda at: snapshot(workload(at, ready=0), at=at), lambda at: snapshot(workload(at), at=at)]
        settlement = settled(held, *looks)
        await here.settle(settlement)

        (row,) = rows(
            "SELECT state, verdict, reason, score, root_cause_cleared, regressions, evidence_id::text, baseline_id,"
            " plan, verified_at, attempts, fence, target FROM verifications WHERE check_name = 'initial'"
        )
        assert row == [
            *("done", "success", "recovered_without_baseline", 0.7, None, [], settlement.evidence_id, None),
            *(["workload"], ended + timedelta(seconds=25), 1, 1, "/prod/Deployment/api"),
        ]
        assert rows(
            "SELECT check_name, state, due_at, plan, revises FROM verifications WHERE check_name <> 'initial'"
        ) == [["5m", "pending", ended + timedelta(minutes=5), ["workload"], settlement.verified.id]]
        assert rows(
            "SELECT verdict, reason, score, evidence_id::text, finished_at, verified_at, revised_at, approval_id,"
            " decided_by, action_kind, target FROM auto_repair_executions"
        ) == [
            [
                *("success", "recovered_without_baseline", 0.7, settlement.evidence_id, ended),
                *(ended + timedelta(seconds=25), None, "apr-1", "rule", "rollout_restart", "/prod/Deployment/api"),
            ]
        ]
        assert rows("SELECT last_used_at, verified_count FROM playbooks") == [[ended, 1]]
        assert announced(rows) == [settlement.verified]

    async def test_keeps_its_ledger(self, process, rows, ended):
        gone = Attempt(
            sensor="gone",
            kind=None,
            about_target=False,
            required=True,
            duration_s=0.0,
            result=SensorFailure(FailureKind.ABSENT),
        )
        here = process()
        held = await begin(here, completed(at=ended))
        slow = replace(silent(SensorKind.METRIC, FailureKind.TIMEOUT), duration_s=8.0)
        settlement = settled(held, unseen, lambda at: snapshot(workload(at), slow, gone, at=at))
        await here.settle(settlement)

        ends = ended + timedelta(seconds=25)
        ledger = rows(
            "SELECT round, sensor, attempted, succeeded, started_at, duration_s, observed_at, error_class,"
            " reading ->> 'type' FROM sensor_readings ORDER BY sensor"
        )
        began = ends - timedelta(seconds=8)
        assert ledger == [
            [1, "gone", False, False, began, 0.0, None, "absent", None],
            [1, "metric", True, False, began, 8.0, None, "timeout", None],
            [1, "workload", True, True, began, 0.1, ends, None, "Workload"],
        ]

    async def test_of_nothing_seen_is_kept_as_well(self, process, rows, ended):
        here = process()
        held = await begin(here, completed(at=ended))
        assert await here.settle(settled(held, unseen))

        assert rows("SELECT verdict, reason, plan FROM verifications") == [["timeout", "sensors_silent", []]]
        assert rows("SELECT phase, baseline_id, state ->> 'check' FROM incident_evidence") == [
            ["after", None, "initial"]
        ]
        assert rows("SELECT verdict, score FROM auto_repair_executions") == [["timeout", 0.5]]
        assert rows("SELECT trust_score, verified_count, last_used_at FROM playbooks") == [[0.5, 0, ended]]

    async def test_that_cannot_be_stored_harms_no_other_of_its_group(self, process, rows, ended):
        here = process()
        held = [await begin(here, completed(f"ex-{n}", at=ended)) for n in range(10)]
        settlements = [settled(one, healthy) for one in held]
        settlements[4] = settled(replace(held[4], id="no key of a row"), healthy)
        results = await asyncio.gather(*(here.settle(one) for one in settlements), return_exceptions=True)

        assert [result for result in results if result is not True] == [results[4]]
        assert isinstance(results[4], DatabaseRejected)
        assert rows("SELECT count(*) FROM verifications WHERE state = 'done'") == [[9]]

    async def test_of_two_processes_at_once_learns_each_once_and_never_deadlocks(self, process, rows, ended):
        one, other = process(), process()
        books = [f"pb-{n}" for n in range(5)]
        events = [completed(f"ex-{n}", at=ended, playbook_id=books[n % 5]) for n in range(100)]
        held = [await begin(one, event) for event in events]
        ours, theirs = held[:50], held[:49:-1]
        results = await asyncio.gather(
            *(one.settle(settled(each, healthy)) for each in ours),
            *(other.settle(settled(each, healthy)) for each in theirs),
        )

        assert results == [True] * 100
        trust = pytest.approx(1 - 0.5 * 0.8**20)
        assert rows("SELECT trust_score, verified_count FROM playbooks") == [[trust, 20]] * 5

    async def test_in_an_outage_is_kept_once_or_not_at_all(self, process, rows, ended):
        here = process()
        for number in range(20):
            event = completed(f"ex-{number}", at=ended)
            held = await persistently(lambda event=event: begin(here, event))
            settling = asyncio.create_task(here.settle(settled(held, healthy)))
            await asyncio.sleep(0.001 * (number % 7))
            rows(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'test' AND datname = current_database()"
            )
            with suppress(DatabaseUnavailable):
                assert await settling
            await persistently(lambda held=held: here.settle(settled(held, healthy)))
        assert rows("SELECT count(*) FROM outbox") == [[20]]
        assert rows("SELECT verified_count FROM playbooks") == [[20]]

    async def test_is_sent_by_the_relay(self, process, ended):
        sink = MemorySink()
        here = process(sink=sink)
        settlement = settled(await begin(here, completed(at=ended)), broken)
        await here.settle(settlement)
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})

        assert sink.sent == [settlement.verified, settlement.rollback]

    async def test_without_a_validator_proposes_no_rollback(self, process, rows, ended):
        here = process(propose_rollbacks=False)
        settlement = settled(await begin(here, completed(at=ended)), broken)
        await here.settle(settlement)

        assert announced(rows) == [settlement.verified]

    async def test_without_a_sink_announces_nothing(self, process, rows, ended):
        here = process(announce=False)
        await here.settle(settled(await begin(here, completed(at=ended)), broken))

        assert announced(rows) == []


class TestEvidence:
    def look(self, at):
        """A sensor that saw secrets, and numbers and text that JSON and PostgreSQL have no room for."""
        samples = [Sample(f'{{password="{SECRET}"}}', value, at) for value in (math.nan, math.inf, -math.inf, 0.1)]
        seen = Metric(at=at, name="a\0b\ud800", samples=samples, direction=Direction.LOWER, limit=math.inf)
        ended = Termination(f"exited: password={SECRET}", at)
        return snapshot(workload(at, terminations=(ended,)), seen, Neighbours(at=at, ready={"db\0": True}), at=at)

    async def test_is_stored_whatever_was_seen_and_without_secrets(self, process, rows, ended):
        here = process()
        held = await begin(here, completed(at=ended))
        assert await here.settle(settled(held, self.look))

        kept = json.dumps(rows("SELECT state FROM incident_evidence") + rows("SELECT reading FROM sensor_readings"))
        assert SECRET not in kept
        assert "[redacted:password" in kept
        assert '"nan"' in kept

    async def test_a_baseline_comes_back_as_it_was_seen(self, process, ended):
        here = process()
        event = starting(at=ended - timedelta(seconds=30))
        seen = self.look(event.time)
        question = Question(target=Target(**TARGET), alertname=None, labels={})
        await here.baselines.keep(event, seen, question, incident_id=event.subject, execution_id="ex-1")
        held = await begin(here, completed(at=ended))

        assert [attempt.sensor for attempt in held.baseline.attempts] == list(held.plan)
        (metric,) = held.baseline.all(Metric)
        assert [repr(sample.value) for sample in metric.samples] == ["nan", "inf", "-inf", "0.1"]
        assert (metric.limit, metric.samples[0].at) == (math.inf, event.time)
        assert held.baseline.restarts() == {"workload": 0}
        assert held.baseline.first(Neighbours).ready == {"db\ufffd": True}

    async def test_of_an_alert_has_no_execution(self, process, rows, ended):
        here = process()
        question = Question(target=Target(**TARGET), alertname="A", labels={"pod": "x"})
        event = firing(at=ended)
        await here.baselines.keep(event, broken(ended), question, incident_id=event.subject, execution_id=None)

        assert rows("SELECT phase, execution_id, target, plan FROM incident_evidence") == [
            ["before", None, {"cluster": None, **TARGET}, ["workload"]]
        ]

    async def test_the_events_own_words_do_not_matter(self, process, rows, ended):
        words = "Ünïcödé 修復 🛠 '\"\\u0000 :name %s ; DROP TABLE inbox; --"
        target = {"cluster": words, "namespace": words, "kind": words, "name": words * 1000}
        event = completed(
            at=ended, labels={words: words}, alertname=words, error=words, action={"kind": "other", "target": target}
        )
        here = process()
        held = await begin(here, event)
        assert held.execution.labels == {words: words}
        assert await here.settle(settled(held, healthy))

        assert await begin(here, event)
        assert rows("SELECT event -> 'data' -> 'labels' FROM verifications LIMIT 1") == [[{words: words}]]


class TestClawback:
    async def story(self, process, rows, ended, *looks):
        """The events of an execution whose looks, five minutes and an hour and a day apart, saw this."""
        here = process()
        await here.settle(settled(await begin(here, completed(at=ended, approval_id="apr-1")), looks[0]))
        for look, after_s in zip(looks[1:], (300, 3600, 86_400), strict=False):
            pass_time(rows, after_s)
            (held,) = await here.due(most=9)
            await here.settle(settled(held, look))
        return here, [event for event in announced(rows) if event.type == EXECUTION_VERIFIED]

    async def test_a_relapse_is_told_in_every_table(self, process, rows, ended):
        _, events = await self.story(process, rows, ended, healthy, healthy, broken)

        first, second, relapse = events
        assert [event.data["revises"] for event in events] == [None, None, second.id]
        assert rows("SELECT check_name, verdict, reason, revises FROM verifications ORDER BY created_at") == [
            ["initial", "success", "recovered_without_baseline", None],
            ["5m", "success", "recovered_without_baseline", first.id],
            ["1h", "failed", "relapsed", second.id],
        ]
        assert rows("SELECT verdict, reason, verified_at, revised_at FROM auto_repair_executions") == [
            ["failed", "relapsed", first.time, relapse.time]
        ]
        assert rows("SELECT trust_score, verified_count, failed_count FROM playbooks") == [[pytest.approx(0.4), 1, 1]]
        assert rows("SELECT count(*) FROM incident_evidence") == [[3]]

    @pytest.mark.parametrize("looks", [(healthy, broken), (healthy, healthy, broken), (healthy, unseen, broken)])
    async def test_the_knowledge_of_a_success_is_archived_in_whatever_order_it_hears(self, process, rows, ended, looks):
        here, events = await self.story(process, rows, ended, *looks)
        relapse = events[-1]
        for number, order in enumerate(itertools.permutations(events)):
            incident = f"INC-{number}"
            for event in order:
                moved = replace(
                    event,
                    source=f"/{number}",
                    subject=incident,
                    data={**event.data, "incident_id": incident},
                )
                await here.knowledge.write([write_of(moved)], deadline_s=10)
            found = rows("SELECT path_type, archived_at FROM knowledge_entries WHERE incident_id = :id", id=incident)
            archived = dict(map(tuple, found))
            assert archived["approval_auto_ok"] == relapse.time
            assert archived["approval_auto_fail"] is None

    async def test_a_success_that_lasts_is_not_archived(self, process, rows, ended):
        here, events = await self.story(process, rows, ended, healthy, healthy, healthy, healthy)
        for event in reversed(events):
            await here.knowledge.write([write_of(event)], deadline_s=10)

        assert rows("SELECT path_type, archived_at, revision FROM knowledge_entries") == [["approval_auto_ok", None, 4]]
        assert [event.data["check"] for event in events] == ["initial", "5m", "1h", "24h"]


class TestTicks:
    async def test_of_two_processes_share_nothing(self, process, rows, ended):
        one, other = process(), process()
        held = await asyncio.gather(*(begin(one, completed(f"ex-{n}", at=ended)) for n in range(60)))
        await asyncio.gather(*(one.release(each) for each in held))
        taken = await asyncio.gather(*(each.due(most=13) for each in [one, other] * 3))

        ids = [ticket.id for tickets in taken for ticket in tickets]
        assert len(ids) == len(set(ids)) == 60
        assert rows("SELECT DISTINCT fence, attempts FROM verifications") == [[2, 1]]

    async def test_take_what_another_process_is_writing_at_this_moment_later(self, process, rows, ended):
        here = process()
        await here.release(await begin(here, completed(at=ended)))
        rows("BEGIN")
        rows("SELECT 1 FROM verifications FOR UPDATE")

        assert await here.due(most=9) == []
        rows("ROLLBACK")
        assert len(await here.due(most=9)) == 1

    async def test_a_redelivery_meets_a_tick(self, process, ended):
        one, other = process(), process()
        for number in range(10):
            event = completed(f"ex-{number}", at=ended)
            await one.release(await begin(one, event))
            begun, due = await asyncio.gather(begin(one, event), other.due(most=9))
            assert [isinstance(begun, type(ticket)) for ticket in due] != [True]

    async def test_later_looks_wait_for_their_time(self, process, rows, ended):
        here = process()
        held = await begin(here, completed(at=ended))
        settlement = settled(held, healthy)
        await here.settle(settlement)
        assert settlement.judgement.verdict is Verdict.SUCCESS
        assert await here.due(most=9) == []

        pass_time(rows, 170)
        assert await here.due(most=9) == []
        pass_time(rows, 20)
        (again,) = await here.due(most=9)
        assert (again.check, again.judged_at, again.acted_at) == (Check.AFTER_5M, settlement.verified_at, ended)


async def test_a_storm_of_alerts_is_kept(process, rows):
    """Every one of them asks first and writes then; four connections do for all."""
    here = process()
    at = datetime.now(UTC)
    question = Question(target=Target(**TARGET), alertname=None, labels={})

    async def capture(number):
        event = firing(id=f"firing-{number}", at=at, incident=f"INC-{number % 50}")
        known = await here.baselines.known(event, incident_id=event.subject, since=at)
        if known is None:
            seen = broken(at)
            return await here.baselines.keep(event, seen, question, incident_id=event.subject, execution_id=None)
        return known

    await asyncio.gather(*(capture(number) for number in range(300)))
    assert rows("SELECT count(DISTINCT incident_id) FROM incident_evidence") == [[50]]
