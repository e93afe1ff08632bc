"""What the first design judged wrongly, each as the behaviour that holds now.

The core, the watch and the looks are the real ones; only sensors are scripted, and minutes take no time.
"""

from __future__ import annotations

import ast
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from functions.verify_execution.core.evidence import attempt_documents, snapshot_document, snapshot_from
from functions.verify_execution.core.judging import judge
from functions.verify_execution.core.learning import Trust, learned
from functions.verify_execution.core.probes import probe
from functions.verify_execution.core.questions import Question, target_of
from functions.verify_execution.core.readings import (
    ContainerHealth,
    Direction,
    HttpProbe,
    Neighbours,
    SensorFailure,
    SensorKind,
    Waiting,
    Workload,
)
from functions.verify_execution.core.tickets import tally
from functions.verify_execution.observing import observe
from functions.verify_execution.settings import Settings
from functions.verify_execution.watching import verify
from shared.domain.alerts import Alert
from shared.domain.calls import FailureKind
from shared.domain.contract import validated
from shared.domain.executions import ActionKind, Reason, Verdict
from shared.testing.clocks import NOON
from shared.testing.sensors import Hang, ScriptedSensor
from tests.executions import TIMING, completed, firing, settled, ticket, unseen
from tests.promql import matchers
from tests.verdicts import (
    TARGET,
    action,
    alert,
    before,
    case,
    container,
    host,
    http,
    metric,
    oom,
    silent,
    snapshot,
    workload,
)
from tests.virtual_time import VirtualClock, in_virtual_time

SOURCES = Path(__file__).parents[2] / "functions" / "verify_execution"
BROKEN_BEFORE = before(workload(ready=0))
QUESTION = Question(target=TARGET, alertname=None, labels={})


def verdict(given):
    return judge(given).verdict


async def look(*sensors, timeout_s=8.0):
    names = [sensor.name for sensor in sensors]
    return await observe(sensors, QUESTION, names=names, timeout_s=timeout_s, clock=VirtualClock())


class TestWords:
    @pytest.mark.parametrize(
        "seen",
        [
            pytest.param(container(health=ContainerHealth.UNHEALTHY), id="Unhealthy holds the word healthy"),
            pytest.param(workload(ready=1, desired=10), id="1/10 ends in 10 and begins with 1"),
            pytest.param(workload(ready=2, available=2), id="Not Ready holds the word Ready"),
            pytest.param(workload(ready=0), id="readyReplicas is there, and 0"),
            pytest.param(workload(ready=2, waiting=(Waiting.IMAGE_PULL,)), id="ImagePullBackOff is no failure word"),
        ],
    )
    def test_that_sound_like_health_are_none(self, seen):
        assert verdict(case(snapshot(seen), was=BROKEN_BEFORE)) is not Verdict.SUCCESS

    @pytest.mark.parametrize(
        "seen",
        [
            pytest.param([workload(), replace(metric(0.0), name="jobs_failed_total")], id="no job failed"),
            pytest.param([workload(terminations=(oom(-60),))], id="OOMKilled is what was cured"),
        ],
    )
    def test_that_sound_like_failure_are_none(self, seen):
        assert verdict(case(snapshot(*seen), was=BROKEN_BEFORE)) is Verdict.SUCCESS

    @pytest.mark.parametrize("seen", [snapshot(workload(ready=0)), snapshot()], ids=["down", "unseen"])
    def test_of_whoever_acted_are_no_evidence(self, seen):
        assert verdict(case(seen, was=BROKEN_BEFORE, succeeded=True)) is not Verdict.SUCCESS

    @pytest.mark.parametrize("prose", ["restart the pod", "delete pod api and restart", "systemctl restart api"])
    def test_in_a_command_make_no_restart_of_an_action(self, prose):
        """A restart of what was healthy may be a success; what only reads like one may not."""
        given = case(snapshot(workload()), was=before(workload()), did=action(ActionKind.OTHER, prose))

        assert judge(given).reason is Reason.ALREADY_HEALTHY


