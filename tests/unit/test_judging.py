"""Every state has a name, and one verdict."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import pytest

from functions.verify_execution.core.judging import RULES, Case, judge
from functions.verify_execution.core.readings import ContainerHealth, Direction, SensorKind, Waiting
from shared.domain.calls import FailureKind
from shared.domain.executions import ActionKind, Reason, Verdict
from tests.verdicts import (
    ACTED,
    AFTER,
    BEFORE,
    action,
    alert,
    attempt,
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

K = ActionKind
R = Reason
S = SensorKind
W = Waiting
BROKEN_BEFORE = before(workload(ready=0))
HALF_BEFORE = before(workload(ready=1))
HEALTHY_BEFORE = before(workload())
LATER = AFTER + timedelta(seconds=15)

SUCCESS, DEGRADED, FAILED, TIMEOUT = Verdict.SUCCESS, Verdict.DEGRADED, Verdict.FAILED, Verdict.TIMEOUT


def another(value):
    """A second metric, with a limit."""
    return replace(attempt(metric(value, limit=0.0)), sensor="latency")


def soak(*snapshots):
    return case(list(snapshots), was=BROKEN_BEFORE)


STATES: dict[str, tuple[Case, Verdict, Reason]] = {
    # success needs everything
    "all replicas ready after a crash": (case(snapshot(workload()), was=BROKEN_BEFORE), SUCCESS, R.RECOVERED),
    "half before, all after": (case(snapshot(workload()), was=HALF_BEFORE), SUCCESS, R.RECOVERED),
    "no baseline": (case(snapshot(workload())), SUCCESS, R.RECOVERED_WITHOUT_BASELINE),
    "baseline without a reading of the target": (
        case(snapshot(workload()), was=before(silent(S.WORKLOAD))),
        SUCCESS,
        R.RECOVERED_WITHOUT_BASELINE,
    ),
    "one replica wanted, one ready": (
        case(snapshot(workload(ready=1, desired=1)), was=before(workload(ready=0, desired=1))),
        SUCCESS,
        R.RECOVERED,
    ),
    "alert cleared": (case(snapshot(workload(), alert(firing=False)), was=BROKEN_BEFORE), SUCCESS, R.RECOVERED),
    "alert state unknown": (case(snapshot(workload(), silent(S.ALERT)), was=BROKEN_BEFORE), SUCCESS, R.RECOVERED),
    "neighbours unknown": (case(snapshot(workload(), silent(S.NEIGHBOURS)), was=BROKEN_BEFORE), SUCCESS, R.RECOVERED),
    "metric better": (
        case(snapshot(workload(), metric(0.002)), was=before(workload(ready=0), metric(0.07))),
        SUCCESS,
        R.RECOVERED,
    ),
    "metric the same": (
        case(snapshot(workload(), metric(0.5)), was=before(workload(ready=0), metric(0.5))),
        SUCCESS,
        R.RECOVERED,
    ),
    "metric within noise": (
        case(snapshot(workload(), metric(102.0)), was=before(workload(ready=0), metric(100.0))),
        SUCCESS,
        R.RECOVERED,
    ),
    "metric without a baseline, no limit": (
        case(snapshot(workload(), metric(5.0)), was=BROKEN_BEFORE),
        SUCCESS,
        R.RECOVERED,
    ),
    "metric exactly at its limit": (
        case(snapshot(workload(), metric(0.0, limit=0.0)), was=BROKEN_BEFORE),
        SUCCESS,
        R.RECOVERED,
    ),
    "higher is better and it rose": (
        case(
            snapshot(workload(), metric(900.0, direction=Direction.HIGHER)),
            was=before(workload(ready=0), metric(100.0, direction=Direction.HIGHER)),
        ),
        SUCCESS,
        R.RECOVERED,
    ),
    "no restarts since the action": (
        case(snapshot(workload(), metric(0.0, limit=0.0, counted_since_action=True)), was=BROKEN_BEFORE),
        SUCCESS,
        R.RECOVERED,
    ),
    "many restarts before, none during the soak": (
        soak(snapshot(workload(restarts=17)), snapshot(workload(restarts=17), at=LATER)),
        SUCCESS,
        R.RECOVERED,
    ),
    "an OOM kill before the action": (
        case(snapshot(workload(terminations=(oom(-60),))), was=BROKEN_BEFORE),
        SUCCESS,
        R.RECOVERED,
    ),
    "last termination after the action, not OOM": (
        case(snapshot(workload(terminations=())), was=BROKEN_BEFORE),
        SUCCESS,
        R.RECOVERED,
    ),
    "more ready than desired while scaling down": (
        case(snapshot(workload(ready=3, desired=3, updated=4, available=4)), was=BROKEN_BEFORE),
        SUCCESS,
        R.RECOVERED,
    ),
    "a restart of a healthy deployment": (case(snapshot(workload()), was=HEALTHY_BEFORE), SUCCESS, R.RECOVERED),
    "a deleted pod of a healthy deployment": (
        case(snapshot(workload()), was=HEALTHY_BEFORE, did=action(K.DELETE_POD)),
        SUCCESS,
        R.RECOVERED,
    ),
    "a job that completed": (
        case(snapshot(workload(ready=1, desired=1)), was=before(workload(ready=0, desired=1, failed=1))),
        SUCCESS,
        R.RECOVERED,
    ),
    "a job that failed once and completed": (
        case(snapshot(workload(ready=1, desired=1, failed=1)), was=before(workload(ready=0, desired=1, failed=1))),
        SUCCESS,
        R.RECOVERED,
    ),
    "container healthy again": (
        case(snapshot(container()), was=before(container(running=False))),
        SUCCESS,
        R.RECOVERED,
    ),
    "container without a health check runs": (
        case(snapshot(container(health=ContainerHealth.NONE)), was=before(container(running=False))),
        SUCCESS,
        R.RECOVERED,
    ),
    "container was OOM killed once and runs": (
        case(snapshot(container(oom_killed=True)), was=before(container(running=False, oom_killed=True))),
        SUCCESS,
        R.RECOVERED,
    ),
    "health check answers 200": (case(snapshot(http(200)), was=before(http(500))), SUCCESS, R.RECOVERED),
    "health check answers 204": (case(snapshot(http(204)), was=before(http(None))), SUCCESS, R.RECOVERED),
    "workload and health check agree": (
        case(snapshot(workload(), http(200)), was=before(workload(ready=0), http(500))),
        SUCCESS,
        R.RECOVERED,
    ),
    "broken first, healthy for the rest of the soak": (
        soak(snapshot(workload(ready=0)), snapshot(workload(), at=LATER)),
        SUCCESS,
        R.RECOVERED,
    ),
    "a host's figure got better": (
        case(snapshot(host(900.0, direction=Direction.HIGHER)), was=before(host(100.0, direction=Direction.HIGHER))),
        SUCCESS,
        R.RECOVERED,
    ),
    "a host is within its limit": (
        case(snapshot(host(1.0, direction=Direction.HIGHER, limit=1.0)), was=before(silent(S.METRIC))),
        SUCCESS,
        R.RECOVERED_WITHOUT_BASELINE,
    ),
    "a sensor that was silent before has fewer to compare with": (
        case(snapshot(workload(), http(200)), was=before(workload(ready=1), silent(S.HTTP))),
        SUCCESS,
        R.RECOVERED,
    ),
    "a lifetime of restarts, first seen at the second look": (
        soak(snapshot(silent(S.WORKLOAD), http(200)), snapshot(workload(restarts=17), http(200), at=LATER)),
        SUCCESS,
        R.RECOVERED,
    ),
    "a figure that did not move beside a target that is seen": (
        case(snapshot(workload(), host(100.0)), was=before(workload(ready=0), host(100.0))),
        SUCCESS,
        R.RECOVERED,
    ),
    # the action itself
    "the executor failed": (
        case(snapshot(workload()), was=BROKEN_BEFORE, succeeded=False),
        FAILED,
        R.EXECUTION_FAILED,
    ),
    "the executor failed and nothing was seen": (case(snapshot(), succeeded=False), FAILED, R.EXECUTION_FAILED),
    "an observation that failed": (
        case(snapshot(workload()), did=action(K.OBSERVE), succeeded=False),
        FAILED,
        R.EXECUTION_FAILED,
    ),
    **{
        f"only looked: {command}": (
            case(snapshot(workload()), was=BROKEN_BEFORE, did=action(K.OTHER, command)),
            DEGRADED,
            R.OBSERVE_ONLY,
        )
        for command in (
            "ps aux",
            "free -m",
            "df -h",
            "docker stats --no-stream",
            "docker logs api",
            "docker inspect api",
            "kubectl get pods -n prod",
            "kubectl describe pod api-1",
            "kubectl logs api-1",
            "kubectl top nodes",
            "journalctl -u api",
            "ssh_diagnose web-1",
            "uptime",
            "systemctl status api",
            "tail -n 100 /var/log/api.log",
        )
    },
    "typed observation": (
        case(snapshot(workload()), was=BROKEN_BEFORE, did=action(K.OBSERVE)),
        DEGRADED,
        R.OBSERVE_ONLY,
    ),
    "observation of a broken target": (
        case(snapshot(workload(ready=0)), did=action(K.OBSERVE)),
        DEGRADED,
        R.OBSERVE_ONLY,
    ),
    "observation without sensors": (case(snapshot(), did=action(K.OBSERVE)), DEGRADED, R.OBSERVE_ONLY),
    **{
        f"did something: {command}": (
            case(snapshot(workload()), was=BROKEN_BEFORE, did=action(K.OTHER, command)),
            SUCCESS,
            R.RECOVERED,
        )
        for command in (
            "systemctl restart api",
            "docker restart api",
            "kubectl rollout restart deployment/api",
            "ps aux; systemctl restart api",
            "df -h && rm -f /var/tmp/x",
            "docker ps | xargs docker restart",
            "free > /dev/null",
            "echo $(systemctl restart api)",
            "unbalanced 'quote",
        )
    },
    # proof of failure, by the target
    "no replica ready": (case(snapshot(workload(ready=0)), was=HALF_BEFORE), FAILED, R.NO_REPLICAS),
    "no replica ready, no baseline": (case(snapshot(workload(ready=0))), FAILED, R.NO_REPLICAS),
    "scaled to zero": (case(snapshot(workload(ready=0, desired=0)), was=BROKEN_BEFORE), FAILED, R.NO_REPLICAS),
    "crash loop": (
        case(snapshot(workload(ready=2, waiting=(W.CRASH_LOOP,))), was=BROKEN_BEFORE),
        FAILED,
        R.CRASH_LOOP,
    ),
    "crash loop though all are ready": (
        case(snapshot(workload(waiting=(W.CRASH_LOOP,))), was=BROKEN_BEFORE),
        FAILED,
        R.CRASH_LOOP,
    ),
    **{
        f"image: {reason}": (
            case(snapshot(workload(ready=2, waiting=(reason,))), was=BROKEN_BEFORE),
            FAILED,
            R.IMAGE_PULL,
        )
        for reason in (W.IMAGE_PULL, W.IMAGE_PULL_ERROR, W.IMAGE_INVALID, W.IMAGE_NEVER)
    },
    **{
        f"container cannot run: {reason}": (
            case(snapshot(workload(ready=2, waiting=(reason,))), was=BROKEN_BEFORE),
            FAILED,
            R.STILL_UNHEALTHY,
        )
        for reason in (W.CONFIG_ERROR, W.CREATE_ERROR, W.RUN_ERROR, W.OTHER)
    },
    "image outranks crash loop": (
        case(snapshot(workload(waiting=(W.CRASH_LOOP, W.IMAGE_PULL))), was=BROKEN_BEFORE),
        FAILED,
        R.IMAGE_PULL,
    ),
    "OOM kill after the action": (
        case(snapshot(workload(terminations=(oom(5),))), was=BROKEN_BEFORE),
        FAILED,
        R.OOM_KILLED,
    ),
    "OOM kill outranks crash loop": (
        case(snapshot(workload(waiting=(W.CRASH_LOOP,), terminations=(oom(5),))), was=BROKEN_BEFORE),
        FAILED,
        R.OOM_KILLED,
    ),
    "job failed": (case(snapshot(workload(ready=0, desired=1, failed=3))), FAILED, R.STILL_UNHEALTHY),
    "container stopped": (
        case(snapshot(container(running=False)), was=before(container(running=False))),
        FAILED,
        R.STILL_UNHEALTHY,
    ),
    "container unhealthy": (
        case(snapshot(container(health=ContainerHealth.UNHEALTHY)), was=before(container(running=False))),
        FAILED,
        R.STILL_UNHEALTHY,
    ),
    "container OOM killed": (
        case(snapshot(container(running=False, oom_killed=True)), was=before(container(running=False))),
        FAILED,
        R.OOM_KILLED,
    ),
    **{
        f"health check answers {status}": (
            case(snapshot(http(status)), was=before(http(500))),
            FAILED,
            R.STILL_UNHEALTHY,
        )
        for status in (100, 199, 300, 301, 302, 400, 401, 403, 404, 429, 500, 502, 503)
    },
    "health check does not answer": (case(snapshot(http(None)), was=before(http(500))), FAILED, R.STILL_UNHEALTHY),
    "workload ready, health check fails": (
        case(snapshot(workload(), http(500)), was=before(workload(ready=0), http(500))),
        FAILED,
        R.STILL_UNHEALTHY,
    ),
    "health check fine, workload crash looping": (
        case(snapshot(workload(waiting=(W.CRASH_LOOP,)), http(200)), was=BROKEN_BEFORE),
        FAILED,
        R.CRASH_LOOP,
    ),
    "crash looping, and the health check fails for its own reason": (
        case(snapshot(workload(waiting=(W.CRASH_LOOP,)), http(500)), was=BROKEN_BEFORE),
        FAILED,
        R.CRASH_LOOP,
    ),
    "broken though the alert cleared": (
        case(snapshot(workload(ready=0), alert(firing=False)), was=BROKEN_BEFORE),
        FAILED,
        R.NO_REPLICAS,
    ),
    "broken though a metric got better": (
        case(snapshot(workload(ready=0), metric(0.0)), was=before(workload(ready=0), metric(9.0))),
        FAILED,
        R.NO_REPLICAS,
    ),
    # worse than before
    "healthy container broke": (case(snapshot(container(running=False)), was=before(container())), FAILED, R.WORSE),
    "healthy endpoint broke": (case(snapshot(http(500)), was=before(http(200))), FAILED, R.WORSE),
    "fewer replicas than before": (case(snapshot(workload(ready=1)), was=before(workload(ready=2))), FAILED, R.WORSE),
    "all before, some now": (case(snapshot(workload(ready=2)), was=HEALTHY_BEFORE), FAILED, R.WORSE),
    "errors ten times as many while running": (
        case(snapshot(workload(), metric(0.7)), was=before(workload(), metric(0.07))),
        FAILED,
        R.WORSE,
    ),
    "one series worse hides behind better ones": (
        case(snapshot(workload(), metric(0.0, 0.0, 0.9)), was=before(workload(ready=0), metric(0.1, 0.1, 0.1))),
        FAILED,
        R.WORSE,
    ),
    "higher is better and it fell": (
        case(
            snapshot(workload(), metric(10.0, direction=Direction.HIGHER)),
            was=before(workload(ready=0), metric(100.0, direction=Direction.HIGHER)),
        ),
        FAILED,
        R.WORSE,
    ),
    "metric worse and the target unseen": (
        case(snapshot(silent(S.WORKLOAD), metric(9.0)), was=before(workload(ready=0), metric(1.0))),
        FAILED,
        R.WORSE,
    ),
    "one sensor sees less, though another was worse before": (
        case(snapshot(workload(ready=2), silent(S.HTTP)), was=before(workload(), http(500))),
        FAILED,
        R.WORSE,
    ),
    "one sensor sees less, another as much": (
        case(snapshot(workload(ready=2), http(200)), was=before(workload(), http(200))),
        FAILED,
        R.WORSE,
    ),
    "one series is worse, another is not a number": (
        case(snapshot(workload(), metric(0.9, math.nan)), was=before(workload(ready=0), metric(0.1))),
        FAILED,
        R.WORSE,
    ),
    # broke during the soak
    "restarted during the soak, under a new pod's count": (
        soak(snapshot(workload(restarts=5)), snapshot(workload(restarts=0)), snapshot(workload(restarts=1), at=LATER)),
        FAILED,
        R.STILL_UNHEALTHY,
    ),
    "up, then down at the end": (
        soak(snapshot(workload()), snapshot(workload(ready=0), at=LATER)),
        FAILED,
        R.NO_REPLICAS,
    ),
    "up, down, up again": (
        soak(snapshot(workload()), snapshot(workload(ready=0)), snapshot(workload(), at=LATER)),
        FAILED,
        R.STILL_UNHEALTHY,
    ),
    "restarted during the soak": (
        soak(snapshot(workload(restarts=1)), snapshot(workload(restarts=2), at=LATER)),
        FAILED,
        R.STILL_UNHEALTHY,
    ),
    "container restarted during the soak": (
        case([snapshot(container(restarts=0)), snapshot(container(restarts=1), at=LATER)]),
        FAILED,
        R.STILL_UNHEALTHY,
    ),
    "health check flapped": (
        case([snapshot(http(200)), snapshot(http(503)), snapshot(http(200), at=LATER)], was=before(http(500))),
        FAILED,
        R.STILL_UNHEALTHY,
    ),
    "restarts before it first came up do not count": (
        soak(snapshot(workload(ready=0, restarts=1)), snapshot(workload(restarts=3)), snapshot(workload(restarts=3))),
        SUCCESS,
        R.RECOVERED,
    ),
    # blindness
    "no sensor at all": (case(snapshot(), was=BROKEN_BEFORE), TIMEOUT, R.SENSORS_SILENT),
    "never looked": (case([], was=BROKEN_BEFORE), TIMEOUT, R.SENSORS_SILENT),
    **{
        f"Kubernetes: {failure}": (
            case(snapshot(silent(S.WORKLOAD, failure)), was=BROKEN_BEFORE),
            TIMEOUT,
            R.DEADLINE if failure is FailureKind.TIMEOUT else R.SENSORS_SILENT,
        )
        for failure in FailureKind
    },
    "Kubernetes is late, the health check cannot be asked": (
        case(snapshot(silent(S.WORKLOAD, FailureKind.TIMEOUT), silent(S.HTTP)), was=BROKEN_BEFORE),
        TIMEOUT,
        R.SENSORS_SILENT,
    ),
    "all that see the target are late, and a metric is refused": (
        case(
            snapshot(silent(S.WORKLOAD, FailureKind.TIMEOUT), silent(S.METRIC, FailureKind.DENIED)), was=BROKEN_BEFORE
        ),
        TIMEOUT,
        R.DEADLINE,
    ),
    "a metric alone proves nothing": (
        case(snapshot(metric(0.0)), was=before(workload(ready=0), metric(9.0))),
        TIMEOUT,
        R.SENSORS_SILENT,
    ),
    "a cleared alert alone proves nothing": (
        case(snapshot(alert(firing=False)), was=BROKEN_BEFORE),
        TIMEOUT,
        R.SENSORS_SILENT,
    ),
    "the only reading is from before the action": (
        case(snapshot(workload(at=BEFORE)), was=BROKEN_BEFORE),
        TIMEOUT,
        R.DEADLINE,
    ),
    "the reading is from the moment of the action": (
        case(snapshot(workload(at=ACTED)), was=BROKEN_BEFORE),
        TIMEOUT,
        R.DEADLINE,
    ),
    "a stale broken reading is no proof": (
        case(snapshot(workload(at=BEFORE, ready=0)), was=BROKEN_BEFORE),
        TIMEOUT,
        R.DEADLINE,
    ),
    "healthy, but not for long enough": (
        case(snapshot(workload()), was=BROKEN_BEFORE, soaked=False),
        TIMEOUT,
        R.DEADLINE,
    ),
    "healthy endpoint, but not for long enough": (
        case(snapshot(http(200)), was=before(http(500)), soaked=False),
        TIMEOUT,
        R.DEADLINE,
    ),
    "a host's only sample is from before the action": (
        case(snapshot(host(1.0, at=BEFORE, limit=1.0))),
        TIMEOUT,
        R.DEADLINE,
    ),
    # not good enough
    "a host's figure did not move": (case(snapshot(host(100.0)), was=before(host(100.0))), DEGRADED, R.UNCHANGED),
    "a host's figure with nothing to compare it with": (case(snapshot(host(100.0))), DEGRADED, R.SENSORS_SILENT),
    "some replicas ready, more than before": (
        case(snapshot(workload(ready=2)), was=HALF_BEFORE),
        DEGRADED,
        R.PARTIALLY_RECOVERED,
    ),
    "some replicas ready, no baseline": (case(snapshot(workload(ready=2))), DEGRADED, R.PARTIALLY_RECOVERED),
    "as many replicas as before": (case(snapshot(workload(ready=1)), was=HALF_BEFORE), DEGRADED, R.UNCHANGED),
    "more replicas than before, and what was well still is": (
        case(snapshot(workload(ready=2), http(200)), was=before(workload(ready=1), http(200))),
        DEGRADED,
        R.PARTIALLY_RECOVERED,
    ),
    "1 of 10 ready": (case(snapshot(workload(ready=1, desired=10))), DEGRADED, R.PARTIALLY_RECOVERED),
    "9 of 10 ready": (case(snapshot(workload(ready=9, desired=10))), DEGRADED, R.PARTIALLY_RECOVERED),
    "controller has not seen the new spec": (
        case(snapshot(workload(generation=3)), was=BROKEN_BEFORE),
        DEGRADED,
        R.PARTIALLY_RECOVERED,
    ),
    "old replicas ready, new ones not updated": (
        case(snapshot(workload(updated=1)), was=BROKEN_BEFORE),
        DEGRADED,
        R.PARTIALLY_RECOVERED,
    ),
    "ready but not available": (
        case(snapshot(workload(available=2)), was=BROKEN_BEFORE),
        DEGRADED,
        R.PARTIALLY_RECOVERED,
    ),
    "still creating containers": (
        case(snapshot(workload(ready=2, waiting=(W.STARTING,))), was=BROKEN_BEFORE),
        DEGRADED,
        R.PARTIALLY_RECOVERED,
    ),
    "still initializing": (
        case(snapshot(workload(ready=2, waiting=(W.INITIALIZING,))), was=BROKEN_BEFORE),
        DEGRADED,
        R.PARTIALLY_RECOVERED,
    ),
    "container still starting": (
        case(snapshot(container(health=ContainerHealth.STARTING)), was=before(container(running=False))),
        DEGRADED,
        R.PARTIALLY_RECOVERED,
    ),
    **{
        f"Prometheus: {failure}": (
            case(snapshot(workload(), silent(S.METRIC, failure)), was=BROKEN_BEFORE),
            DEGRADED,
            R.SENSORS_SILENT,
        )
        for failure in FailureKind
    },
    "second sensor of the target is silent": (
        case(snapshot(workload(), silent(S.HTTP)), was=BROKEN_BEFORE),
        DEGRADED,
        R.SENSORS_SILENT,
    ),
    "metric is NaN": (case(snapshot(workload(), metric(math.nan)), was=BROKEN_BEFORE), DEGRADED, R.CONTRADICTORY),
    "metric is +Inf": (case(snapshot(workload(), metric(math.inf)), was=BROKEN_BEFORE), DEGRADED, R.CONTRADICTORY),
    "metric is -Inf": (case(snapshot(workload(), metric(-math.inf)), was=BROKEN_BEFORE), DEGRADED, R.CONTRADICTORY),
    "one of many series is NaN": (
        case(snapshot(workload(), metric(0.0, math.nan, 0.0)), was=BROKEN_BEFORE),
        DEGRADED,
        R.CONTRADICTORY,
    ),
    "metric was NaN before, finite now": (
        case(snapshot(workload(), metric(0.1)), was=before(workload(ready=0), metric(math.nan))),
        SUCCESS,
        R.RECOVERED,
    ),
    "metric without series": (case(snapshot(workload(), metric()), was=BROKEN_BEFORE), DEGRADED, R.CONTRADICTORY),
    "metric sample from before the action": (
        case(snapshot(workload(), metric(0.0, at=BEFORE)), was=BROKEN_BEFORE),
        DEGRADED,
        R.CONTRADICTORY,
    ),
    "metric beyond its limit": (
        case(snapshot(workload(), metric(0.2, limit=0.0)), was=BROKEN_BEFORE),
        DEGRADED,
        R.CONTRADICTORY,
    ),
    "metric beyond its limit, but better": (
        case(snapshot(workload(), metric(0.2, limit=0.0)), was=before(workload(ready=0), metric(0.9, limit=0.0))),
        DEGRADED,
        R.PARTIALLY_RECOVERED,
    ),
    "two metrics beyond their limits, one of them better": (
        case(
            snapshot(workload(), metric(0.2, limit=0.0), another(0.9)),
            was=before(workload(ready=0), metric(0.9, limit=0.0), another(0.9)),
        ),
        DEGRADED,
        R.CONTRADICTORY,
    ),
    "two metrics beyond their limits, both better": (
        case(
            snapshot(workload(), metric(0.2, limit=0.0), another(0.2)),
            was=before(workload(ready=0), metric(0.9, limit=0.0), another(0.9)),
        ),
        DEGRADED,
        R.PARTIALLY_RECOVERED,
    ),
    "a metric is stale, another is better than before": (
        case(
            snapshot(workload(), metric(0.0, at=BEFORE), another(0.2)),
            was=before(workload(ready=0), metric(0.9), another(0.9)),
        ),
        DEGRADED,
        R.CONTRADICTORY,
    ),
    "restarted since the action": (
        case(snapshot(workload(), metric(1.0, limit=0.0, counted_since_action=True)), was=BROKEN_BEFORE),
        DEGRADED,
        R.CONTRADICTORY,
    ),
    "a counter from before the action is not compared": (
        case(
            snapshot(workload(), metric(0.0, limit=0.0, counted_since_action=True)),
            was=before(workload(ready=0), metric(50.0, limit=0.0, counted_since_action=True)),
        ),
        SUCCESS,
        R.RECOVERED,
    ),
    "up is 0": (
        case(snapshot(workload(), metric(0.0, direction=Direction.HIGHER, limit=1.0)), was=BROKEN_BEFORE),
        DEGRADED,
        R.CONTRADICTORY,
    ),
    "alert still fires": (case(snapshot(workload(), alert(firing=True)), was=BROKEN_BEFORE), DEGRADED, R.CONTRADICTORY),
    "one of two says that the alert still fires": (
        case(snapshot(workload(), alert(firing=False), replace(attempt(alert(firing=True)), sensor="other"))),
        DEGRADED,
        R.CONTRADICTORY,
    ),
    "alert still fires, no baseline": (case(snapshot(workload(), alert(firing=True))), DEGRADED, R.CONTRADICTORY),
    **{
        f"was healthy already: {kind}": (
            case(snapshot(workload()), was=HEALTHY_BEFORE, did=action(kind)),
            DEGRADED,
            R.ALREADY_HEALTHY,
        )
        for kind in (K.SCALE, K.SET_IMAGE, K.PATCH, K.APPLY, K.ROLLOUT_UNDO, K.UNCORDON, K.RUN_JOB)
    },
    "was healthy, and a metric got better": (
        case(snapshot(workload(), metric(0.1)), was=before(workload(), metric(0.9)), did=action(K.SCALE)),
        SUCCESS,
        R.RECOVERED,
    ),
    "was healthy, and no metric moved": (
        case(snapshot(workload(), metric(0.9)), was=before(workload(), metric(0.9)), did=action(K.SCALE)),
        DEGRADED,
        R.ALREADY_HEALTHY,
    ),
}


@pytest.mark.parametrize("name", STATES)
def test_every_state_has_one_verdict(name: str) -> None:
    given, verdict, reason = STATES[name]
    assert (judge(given).verdict, judge(given).reason) == (verdict, reason)


def test_there_are_at_least_150_states_and_they_cover_every_reason() -> None:
    # A relapse is how a later look calls a failure: see test_tickets.
    assert len(STATES) >= 150
    assert {reason for _, _, reason in STATES.values()} | {Reason.RELAPSED} == set(Reason)


def test_every_rule_decides_some_state() -> None:
    deciding = {next(rule for rule in RULES if rule(given) is not None) for given, _, _ in STATES.values()}
    assert deciding == set(RULES)
