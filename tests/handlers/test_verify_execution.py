"""verify-execution over HTTP: ports in memory, sensors with a script, and minutes that take no time."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from types import SimpleNamespace

import httpx
import pytest
import uvicorn
from starlette.requests import Request

from functions.verify_execution.core.readings import AlertState, Direction, Neighbours, SensorKind
from functions.verify_execution.core.timetable import Check
from functions.verify_execution.handler import Ports, create_handler
from functions.verify_execution.model import ACCEPTS, REQUEST_TYPE
from shared.domain.calls import FailureKind
from shared.domain.errors import DatabaseRejected, DatabaseUnavailable
from shared.domain.executions import (
    EXECUTION_BASELINE_CAPTURED,
    EXECUTION_VERIFIED,
    ROLLBACK_PROPOSED,
    Reason,
    Verdict,
)
from shared.domain.failures import LOST_CONNECTION, Failure, FailureClass
from shared.runtime.requests import EventReader
from shared.runtime.serving import Route, serve
from shared.runtime.stopping import Stopping
from shared.testing.clocks import NOON
from shared.testing.sensors import Hang, ScriptedSensor
from shared.testing.verifications import MemoryVerifications
from tests.executions import TIMING, completed, data_of, firing, starting
from tests.senders import STRUCTURED, binary, plain, structured, tick
from tests.verdicts import http, metric, workload
from tests.virtual_time import VirtualClock, in_virtual_time

UP, HALF, DOWN = workload, partial(workload, ready=2), partial(workload, ready=0)
OUTAGE = DatabaseUnavailable(LOST_CONNECTION)


ON_HOST = {
    "alertname": "HostDown",
    "action": {"kind": "restart_process", "target": {"namespace": "hosts", "kind": "Host", "name": "web-1"}},
}


def seconds(number):
    return NOON + timedelta(seconds=number)


def scraped(every_s, ago_s):
    """A metric that is fine, scraped so often, last so long before the action ended."""

    def seen(at):
        since_s = (at - NOON).total_seconds() + ago_s
        return metric(1.0, at=seconds(since_s // every_s * every_s - ago_s), direction=Direction.HIGHER, limit=1.0)

    return seen


def host_metrics(script):
    return lambda clock: ScriptedSensor(clock, script, name="host-metrics", kind=SensorKind.METRIC, suits=("Host",))


@dataclass(frozen=True)
class Step:
    """What is seen from a time on, rather than at a look: looks are as many as the code wants."""

    steps: tuple

    def __call__(self, at):
        return [step for since, step in self.steps if at >= seconds(since)][-1](at)


def from_(*steps):
    """``from_((0, DOWN), (12, UP))``."""
    return Step(steps)


@pytest.fixture
def place(settings, logged):
    """verify-execution over HTTP, and everything around it."""

    @asynccontextmanager
    async def make(*scripts, timing=TIMING, places=10, sink=None, sensors=()):
        clock = VirtualClock()
        store = MemoryVerifications(clock, timing)
        found = [ScriptedSensor(clock, *scripts)] if scripts else []
        found += [sensor(clock) for sensor in sensors]
        ports = Ports(
            verifications=store,
            baselines=store,
            sensors=found,
            clock=clock,
            timing=timing,
            unless_stopping=Stopping().unless_stopping,
            places=asyncio.Semaphore(places),
        )
        route = Route(read=EventReader(ACCEPTS, request_type=REQUEST_TYPE, ticks=True), use_case=create_handler(ports))
        given = {} if sink is None else {"event_sink": sink}
        handle = serve("verify-execution", settings(**given), {"/": route}, deadline_s=90.0)

        async def app(scope, receive, send):
            response = await handle(Request(scope, receive))
            await response(scope, receive, send)

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://function") as client:
            yield SimpleNamespace(http=client, clock=clock, store=store, sensors=found, logged=logged)

    return make


async def send(here, event, style=structured):
    return await here.http.post("/", **style(event))


async def tick_at(here, second):
    """Wait until then, and tick."""
    await here.clock.sleep(second - here.clock.monotonic())
    return await here.http.post("/", **tick())


def verdict(answer):
    data = answer.json()["data"]
    return answer.status_code, data["verdict"], data["reason"]


def announced(here, type_):
    return [event for event in here.store.announced if event.type == type_]


def looks(here, check=Check.INITIAL, execution="ex-1"):
    """When each look ended, in seconds."""
    observed = here.store.settlements[execution, check].observed
    return [round((look.taken_at - NOON).total_seconds(), 3) for look in observed]


class TestWaiting:
    @in_virtual_time
    async def test_a_fix_that_works(self, place):
        async with place(from_((0, DOWN), (12, UP))) as here:
            answer = await send(here, completed())

            assert verdict(answer) == (200, "success", "recovered_without_baseline")
            assert answer.headers["content-type"] == STRUCTURED
            assert answer.json()["type"] == EXECUTION_VERIFIED
            assert looks(here) == [10, 13, 16, 19, 22, 25, 28]
            (line,) = here.logged()
            assert (line["outcome"], line["verdict"], line["score"], line["duplicate"]) == (
                "verified",
                "success",
                0.7,
                False,
            )

    @in_virtual_time
    async def test_nothing_is_looked_at_before_the_warm_up(self, place):
        async with place(from_((0, DOWN), (9, UP))) as here:
            assert verdict(await send(here, completed()))[1] == "success"
            assert looks(here)[0] == 10
            assert here.clock.monotonic() == 25

    @in_virtual_time
    async def test_the_last_look_comes_when_the_soak_is_over(self, place):
        async with place(UP, timing=replace(TIMING, soak_s=7)) as here:
            await send(here, completed())

            assert looks(here) == [10, 13, 16, 17]

    @in_virtual_time
    async def test_a_fix_that_never_comes_up(self, place):
        async with place(DOWN) as here:
            assert verdict(await send(here, completed())) == (200, "failed", "no_replicas")
            assert looks(here)[-1] == 55
            assert here.clock.monotonic() <= TIMING.whole_s

    @pytest.mark.parametrize("whole_s", [56, 57.99, 58.5, 60.01])
    @in_virtual_time
    async def test_what_was_seen_is_not_hidden_by_a_last_look_that_time_cuts_short(self, place, whole_s):
        slow = lambda clock: ScriptedSensor(clock, DOWN, takes_s=1.0)  # noqa: E731
        async with place(sensors=[slow], timing=replace(TIMING, whole_s=whole_s)) as here:
            assert verdict(await send(here, completed())) == (200, "failed", "no_replicas")
            assert here.clock.monotonic() <= whole_s

    @in_virtual_time
    async def test_half_a_recovery(self, place):
        async with place(HALF) as here:
            assert verdict(await send(here, completed())) == (200, "degraded", "partially_recovered")

    @in_virtual_time
    async def test_up_too_late_to_be_sure(self, place):
        async with place(from_((0, HALF), (50, UP))) as here:
            assert verdict(await send(here, completed())) == (200, "timeout", "deadline")

    @in_virtual_time
    async def test_a_bad_fix_that_comes_up_and_breaks_within_the_soak(self, place):
        async with place(from_((0, UP), (20, DOWN)), sink="http://broker") as here:
            answer = await send(here, completed())

            assert answer.status_code == 204
            (event,) = announced(here, EXECUTION_VERIFIED)
            assert (event.data["verdict"], event.data["reason"]) == ("failed", "no_replicas")
            assert looks(here) == [10, 13, 16, 19, 22]
            (proposed,) = announced(here, ROLLBACK_PROPOSED)
            assert proposed.data["inverse"]["kind"] == "rollout_undo"
            assert not proposed.data["possible"]
            assert here.store.waiting == {}

    @in_virtual_time
    async def test_a_target_that_is_up_again_after_breaking_is_no_success(self, place):
        async with place(UP, DOWN, UP) as here:
            assert verdict(await send(here, completed())) == (200, "failed", "no_replicas")

    @in_virtual_time
    async def test_a_restart_within_the_soak(self, place):
        async with place(UP, UP, partial(UP, restarts=1)) as here:
            assert verdict(await send(here, completed())) == (200, "failed", "still_unhealthy")

    @pytest.mark.parametrize("kind", ["observe", "other"])
    @in_virtual_time
    async def test_an_action_that_only_looked(self, place, kind):
        async with place(UP) as here:
            answer = await send(here, completed(kind=kind, command="ps aux"))

            assert verdict(answer) == (200, "degraded", "observe_only")
            assert looks(here) == [10]

    @in_virtual_time
    async def test_an_action_that_was_not_carried_out(self, place):
        async with place(DOWN) as here:
            answer = await send(here, completed(succeeded=False, error="denied"))

            assert verdict(answer) == (200, "failed", "execution_failed")
            assert announced(here, ROLLBACK_PROPOSED) == []

    @in_virtual_time
    async def test_no_sensor_that_suits(self, place):
        blind = partial(ScriptedSensor, suits=("Host",))
        async with place(sensors=[lambda clock: blind(clock, UP)]) as here:
            assert verdict(await send(here, completed())) == (200, "timeout", "sensors_silent")
            assert looks(here) == [10]


class TestBesideTheTarget:
    """What speaks against a healthy target, and may still come right."""

    def other(self, name, kind, *script, required=False):
        return lambda clock: ScriptedSensor(clock, *script, name=name, kind=kind, about_target=False, required=required)

    def alert(self, *steps):
        return self.other("alerts", SensorKind.ALERT, from_(*steps))

    def prometheus(self, *script):
        return self.other("prometheus", SensorKind.METRIC, *script, required=True)

    @in_virtual_time
    async def test_an_alert_is_evaluated_later(self, place):
        fires, clear = partial(AlertState, firing=True), partial(AlertState, firing=False)
        sensors = [self.alert((0, lambda at: fires(at=at)), (40, lambda at: clear(at=at)))]
        async with place(UP, sensors=sensors) as here:
            assert verdict(await send(here, completed()))[1:] == ("success", "recovered_without_baseline")
            assert looks(here)[-1] == 40

    @in_virtual_time
    async def test_an_alert_that_still_fires_at_the_end(self, place):
        sensors = [self.alert((0, lambda at: AlertState(at=at, firing=True)))]
        async with place(UP, sensors=sensors) as here:
            assert verdict(await send(here, completed()))[1:] == ("degraded", "contradictory")
            assert here.clock.monotonic() <= TIMING.whole_s

    @pytest.mark.parametrize("scraped_ago_s", [0.5, 5, 10, 15, 20, 25, 29.5])
    @pytest.mark.parametrize("every_s", [15, 30])
    @in_virtual_time
    async def test_a_metric_is_as_old_as_its_last_scrape(self, place, every_s, scraped_ago_s):
        """At the end of the soak there may be none from after the action yet; the next one decides."""
        async with place(UP, sensors=[self.prometheus(scraped(every_s, scraped_ago_s))]) as here:
            assert verdict(await send(here, completed()))[1:] == ("success", "recovered_without_baseline")
            assert here.clock.monotonic() <= TIMING.whole_s
            (seen,) = here.store.settlements["ex-1", Check.INITIAL].observed[-1].metrics().values()
            assert all(sample.at > NOON for sample in seen.samples)

    @pytest.mark.parametrize("scraped_ago_s", [0.5, 10, 20, 29.5])
    @in_virtual_time
    async def test_a_host_is_as_well_as_its_last_scrape(self, place, scraped_ago_s):
        """Nothing but the metric sees it, so it soaks from the first scrape after the action on."""
        async with place(sensors=[host_metrics(scraped(30, scraped_ago_s))]) as here:
            assert verdict(await send(here, completed(**ON_HOST)))[1:] == ("success", "recovered_without_baseline")
            assert here.clock.monotonic() <= TIMING.whole_s

    @pytest.mark.parametrize("scraped_ago_s", [10, 120, 239])
    @in_virtual_time
    async def test_a_metric_that_is_scraped_too_rarely_is_no_success(self, place, scraped_ago_s):
        async with place(UP, sensors=[self.prometheus(scraped(300, scraped_ago_s))]) as here:
            assert verdict(await send(here, completed()))[1:] == ("degraded", "contradictory")
            assert here.clock.monotonic() <= TIMING.whole_s

    @in_virtual_time
    async def test_a_metric_that_was_dropped_between_two_scrapes_is_no_success(self, place):
        """Prometheus looks back for five minutes; a sample from before that is none."""
        async with place(UP, sensors=[self.prometheus(FailureKind.EMPTY)]) as here:
            assert verdict(await send(here, completed()))[1:] == ("degraded", "sensors_silent")

    @in_virtual_time
    async def test_a_host_that_is_scraped_too_rarely_was_not_seen(self, place):
        async with place(sensors=[host_metrics(scraped(300, 120))]) as here:
            assert verdict(await send(here, completed(**ON_HOST)))[1:] == ("timeout", "deadline")

    @in_virtual_time
    async def test_a_scrape_that_is_late_is_waited_for_where_there_is_time(self, place):
        """What to do about rare scrapes: let VERIFY_TIMEOUT_SECONDS be longer than their interval."""
        patient = replace(TIMING, whole_s=80)
        async with place(UP, timing=patient, sensors=[self.prometheus(scraped(75, 3))]) as here:
            assert verdict(await send(here, completed()))[1] == "success"

    @in_virtual_time
    async def test_a_sensor_that_fails_now_and_then(self, place):
        fine = partial(metric, 0.0)
        script = [*[lambda at: fine(at=at)] * 5, FailureKind.THROTTLED, lambda at: fine(at=at)]
        flaky = self.prometheus(*script)
        async with place(UP, sensors=[flaky]) as here:
            assert verdict(await send(here, completed()))[1] == "success"

    @in_virtual_time
    async def test_a_target_that_breaks_while_we_wait_for_the_alert(self, place):
        sensors = [self.alert((0, lambda at: AlertState(at=at, firing=True)))]
        async with place(from_((0, UP), (40, DOWN)), sensors=sensors) as here:
            assert verdict(await send(here, completed()))[1:] == ("failed", "no_replicas")


class TestSensors:
    def many(self, count, *script, **about):
        about = {"about_target": False, "required": False, "kind": SensorKind.NEIGHBOURS, **about}
        return [
            lambda clock, n=n: ScriptedSensor(clock, *script, name=f"{about['kind']}-{n}", **about)
            for n in range(count)
        ]

    @in_virtual_time
    async def test_twenty_of_which_two_hang_and_others_are_as_bad(self, place):
        ok = self.many(15, lambda at: Neighbours(at=at, ready={}), takes_s=0.2)
        bad = [
            lambda clock: ScriptedSensor(clock, Hang.IDLE, name="hangs", about_target=False, required=False),
            lambda clock: ScriptedSensor(clock, Hang.DEAF, name="deaf", about_target=False, required=False),
            lambda clock: ScriptedSensor(clock, ValueError("a bug"), name="bug", about_target=False, required=False),
            lambda clock: ScriptedSensor(clock, UP, name="slow", about_target=False, required=False, takes_s=99),
        ]
        async with place(UP, sensors=[*ok, *bad]) as here:
            answer = await send(here, completed())

            assert verdict(answer)[1] == "success"
            assert answer.json()["data"]["sensors"] == {
                "attempted": 20,
                "succeeded": 16,
                "failed": ["hangs", "deaf", "bug", "slow"],
            }
            assert looks(here) == [18, 29, 40]  # each as long as one sensor may take, and 3 s between
            ledger = {a.sensor: a for a in here.store.settlements["ex-1", Check.INITIAL].observed[-1].attempts}
            assert {
                name: ledger[name].duration_s for name in ("kubernetes", "neighbours-7", "bug", "hangs", "deaf")
            } == {
                "kubernetes": 0,
                "neighbours-7": 0.2,
                "bug": 0,
                "hangs": 8,
                "deaf": 8,
            }
            kinds = {name: ledger[name].result.kind for name in ("hangs", "deaf", "bug", "slow")}
            assert kinds == {"hangs": "timeout", "deaf": "timeout", "bug": "unreadable", "slow": "timeout"}

    @pytest.mark.parametrize("how", [Hang.IDLE, Hang.DEAF])
    @in_virtual_time
    async def test_a_required_one_that_hangs_forbids_success_within_the_limits(self, place, how):
        async with place(UP, sensors=self.many(1, how, required=True)) as here:
            assert verdict(await send(here, completed()))[1:] == ("degraded", "sensors_silent")
            assert here.clock.monotonic() <= TIMING.whole_s

    @in_virtual_time
    async def test_the_targets_own_that_hangs(self, place):
        async with place(Hang.IDLE) as here:
            assert verdict(await send(here, completed()))[1:] == ("timeout", "deadline")
            assert here.clock.monotonic() <= TIMING.whole_s

    @in_virtual_time
    async def test_all_silent(self, place):
        async with place(FailureKind.UNREACHABLE) as here:
            assert verdict(await send(here, completed()))[1:] == ("timeout", "sensors_silent")
            assert announced(here, ROLLBACK_PROPOSED) == []

    @in_virtual_time
    async def test_one_that_was_planned_and_is_gone(self, place):
        extra = lambda clock: ScriptedSensor(clock, lambda at: http(200, at), name="probe")  # noqa: E731
        async with place(UP, sensors=[extra]) as here:
            await send(here, starting())
            here.sensors.pop()
            answer = await send(here, completed())

            assert verdict(answer)[1:] == ("degraded", "sensors_silent")
            assert answer.json()["data"]["sensors"]["failed"] == ["probe"]

    @in_virtual_time
    async def test_all_are_asked_the_same_question_before_and_after(self, place):
        async with place(UP) as here:
            await send(here, starting(at=NOON))
            await here.clock.sleep(5)
            await send(here, completed(at=seconds(5)))

            first, *others = here.sensors[0].asked
            assert first.acted_at is None
            assert {one.acted_at for one in others} == {seconds(5)}
            assert all(replace(one, acted_at=None) == first for one in others)


class TestBaselines:
    @in_virtual_time
    async def test_a_start_is_looked_at(self, place):
        async with place(DOWN, UP) as here:
            answer = await send(here, starting())
            assert (answer.status_code, answer.json()["type"]) == (200, EXECUTION_BASELINE_CAPTURED)
            assert answer.json()["data"]["sensors"] == {"attempted": 1, "succeeded": 1, "failed": []}
            assert here.clock.monotonic() == 0

            verified = await send(here, completed())
            assert verdict(verified) == (200, "success", "recovered")
            assert verified.json()["data"]["baseline"] is True

    @in_virtual_time
    async def test_a_look_takes_no_longer_than_a_sensor_may(self, place):
        async with place(Hang.DEAF) as here:
            answer = await send(here, starting())

            assert answer.json()["data"]["sensors"] == {"attempted": 1, "succeeded": 0, "failed": ["kubernetes"]}
            assert here.clock.monotonic() == TIMING.sensor_s

    @in_virtual_time
    async def test_a_redelivered_start_is_not_looked_at_again(self, place):
        async with place(DOWN, UP) as here:
            first = await send(here, starting())
            again = await send(here, starting())

            assert (again.status_code, again.content) == (first.status_code, first.content)
            assert len(here.sensors[0].asked) == 1

    @in_virtual_time
    async def test_a_start_is_looked_at_though_its_alert_was(self, place):
        async with place(DOWN) as here:
            await send(here, firing(at=NOON))
            await send(here, starting(at=NOON))

            assert len(announced(here, EXECUTION_BASELINE_CAPTURED)) == 2

    @in_virtual_time
    async def test_an_alert_is_looked_at_when_nothing_newer_is_known(self, place):
        async with place(DOWN) as here:
            assert (await send(here, firing(id="a", at=NOON))).json()["data"]["execution_id"] is None
            late = await send(here, firing(id="b", at=seconds(-60)))
            assert (late.status_code, late.content) == (204, b"")
            await here.clock.sleep(30)
            assert (await send(here, firing(id="c", at=seconds(20)))).status_code == 200

            assert len(here.sensors[0].asked) == 2

    @in_virtual_time
    async def test_an_alert_without_a_time_is_looked_at(self, place):
        async with place(DOWN) as here:
            await send(here, firing(id="a", at=None))
            await send(here, firing(id="b", at=None))

            assert len(announced(here, EXECUTION_BASELINE_CAPTURED)) == 2

    @in_virtual_time
    async def test_an_alert_that_names_no_target_is_skipped(self, place):
        async with place(DOWN) as here:
            answer = await send(here, firing(severity="critical", job="api"))

            assert answer.status_code == 204
            assert here.sensors[0].asked == []
            assert here.logged()[-1]["why"] == "the alert's labels name no target"

    @in_virtual_time
    async def test_worse_than_before(self, place):
        async with place(UP, HALF) as here:
            await send(here, starting())

            assert verdict(await send(here, completed()))[1:] == ("failed", "worse")

    @in_virtual_time
    async def test_healthy_before(self, place):
        async with place(UP) as here:
            await send(here, starting())

            assert verdict(await send(here, completed(kind="scale")))[1:] == ("degraded", "already_healthy")


class TestDurability:
    @in_virtual_time
    async def test_a_redelivery_while_it_waits_and_one_after(self, place):
        async with place(UP) as here:
            first = asyncio.create_task(send(here, completed()))
            await here.clock.sleep(5)
            again = await send(here, completed())
            assert (again.status_code, again.content) == (202, b"")

            answer = await first
            last = await send(here, completed())
            assert (last.status_code, last.content) == (200, answer.content)
            assert len(announced(here, EXECUTION_VERIFIED)) == 1

    @in_virtual_time
    async def test_above_the_limit_it_is_kept_and_a_tick_finishes_it(self, place):
        async with place(UP, places=2) as here:
            answers = await asyncio.gather(*(send(here, completed(f"ex-{n}")) for n in range(5)))
            assert sorted(answer.status_code for answer in answers) == [200, 200, 202, 202, 202]
            assert len(here.store.waiting) == 3 + 2

            ticked = await tick_at(here, 60)
            assert ticked.status_code == 204
            assert {s.judgement.verdict for s in here.store.settlements.values()} == {Verdict.SUCCESS}
            assert len(here.store.settlements) == 5
            line = here.logged()[-1]
            assert (line["outcome"], line["due"], line["settled"]) == ("ticked", 3, 3)

    @pytest.fixture
    def sigterm(self):
        """Sent to this very process; the handler from before is there again afterwards."""
        before = signal.getsignal(signal.SIGTERM)
        heard = []
        signal.signal(signal.SIGTERM, lambda *_: heard.append(True))
        yield lambda: os.kill(os.getpid(), signal.SIGTERM), heard
        signal.signal(signal.SIGTERM, before)

    @pytest.mark.parametrize("second", [0.5, 9.99, 12, 24])
    @in_virtual_time
    async def test_sigterm_during_the_wait(self, place, sigterm, second):
        kill, heard = sigterm
        async with place(UP) as here:
            waiting = [asyncio.create_task(send(here, completed(f"ex-{n}"))) for n in range(3)]
            await here.clock.sleep(second)
            kill()
            answers = await asyncio.gather(*waiting)

            assert [(answer.status_code, answer.content) for answer in answers] == [(202, b"")] * 3
            assert here.clock.monotonic() == second
            assert heard == [True]  # the server's own handler runs as well
            assert here.store.settlements == {}
            assert {line["why"] for line in here.logged()} == {"the process is stopping"}
            assert len(await here.store.due(most=9)) == 3

    @in_virtual_time
    async def test_sigterm_before_the_first_wait(self, place, sigterm):
        kill, _ = sigterm
        server = uvicorn.Server(uvicorn.Config(app=None))
        signal.signal(signal.SIGTERM, server.handle_exit)
        async with place(UP) as here:
            kill()

            assert (await send(here, completed())).status_code == 202
            assert (here.clock.monotonic(), here.store.settlements) == (0, {})

    @in_virtual_time
    async def test_after_sigterm_nothing_waits_any_more(self, place, sigterm):
        kill, _ = sigterm
        async with place(UP) as here:
            first = asyncio.create_task(send(here, completed()))
            await here.clock.sleep(1)
            kill()
            await first

            assert (await send(here, completed("ex-2"))).status_code == 202
            assert (await here.http.post("/", **tick())).status_code == 204
            assert here.clock.monotonic() == 1
            assert {held.attempts for held in await here.store.due(most=9)} == {1}

    @in_virtual_time
    async def test_a_process_that_died_over_it(self, place):
        async with place(UP) as here:
            lost = await here.store.begin(completed(), data_of(completed()), TIMING)
            assert (await send(here, completed())).status_code == 202
            assert (await tick_at(here, 60)).status_code == 204
            assert here.store.settlements == {}

            await tick_at(here, 91)
            assert here.store.settlements["ex-1", Check.INITIAL].ticket.fence == lost.fence + 1

    @in_virtual_time
    async def test_many_processes_that_died_over_it(self, place):
        async with place(UP) as here:
            event = completed()
            await here.store.begin(event, data_of(event), TIMING)
            for died in range(1, 11):
                await here.clock.sleep(91)
                assert (await here.store.due(most=1))[0].attempts == died + 1
            await here.clock.sleep(91)
            await here.http.post("/", **tick())

            assert here.sensors[0].asked == []
            judged = here.store.settlements["ex-1", Check.INITIAL].judgement
            assert (judged.verdict, judged.reason) == (Verdict.TIMEOUT, Reason.SENSORS_SILENT)

    @in_virtual_time
    async def test_without_a_database_nothing_is_acknowledged(self, place):
        async with place(UP) as here:
            here.store.failures = {"begin": deque([OUTAGE]), "known": deque([OUTAGE]), "due": deque([OUTAGE])}
            for request in (structured(completed()), structured(starting()), tick()):
                answer = await here.http.post("/", **request)
                assert answer.status_code == 503
            assert here.sensors[0].asked == []

    @in_virtual_time
    async def test_a_database_that_goes_away_before_the_verdict(self, place):
        async with place(UP) as here:
            here.store.failures = {"settle": deque([OUTAGE])}
            assert (await send(here, completed())).status_code == 503
            assert here.store.settlements == {}

            answer = await send(here, completed())
            assert verdict(answer)[:2] == (200, "success")
            assert here.store.settlements["ex-1", Check.INITIAL].ticket.attempts == 1

    @in_virtual_time
    async def test_a_database_that_stays_away(self, place):
        async with place(UP) as here:
            here.store.failures = {"settle": deque([OUTAGE]), "release": deque([OUTAGE])}
            assert (await send(here, completed())).status_code == 503
            await tick_at(here, 120)

            assert ("ex-1", Check.INITIAL) in here.store.settlements

    @in_virtual_time
    async def test_in_a_tick_one_that_cannot_be_settled_harms_no_other(self, place):
        refused = DatabaseRejected(Failure(FailureClass.EVENT, "22P05"))
        async with place(UP, places=1) as here:
            await asyncio.gather(*(send(here, completed(f"ex-{n}")) for n in range(5)))
            here.store.failures = {"settle": deque([refused, OUTAGE])}
            assert (await tick_at(here, 60)).status_code == 204

            assert len([check for _, check in here.store.settlements if check is Check.INITIAL]) == 3
            line = here.logged()[-1]
            assert (line["due"], line["settled"], line["DatabaseRejected"], line["DatabaseUnavailable"]) == (4, 2, 1, 1)

    @in_virtual_time
    async def test_two_owners_one_verdict(self, place):
        async with place(UP) as here:
            first = asyncio.create_task(send(here, completed()))
            await here.clock.sleep(20)
            for row in here.store._rows.values():
                row.leased_until = here.clock.now()  # as if it had slept past its lease
            tick_ = asyncio.create_task(here.http.post("/", **tick()))
            answer = await first

            assert (answer.status_code, answer.content) == (202, b"")
            await tick_
            assert len(announced(here, EXECUTION_VERIFIED)) == 1
            assert here.store.settlements["ex-1", Check.INITIAL].ticket.fence == 2


class TestLaterLooks:
    @in_virtual_time
    async def test_a_relapse_at_the_second_look_takes_the_success_back(self, place):
        async with place(from_((0, UP), (3000, DOWN))) as here:
            first = await send(here, completed())
            await tick_at(here, 301)
            assert here.store.settlements["ex-1", Check.AFTER_5M].judgement.verdict is Verdict.SUCCESS
            await tick_at(here, 3601)

            success, again, relapse = announced(here, EXECUTION_VERIFIED)
            assert success.id == first.json()["id"]
            assert (relapse.data["verdict"], relapse.data["reason"]) == ("failed", "relapsed")
            assert (relapse.data["check"], relapse.data["revises"]) == ("1h", again.id)
            assert here.store.verdicts["ex-1"].judgement.verdict is Verdict.FAILED
            assert here.store.playbooks["pb-7"].trust_score == pytest.approx(0.4)
            assert len(announced(here, ROLLBACK_PROPOSED)) == 1
            assert here.store.waiting == {}

    @in_virtual_time
    async def test_a_later_look_waits_for_nothing_when_all_is_well(self, place):
        async with place(UP) as here:
            await send(here, completed())
            await tick_at(here, 301)

            assert here.clock.monotonic() == 301
            assert looks(here, Check.AFTER_5M) == [301]

    @in_virtual_time
    async def test_a_blip_at_a_later_look_is_no_relapse(self, place):
        async with place(from_((0, UP), (300, DOWN), (310, UP))) as here:
            await send(here, completed())
            await tick_at(here, 301)

            assert here.store.settlements["ex-1", Check.AFTER_5M].judgement.verdict is Verdict.SUCCESS
            assert looks(here, Check.AFTER_5M)[-1] == 310

    @in_virtual_time
    async def test_after_a_day_it_is_left_in_peace(self, place):
        async with place(UP) as here:
            await send(here, completed())
            for second in (301, 3601, 86_401):
                await tick_at(here, second)

            assert [event.data["check"] for event in announced(here, EXECUTION_VERIFIED)] == [
                "initial",
                "5m",
                "1h",
                "24h",
            ]
            assert here.store.waiting == {}

    @in_virtual_time
    async def test_a_tick_with_nothing_to_do(self, place):
        async with place(UP) as here:
            answer = await here.http.post("/", **tick())

            assert (answer.status_code, answer.content) == (204, b"")
            assert here.logged()[-1]["due"] == 0


class TestRequests:
    @pytest.mark.parametrize("style", [structured, binary])
    @in_virtual_time
    async def test_cloudevents(self, place, style):
        async with place(UP) as here:
            assert verdict(await send(here, completed(), style))[:2] == (200, "success")

    @in_virtual_time
    async def test_plain_json_with_a_key(self, place):
        async with place(UP) as here:
            answer = await send(here, completed(), plain)
            assert (answer.status_code, answer.json()["verdict"]) == (200, "success")

            changed = replace(completed(), data={**completed().data, "incident_id": "INC-other"})
            forged = await send(here, changed, plain)
            assert forged.status_code == 422
            assert "was used before" in forged.json()["detail"]

    @pytest.mark.parametrize(
        "changes",
        [
            {"execution_id": ""},
            {"finished_at": "yesterday"},
            {"succeeded": "true"},
            {"decided_by": "dice"},
            {"surprise": 1},
            {"labels": {"a": 1}},
            {"action": {"kind": "rollout_restart", "target": {"kind": "Deployment", "name": "api"}}},
            {"action": {"kind": "rollout_restart", "target": {"namespace": "", "kind": "Deployment", "name": "api"}}},
            {"action": {"kind": "delete_pod", "target": {"namespace": "prod", "kind": "Pod", "name": ""}}},
            {"action": {"kind": "other", "target": {"namespace": "", "kind": "Service", "name": "api"}}},
            {"action": {"kind": "other", "target": {"namespace": "prod", "kind": "", "name": "api"}}},
        ],
    )
    @in_virtual_time
    async def test_what_breaks_the_contract_is_refused_and_kept_nowhere(self, place, changes):
        """The namespace as well: a guessed one would verify the wrong workload."""
        async with place(UP) as here:
            answer = await send(here, completed(**changes))

            assert (answer.status_code, answer.content) == (422, b"")
            assert here.store.waiting == {}
            assert (await send(here, completed(**changes), plain)).json()["status"] == 422

    @pytest.mark.parametrize("kind", ["Host", "Container", "Node"])
    @in_virtual_time
    async def test_what_has_no_namespace_needs_none(self, place, kind):
        target = {"namespace": "", "kind": kind, "name": "worker-3"}
        async with place(UP) as here:
            answer = await send(here, completed(action={"kind": "uncordon", "target": target}))

            assert verdict(answer)[:2] == (200, "success")

    @in_virtual_time
    async def test_health_answers_while_others_wait(self, place):
        async with place(UP) as here:
            waiting = [asyncio.create_task(send(here, completed(f"ex-{n}"))) for n in range(5)]
            await here.clock.sleep(5)
            assert (await here.http.get("/livez")).status_code == 200
            assert here.clock.monotonic() == 5
            await asyncio.gather(*waiting)

    @in_virtual_time
    async def test_what_is_logged_holds_no_secret(self, place):
        async with place(UP) as here:
            await send(here, completed(kind="other", command="deploy --token hunter2-x1"))

            assert "hunter2" not in str(here.logged())
