"""Executions as events, tickets for them, and what is seen of their targets."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from functions.verify_execution.core.readings import Snapshot
from functions.verify_execution.core.tickets import Settlement, Ticket, settle
from functions.verify_execution.core.timetable import Check, Timing
from functions.verify_execution.model import ExecutionCompleted
from shared.domain.alerts import ALERT_FIRING
from shared.domain.contract import validated
from shared.domain.events import Event
from shared.domain.executions import EXECUTION_COMPLETED, EXECUTION_STARTING
from shared.testing.clocks import NOON
from shared.testing.events import INCIDENT, sample
from tests.verdicts import http, snapshot, workload

TIMING = Timing(warmup_s=10, soak_s=15, whole_s=60, sensor_s=8, interval_s=3)
TARGET = {"namespace": "prod", "kind": "Deployment", "name": "api"}


def starting(
    execution: str = "ex-1",
    *,
    id: str | None = None,  # noqa: A002 - the attribute's name
    at: datetime | None = NOON - timedelta(seconds=30),
    incident: str = INCIDENT,
    **changes: Any,
) -> Event:
    data = {**_data(execution, incident), **changes}
    return sample(EXECUTION_STARTING, data, id=id or f"starting-{execution}", at=at, incident=incident)


def completed(
    execution: str = "ex-1",
    *,
    id: str | None = None,  # noqa: A002 - the attribute's name
    at: datetime = NOON,
    incident: str = INCIDENT,
    kind: str = "rollout_restart",
    command: str | None = None,
    **changes: Any,
) -> Event:
    data = {**_data(execution, incident), "succeeded": True, "finished_at": at.isoformat()}
    data["action"] = {"kind": kind, "command": command, "target": TARGET}
    return sample(EXECUTION_COMPLETED, {**data, **changes}, id=id or f"completed-{execution}", at=at, incident=incident)


def firing(
    *,
    id: str = "firing-1",  # noqa: A002 - the attribute's name
    at: datetime | None = NOON - timedelta(minutes=5),
    incident: str = INCIDENT,
    **labels: str,
) -> Event:
    data = {
        "incident_id": incident,
        "fingerprint": "b1c2d3",
        "status": "firing",
        "alertname": "KubePodCrashLooping",
        "labels": labels or {"namespace": "prod", "deployment": "api"},
        "starts_at": (at or NOON).isoformat(),
    }
    return sample(ALERT_FIRING, data, id=id, at=at, incident=incident)


def _data(execution: str, incident: str) -> dict[str, Any]:
    return {
        "execution_id": execution,
        "incident_id": incident,
        "alertname": "KubePodCrashLooping",
        "labels": {"namespace": "prod", "deployment": "api"},
        "action": {"kind": "rollout_restart", "target": TARGET},
        "playbook_id": "pb-7",
        "decided_by": "rule",
    }


def data_of(event: Event) -> ExecutionCompleted:
    return validated(ExecutionCompleted, event.data)


def ticket(check: Check = Check.INITIAL, *, cause: Event | None = None, **changes: Any) -> Ticket:
    event = cause or completed()
    given = {"id": "v-1", "fence": 1, "timing": TIMING, "acted_at": data_of(event).finished_at, **changes}
    return Ticket(check=check, cause=event, execution=data_of(event), **given)


def healthy(at: datetime) -> Snapshot:
    return snapshot(workload(at), at=at)


def broken(at: datetime) -> Snapshot:
    return snapshot(workload(at, ready=0), at=at)


def half_up(at: datetime) -> Snapshot:
    return snapshot(workload(at, ready=2), at=at)


def unseen(at: datetime) -> Snapshot:
    return snapshot(at=at)


def endpoint(at: datetime) -> Snapshot:
    return snapshot(http(200, at), at=at)


def settled(held: Ticket, *looks: Any, after_s: float = 25.0) -> Settlement:
    """A verdict on looks (a function of the time each) that were taken one second apart, the last after ``after_s``."""
    ends = held.since + timedelta(seconds=after_s)
    observed = [look(ends - timedelta(seconds=len(looks) - 1 - number)) for number, look in enumerate(looks)]
    return settle(held, held.case(observed, soaked=True), at=ends)