class TestMetrics:
    def test_running_before_and_after_is_no_success_when_errors_rose_tenfold(self):
        given = case(snapshot(workload(), metric(0.5)), was=before(workload(), metric(0.05)))

        assert (judge(given).verdict, judge(given).reason) == (Verdict.FAILED, Reason.WORSE)

    def test_a_recovery_that_only_metrics_can_show_is_a_success(self):
        assert verdict(case(snapshot(host(10.0)), was=before(host(100.0)))) is Verdict.SUCCESS

    def test_a_fix_that_moved_nothing_is_called_unchanged(self):
        given = case(snapshot(workload(ready=1)), was=before(workload(ready=1)))

        assert (judge(given).verdict, judge(given).reason) == (Verdict.DEGRADED, Reason.UNCHANGED)

    @pytest.mark.parametrize("readings", [(http(200), workload(ready=0)), (workload(ready=0), http(200))])
    def test_every_signal_counts_and_not_the_first(self, readings):
        assert verdict(case(snapshot(*readings), was=BROKEN_BEFORE)) is Verdict.FAILED

    def test_every_series_counts_and_not_the_first(self):
        worst_last = metric(0.0, 0.0, 0.9, limit=0.5)

        assert verdict(case(snapshot(workload(), worst_last), was=BROKEN_BEFORE)) is not Verdict.SUCCESS

    @pytest.mark.parametrize(
        "alertname",
        ["KubePodCrashLooping", "ContainerMemoryHigh", "CpuThrottling", "HttpErrorsHigh", "BlackboxProbeDown", "Other"],
    )
    def test_a_query_asks_for_the_target_alone_and_averages_nothing(self, alertname):
        query = probe(alertname, {}, TARGET, window_s=25).query
        scopes = {value for _, label, _, value in matchers(query) if label == "namespace"}

        assert scopes == {"prod"}
        assert "avg" not in query
        if alertname != "Other":
            assert any("api" in value for _, label, _, value in matchers(query) if label in ("pod", "service"))

    def test_restarts_from_before_the_action_are_not_counted(self):
        asked = probe("KubePodCrashLooping", {}, TARGET, window_s=25)

        assert asked.counted_since_action
        assert "offset 25s" in asked.query
        assert "increase" not in asked.query

    def test_an_alert_that_still_fires_forbids_success(self):
        assert verdict(case(snapshot(workload(), alert(firing=True)), was=BROKEN_BEFORE)) is not Verdict.SUCCESS


class TestBlindness:
    @pytest.mark.parametrize("failure", list(FailureKind))
    def test_total_blindness_is_a_timeout(self, failure):
        blind = snapshot(silent(SensorKind.WORKLOAD, failure), silent(SensorKind.METRIC, failure))

        assert verdict(case(blind, was=BROKEN_BEFORE)) is Verdict.TIMEOUT

    @in_virtual_time
    async def test_sensors_that_hang_end_in_a_timeout_within_the_limits(self):
        clock = VirtualClock()
        hanging = [ScriptedSensor(clock, how, name=how.name) for how in Hang]
        settlement = await verify(ticket(), hanging, clock, began=0.0)

        assert settlement.judgement.verdict is Verdict.TIMEOUT
        assert clock.monotonic() <= TIMING.whole_s

    @in_virtual_time
    async def test_a_collector_that_crashes_is_a_line_of_the_ledger(self):
        clock = VirtualClock()
        seen = await look(
            ScriptedSensor(clock, RuntimeError("a bug"), name="buggy"),
            ScriptedSensor(clock, FailureKind.DENIED, name="denied"),
            ScriptedSensor(clock, workload, name="fine"),
        )

        assert [(one.sensor, getattr(one.result, "kind", None)) for one in seen.attempts] == [
            ("buggy", FailureKind.UNREADABLE),
            ("denied", FailureKind.DENIED),
            ("fine", None),
        ]

    @in_virtual_time
    async def test_collectors_that_all_crash_cost_a_playbook_no_trust(self):
        clock = VirtualClock()
        settlement = await verify(ticket(), [ScriptedSensor(clock, RuntimeError("a bug"))], clock, began=0.0)
        trust = Trust(trust_score=0.7, verified_count=3, failed_count=1, used_at=NOON)

        assert learned(trust, settlement.judgement.verdict, used_at=NOON) == trust

    @in_virtual_time
    async def test_one_slow_sensor_leaves_the_others_in_the_baseline(self):
        clock = VirtualClock()
        others = [ScriptedSensor(clock, workload, name="kubernetes"), ScriptedSensor(clock, http_at, name="probe")]
        seen = await look(ScriptedSensor(clock, Hang.DEAF, name="slow"), *others)

        assert seen.silent() == ["slow"]
        assert [type(reading) for reading in seen.target().values()] == [Workload, HttpProbe]

    def test_nothing_to_see_is_a_reading_and_not_a_missing_one(self):
        nothing = snapshot(workload(ready=0, desired=0), Neighbours(at=NOON, ready={}), silent(SensorKind.METRIC))
        stored = snapshot_from(snapshot_document(nothing.taken_at, attempt_documents(nothing)))

        assert [isinstance(one.result, SensorFailure) for one in stored.attempts] == [False, False, True]
        assert (stored.first(Workload).desired, stored.first(Neighbours).ready) == (0, {})

    def test_a_baseline_that_saw_nothing_is_still_a_baseline(self):
        held = ticket(baseline_id="b-1", baseline=before())

        assert settled(held, unseen).verified.data["baseline"] is True
        assert settled(ticket(), unseen).verified.data["baseline"] is False

    def test_sensors_are_counted_from_the_ledger(self):
        seen = snapshot(workload(), silent(SensorKind.METRIC), silent(SensorKind.ALERT))

        assert tally(seen).model_dump() == {"attempted": 3, "succeeded": 1, "failed": ["metric", "alert"]}

    def test_without_any_look_there_is_a_score_all_the_same(self):
        assert settled(ticket()).verified.data["score"] == 0.5


