"""The functions of the matrix: what each is sent, and where its effect is seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from functions.alert_bridge.core import bridge
from functions.alert_bridge.model import Webhook
from functions.drift_check.model import REQUEST_TYPE as DRIFT_REQUESTED
from functions.governance_check.model import CHECK_REQUESTED
from shared.domain.contract import validated
from shared.domain.events import PING, Event
from shared.testing.clocks import NOON
from shared.testing.events import firing, sample, webhook, write_requested
from shared.testing.gitops import remediation_proposed
from shared.testing.notify import alert_raised
from tests.executions import completed
from tests.faults.matrix.outside import ALERT, TARGET
from tests.faults.matrix.troubles import Asked
from tests.senders import structured

SETTINGS_FILE: Final = (
    "from pydantic_settings import BaseSettings\nclass Settings(BaseSettings):\n    port: int = 8080\n"
)
_MANIFEST: Final = "kind: ConfigMap\nmetadata: {name: api, namespace: prod}\ndata: {PORT: '8080'}\n"
_NO_CHANGE: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class Ask:
    """A request.

    Attributes:
        request: the arguments of an httpx request.
        id: of the event, as the inbox knows it.
        trace: what is in every event that announces its effect, and in no other play's; None when there is none.
        event: the same, where it is one.
    """

    request: Mapping[str, Any]
    id: str
    trace: str | None
    path: str = "/"
    event: Event | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Something that a function is asked.

    Attributes:
        ask: a new request, by a mark that is new as well.
        effect: a statement that counts its effects; ``:id`` is the event's and ``:mark`` the mark.
        at: the same request as of another time.
        ends: a statement that counts effects that are complete, for what a tick may have to complete.
        writes: a table that it writes to.
        other: data that makes another content of its events; nothing where the id is no promise.
    """

    ask: Callable[[str], Ask]
    effect: str
    at: Callable[[str, datetime], Ask]
    ends: str = ""
    writes: str = "inbox"
    other: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A function of the matrix.

    Attributes:
        door: what it is for.
        request: what it is asked with an id of its own, where its door has none.
        within_s: the bound of an answer in any trouble, in seconds.
        redis: when it asks Redis.
        settings: shorter than in production where a play would have to wait for them.
        outside: what it asks besides: names of :class:`tests.faults.matrix.outside.Outside`.
    """

    function: str
    door: Door
    request: Door | None = None
    within_s: float = 30.0
    redis: Asked = Asked.NEVER
    settings: Mapping[str, str] = field(default_factory=dict)
    outside: tuple[str, ...] = ()

    @property
    def front(self) -> Door:
        """Where events have ids, if there is such a door."""
        return self.request or self.door


def asked(event: Event, mark: str, *, announced: bool = True) -> Ask:
    """A request that is an event."""
    return Ask(structured(event), event.id, mark if announced else None, event=event)


def _door(
    make: Callable[[str, datetime], Event],
    effect: str,
    *,
    ends: str = "",
    announced: bool = True,
    other: Mapping[str, Any] = _NO_CHANGE,
) -> Door:
    def at(mark: str, time: datetime) -> Ask:
        return asked(replace(make(mark, time), time=time), mark, announced=announced)

    return Door(ask=lambda mark: at(mark, _just_now()), effect=effect, at=at, ends=ends, other=other)


def _just_now() -> datetime:
    """A moment ago: what is read from here on was read after it."""
    return datetime.now(UTC) - timedelta(seconds=0.05)


def _ticks(function: str, announced: str) -> Door:
    """Of a source that pings; its slot is what counts, not its id."""

    def at(mark: str, time: datetime) -> Ask:
        event = Event(id=mark, source=f"/pingsources/{function}", type=PING, time=time, data={})
        return Ask(structured(event), event.id, announced, event=event)

    effect = "SELECT count(*) FROM cron_slots WHERE done_at IS NOT NULL"
    return Door(ask=lambda mark: at(mark, _just_now()), effect=effect, at=at, writes="cron_slots")


def _alert(mark: str, time: datetime) -> Ask:
    document = webhook(firing(mark, startsAt=time.isoformat()))
    (event,) = bridge(validated(Webhook, document), NOON).events
    return Ask({"json": document}, event.id, mark, path="/alertmanager")


def _in_inbox(function: str) -> str:
    return f"SELECT count(*) FROM inbox WHERE fn = '{function}' AND id = :id"


def drift_requested(mark: str, time: datetime, configmap: Mapping[str, Any], source: str = SETTINGS_FILE) -> Event:
    """``config.check-requested``."""
    data = {"configmap": dict(configmap), "settings": {"source": source}}
    return sample(DRIFT_REQUESTED, data, id=mark, at=time, incident=mark)


def execution(mark: str, time: datetime) -> Event:
    """``execution.completed``, on the workload that the cluster outside has."""
    labels = {"namespace": TARGET["namespace"], "deployment": TARGET["name"]}
    return completed(mark, id=mark, incident=mark, at=time, alertname=ALERT, labels=labels)


def _slos_requested(mark: str, time: datetime) -> Event:
    return sample(CHECK_REQUESTED, {"checks": ["slo_compliance"]}, id=mark, at=time, incident=mark)


_A_DAY: Final = "86400"
_VERDICTS: Final = "SELECT count(*) FROM verifications WHERE execution_id = :mark AND check_name = 'initial'"
_INTENTS: Final = "SELECT count(*) FROM effects WHERE request::text LIKE '%' || :mark || '%'"

SUBJECTS: Final = (
    Subject(
        function="km_write",
        door=_door(
            lambda mark, time: write_requested(id=mark, at=time, incident=mark),
            # A second effect would be a second revision.
            "SELECT coalesce(sum(revision), 0) FROM knowledge_entries WHERE incident_id = :mark",
            other={"metadata": {"added": "later"}},
        ),
        within_s=3.0,
        redis=Asked.LAST,
        settings={"KM_WRITE_TIMEOUT_SECONDS": "1.0", "QUEUE_TIMEOUT_SECONDS": "0.3", "DLQ_MAX_ENTRIES": "60"},
    ),
    Subject(
        function="verify_execution",
        door=_door(
            execution,
            _VERDICTS,
            ends=f"{_VERDICTS} AND state = 'done'",
            other={"playbook_id": "another"},
        ),
        settings={
            "VERIFY_WARMUP_SECONDS": "0.01",
            "VERIFY_SOAK_SECONDS": "0.01",
            "VERIFY_INTERVAL_SECONDS": "0.1",
            "VERIFY_TIMEOUT_SECONDS": "1.5",
            "SENSOR_TIMEOUT_SECONDS": "0.7",
        },
        outside=("kubernetes", "prometheus"),
    ),
    Subject(
        function="governance_check",
        door=_ticks("governance-check", "governance.completed"),
        request=_door(_slos_requested, _in_inbox("governance-check"), other={"checks": ["trust_drift"]}),
        redis=Asked.FIRST,
        settings={
            "GOVERNANCE_INTERVAL_SECONDS": _A_DAY,
            "GOVERNANCE_LEASE_SECONDS": "1",
            "GOVERNANCE_CHECK_TIMEOUT_SECONDS": "2",
            "LEASE_TIMEOUT_SECONDS": "0.3",
            "PROMETHEUS_TIMEOUT_SECONDS": "1",
        },
        outside=("prometheus",),
    ),
    Subject(
        function="gitops_issue",
        door=_door(
            lambda mark, _: remediation_proposed(id=mark, command=f"kubectl drain {mark} --ignore-daemonsets -n prod"),
            _INTENTS,
            ends=f"{_INTENTS} AND state = 'sent'",
            other={"target_state": "another one"},
        ),
        settings={"GITEA_TIMEOUT_SECONDS": "1", "GITEA_SETTLE_SECONDS": "0.1"},
        outside=("gitea",),
    ),
    Subject(
        function="backfill_reconcile",
        door=_ticks("backfill-reconcile", "reconcile.completed"),
        redis=Asked.FIRST,
        settings={
            "RECONCILE_INTERVAL_SECONDS": _A_DAY,
            "RECONCILE_LEASE_SECONDS": "1",
            "QUEUE_TIMEOUT_SECONDS": "0.3",
            "DRAIN_IDLE_SECONDS": "0.05",
            "DLQ_MAX_ENTRIES": "10",
        },
    ),
    Subject(
        function="drift_check",
        door=_door(
            lambda mark, time: drift_requested(mark, time, {"yaml": _MANIFEST}),
            _in_inbox("drift-check"),
            other={"fields": ["port"]},
        ),
        settings={"CLUSTER_TIMEOUT_SECONDS": "1"},
        outside=("kubernetes",),
    ),
    Subject(
        function="alert_bridge",
        door=Door(ask=lambda mark: _alert(mark, _just_now()), effect=_in_inbox("alert-bridge"), at=_alert),
    ),
    Subject(
        function="notify",
        door=_door(
            lambda mark, _: alert_raised(mark, impact={"slo": mark}),
            _INTENTS,
            ends=f"{_INTENTS} AND state = 'sent'",
            announced=False,
            other={"severity": "critical"},
        ),
        settings={"NOTIFY_GATHER_SECONDS": "0.05", "NOTIFY_INTERVAL_SECONDS": "0.01", "NOTIFY_TIMEOUT_SECONDS": "1"},
        outside=("telegram",),
    ),
)
