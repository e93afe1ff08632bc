"""The functions of the matrix: what each is sent, and where its effect is seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from functions.alert_bridge.core import bridge
from functions.alert_bridge.model import Webhook
from functions.drift_check.model import REQUEST_TYPE
from shared.domain.contract import validated
from shared.domain.events import PING, Event
from shared.testing.clocks import NOON
from shared.testing.events import firing, sample, webhook, write_requested
from shared.testing.gitops import remediation_proposed
from shared.testing.notify import alert_raised
from tests.executions import completed
from tests.senders import structured

_SETTINGS: Final = "from pydantic_settings import BaseSettings\nclass Settings(BaseSettings):\n    port: int = 8080\n"
_MANIFEST: Final = "kind: ConfigMap\nmetadata: {name: api, namespace: prod}\ndata: {PORT: '8080'}\n"


@dataclass(frozen=True, slots=True)
class Ask:
    """A request.

    Attributes:
        request: the arguments of an httpx request.
        id: of the event, as the inbox knows it.
        trace: what is in every event that announces its effect, and in no other cell's; None when there is none.
    """

    request: Mapping[str, Any]
    id: str
    trace: str | None
    path: str = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A function of the matrix.

    Attributes:
        ask: a new request, by a mark that is new as well.
        effect: a statement that counts its effects; ``:id`` is the event's and ``:mark`` the mark.
        within_s: the bound of an answer in any trouble, in seconds.
        redis_last: whether Redis is asked when PostgreSQL has failed; the others ask it when PostgreSQL is well.
        settings: shorter than in production where a cell would have to wait for them.
    """

    function: str
    ask: Callable[[str], Ask]
    effect: str
    within_s: float = 30.0
    redis_last: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)


def _of_event(make: Callable[[str], Event], *, announced: bool = True) -> Callable[[str], Ask]:
    def ask(mark: str) -> Ask:
        event = make(mark)
        return Ask(structured(event), event.id, mark if announced else None)

    return ask


def _webhook(mark: str) -> Ask:
    document = webhook(firing(mark))
    (event,) = bridge(validated(Webhook, document), NOON).events
    return Ask({"json": document}, event.id, mark, path="/alertmanager")


def _tick(function: str, announced: str) -> Callable[[str], Ask]:
    """Of a source that pings; its slot is what counts, not its id."""

    def ask(mark: str) -> Ask:
        event = Event(id=mark, source=f"/pingsources/{function}", type=PING, data={})
        return Ask(structured(event), event.id, announced)

    return ask


def _drift(mark: str) -> Event:
    asked = {"configmap": {"yaml": _MANIFEST}, "settings": {"source": _SETTINGS}}
    return sample(REQUEST_TYPE, asked, id=mark, incident=mark)


_SLOTS: Final = "SELECT count(*) FROM cron_slots WHERE done_at IS NOT NULL"
_A_DAY: Final = "86400"

SUBJECTS: Final = (
    Subject(
        function="km_write",
        ask=_of_event(lambda mark: write_requested(id=mark, incident=mark)),
        # A second effect would be a second revision.
        effect="SELECT coalesce(sum(revision), 0) FROM knowledge_entries WHERE incident_id = :mark",
        within_s=3.0,
        redis_last=True,
        settings={"KM_WRITE_TIMEOUT_SECONDS": "1.0", "QUEUE_TIMEOUT_SECONDS": "0.3"},
    ),
    Subject(
        function="alert_bridge",
        ask=_webhook,
        effect="SELECT count(*) FROM inbox WHERE fn = 'alert-bridge' AND id = :id",
    ),
    Subject(
        function="verify_execution",
        ask=_of_event(lambda mark: completed(mark, id=mark, incident=mark), announced=False),
        effect="SELECT count(*) FROM verifications WHERE execution_id = :mark AND check_name = 'initial'",
        settings={
            "VERIFY_WARMUP_SECONDS": "0.01",
            "VERIFY_SOAK_SECONDS": "0.01",
            "VERIFY_INTERVAL_SECONDS": "0.01",
            "VERIFY_TIMEOUT_SECONDS": "1",
        },
    ),
    Subject(
        function="gitops_issue",
        ask=_of_event(
            lambda mark: remediation_proposed(id=mark, command=f"kubectl drain {mark} --ignore-daemonsets -n prod")
        ),
        effect="SELECT count(*) FROM effects WHERE request::text LIKE '%' || :mark || '%'",
    ),
    Subject(
        function="governance_check",
        ask=_tick("governance-check", "governance.completed"),
        effect=_SLOTS,
        settings={
            "GOVERNANCE_INTERVAL_SECONDS": _A_DAY,
            "GOVERNANCE_LEASE_SECONDS": "1",
            "LEASE_TIMEOUT_SECONDS": "0.3",
        },
    ),
    Subject(
        function="drift_check",
        ask=_of_event(_drift),
        effect="SELECT count(*) FROM inbox WHERE fn = 'drift-check' AND id = :id",
    ),
    Subject(
        function="notify",
        ask=_of_event(alert_raised, announced=False),
        effect="SELECT count(*) FROM effects WHERE kind = 'notify' AND request::text LIKE '%' || :mark || '%'",
        settings={"NOTIFY_GATHER_SECONDS": "0.05", "NOTIFY_INTERVAL_SECONDS": "0.01", "NOTIFY_TIMEOUT_SECONDS": "1"},
    ),
    Subject(
        function="backfill_reconcile",
        ask=_tick("backfill-reconcile", "reconcile.completed"),
        effect=_SLOTS,
        settings={
            "RECONCILE_INTERVAL_SECONDS": _A_DAY,
            "RECONCILE_LEASE_SECONDS": "1",
            "QUEUE_TIMEOUT_SECONDS": "0.3",
        },
    ),
)