class TestOneLook:
    def test_that_is_good_is_no_soak(self):
        assert verdict(case(snapshot(workload()), was=BROKEN_BEFORE, soaked=False)) is not Verdict.SUCCESS

    @in_virtual_time
    async def test_that_is_good_is_not_the_last(self):
        clock = VirtualClock()
        sensor = ScriptedSensor(clock, workload, lambda at: workload(at, ready=0))
        settlement = await verify(ticket(), [sensor], clock, began=0.0)

        assert settlement.judgement.verdict is Verdict.FAILED
        assert len(sensor.asked) > 1

    @in_virtual_time
    async def test_older_than_the_last_scrape_is_not_enough(self):
        clock = VirtualClock()
        old = NOON - timedelta(seconds=1)
        stale = ScriptedSensor(
            clock, lambda _: metric(1.0, at=old, direction=Direction.HIGHER, limit=1.0), name="up", about_target=False
        )
        settlement = await verify(ticket(), [ScriptedSensor(clock, workload), stale], clock, began=0.0)

        assert settlement.judgement.verdict is Verdict.DEGRADED

    @in_virtual_time
    async def test_after_asks_whom_the_look_before_asked(self):
        clock = VirtualClock()
        pinned, other = (ScriptedSensor(clock, workload, name=name) for name in ("pinned", "other"))
        settlement = await verify(ticket(plan=["pinned", "gone"]), [pinned, other], clock, began=0.0)

        assert other.asked == []
        assert settlement.judgement.verdict is Verdict.DEGRADED
        assert settlement.verified.data["sensors"] == {"attempted": 2, "succeeded": 1, "failed": ["gone"]}


class TestTargets:
    @pytest.mark.parametrize("labels", [{"deployment": "api"}, {"pod": "api-0"}, {"namespace": "", "job_name": "j"}])
    def test_without_a_namespace_are_not_looked_for_in_another(self, labels):
        assert target_of(validated(Alert, firing(**labels).data)) is None

    def test_of_another_namespace_are_not_compared(self):
        elsewhere = completed(
            action={"kind": "scale", "target": {"namespace": "b", "kind": "Deployment", "name": "api"}}
        )
        queries = [
            probe("Other", {}, ticket(cause=cause).execution.action.target, window_s=1).query
            for cause in (completed(), elsewhere)
        ]

        assert queries == ['up{namespace="prod"}', 'up{namespace="b"}']


class TestRollbacks:
    def test_are_proposed_unless_someone_switches_that_off(self):
        assert Settings.load(
            {"AUTH_MODE": "network", "DATABASE_URL": "postgresql:///x?host=/x"}
        ).enable_self_healing_validator

    def test_are_carried_out_by_nobody(self):
        """There is nothing in the function that could: no process is started, and whatever is asked is only read."""
        for path in SOURCES.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                named = {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
                named |= {node.module or ""} if isinstance(node, ast.ImportFrom) else set()
                assert not named & {"subprocess", "pty", "socket", "httpx"}, path
                if isinstance(node, ast.Attribute) and node.attr in (
                    "system",
                    "popen",
                    "execv",
                    "patch",
                    "put",
                    "post",
                ):
                    raise AssertionError(f"{path}: {node.attr}")


def http_at(at):
    return http(200, at)
