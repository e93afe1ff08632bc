"""The story's fixes: a real service is really broken and really restarted, and each fix gets its verdict."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from shared.domain.events import Event
from shared.domain.executions import (
    EXECUTION_BASELINE_CAPTURED,
    EXECUTION_COMPLETED,
    EXECUTION_STARTING,
    EXECUTION_VERIFIED,
    ROLLBACK_PROPOSED,
)
from shared.local.evidence import Witness, require
from shared.local.simulators.service_process import ServiceProcess

_READINGS: Final = """
SELECT e.phase, r.sensor, r.reading FROM incident_evidence AS e JOIN sensor_readings AS r ON r.evidence_id = e.id
WHERE e.execution_id = :execution ORDER BY e.phase DESC, r.round
"""
_ARCHIVED: Final = """
SELECT title FROM knowledge_entries
WHERE incident_id = :incident AND path_type = 'approval_auto_ok' AND archived_at IS NOT NULL
"""
_CRASHES_AFTER_S: Final = 1.2


class Fixes:
    """Four fixes of one service.

    Args:
        shop: the service; it must be running.
        witness: publishes events and looks at what came of them.
    """

    def __init__(self, shop: ServiceProcess, witness: Witness) -> None:
        self._shop = shop
        self._witness = witness

    def good(self) -> str:
        """Broken, seen broken, restarted, seen healthy."""
        execution = self._begin()
        self._shop.sabotage()
        self._baseline(execution)
        self._shop.restart()
        verdict = self._complete(execution)
        require(verdict["verdict"] == "success", f"the restart was judged {_said(verdict)}, not success")
        return f"the shop fails its health check; restarted\n{_said(verdict)} · {self._before_and_after(execution)}"

    def bad(self) -> str:
        """Restarted, and dead again before the soak is over."""
        execution = self._begin()
        self._shop.sabotage()
        self._baseline(execution)
        self._shop.crash_after_s = _CRASHES_AFTER_S
        self._shop.restart()
        verdict = self._complete(execution)
        require(verdict["verdict"] == "failed", f"the bad fix was judged {_said(verdict)}, not failed")
        proposal = self._witness.until(lambda: self._witness.event(ROLLBACK_PROPOSED, execution["incident_id"]))["data"]
        require(not self._shop.answers(), "somebody restarted the shop, though nothing is ever executed")
        self._shop.crash_after_s = None
        self._shop.start()
        undo = proposal["inverse"]["command"] or proposal["why"]
        what = f"restarted, and dead again {_CRASHES_AFTER_S} s later"
        return f"{what}\n{_said(verdict)} · rollback proposed, not executed: {undo}"

    def look_only(self) -> str:
        """Somebody only looked."""
        execution = {**self._begin(), "action": {**_ACTION, "kind": "other", "command": "ps aux"}}
        verdict = self._complete(execution)
        require(verdict["verdict"] == "degraded", f"looking was judged {_said(verdict)}, not degraded")
        return f"`ps aux` and nothing else: {_said(verdict)}"

    def relapse(self) -> str:
        """A success that does not last until the second look."""
        execution = self._begin()
        self._shop.sabotage()
        self._baseline(execution)
        self._shop.restart()
        first = self._complete(execution)
        require(first["verdict"] == "success", f"the restart was judged {_said(first)}, not success")
        self._shop.sabotage()
        incident = execution["incident_id"]
        second = self._witness.until(lambda: self._second_look(incident))
        self._shop.restart()
        require(second["revises"] is not None, "the relapse does not say which success it takes back")
        rows = self._witness.until(lambda: self._witness.rows(_ARCHIVED, incident=incident))
        what = f"{_said(first)}, broken again; second look: {_said(second)}"
        return f'{what}\ntaken back, its knowledge archived: "{rows[0][0]}"'

    def _second_look(self, incident: str) -> dict[str, Any] | None:
        self._witness.fire("verify-execution")
        time.sleep(0.3)
        event = self._witness.event(EXECUTION_VERIFIED, incident)
        return event["data"] if event is not None and event["data"]["check"] == "5m" else None

    def _begin(self) -> dict[str, Any]:
        number = uuid.uuid4().hex[:8]
        return {
            "execution_id": f"ex-{number}",
            "incident_id": f"INC-{number}",
            "alertname": "ShopUnhealthy",
            "action": _ACTION,
            "playbook_id": "pb-restart-shop",
            "decided_by": "rule",
        }

    def _baseline(self, execution: Mapping[str, Any]) -> None:
        self._publish(EXECUTION_STARTING, execution)
        incident = execution["incident_id"]
        self._witness.until(lambda: self._witness.event(EXECUTION_BASELINE_CAPTURED, incident))

    def _complete(self, execution: Mapping[str, Any]) -> dict[str, Any]:
        finished = datetime.now(UTC).isoformat()
        self._publish(EXECUTION_COMPLETED, {**execution, "succeeded": True, "finished_at": finished})
        verified = self._witness.until(lambda: self._witness.event(EXECUTION_VERIFIED, execution["incident_id"]))
        data: dict[str, Any] = verified["data"]
        return data

    def _publish(self, event_type: str, execution: Mapping[str, Any]) -> None:
        event = Event(
            id=str(uuid.uuid4()),
            source="/story/executor",
            type=event_type,
            time=datetime.now(UTC),
            subject=execution["incident_id"],
            data=dict(execution),
        )
        self._witness.publish(event)

    def _before_and_after(self, execution: Mapping[str, Any]) -> str:
        """What the sensors read, first and last."""
        seen: dict[str, list[str]] = {}
        for _, sensor, reading in self._witness.rows(_READINGS, execution=execution["execution_id"]):
            seen.setdefault(sensor, []).append(_figure(reading))
        return " · ".join(f"{sensor} {figures[0]} → {figures[-1]}" for sensor, figures in sorted(seen.items()))


_ACTION: Final = {
    "kind": "restart_process",
    "target": {"namespace": "prod", "kind": "Service", "name": "shop"},
}
Chapter = Callable[[], str]


def _said(verdict: Mapping[str, Any]) -> str:
    return f"{verdict['verdict']}: {verdict['reason']}"


def _figure(reading: Mapping[str, Any] | None) -> str:
    if reading is None:
        return "silent"
    if reading["type"] == "HttpProbe":
        return str(reading["status"] or "no answer")
    return ", ".join(f"{sample['value']:g}" for sample in reading["samples"])
