"""The functions, what each is asked, and what it needs around it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from functions.drift_check.model import REQUEST_TYPE
from functions.gitops_issue.core.policy import Policy
from functions.gitops_issue.drafts import Draft, Locale, Writer
from functions.gitops_issue.proposals import Assessor
from shared.domain.contract import validated
from shared.domain.dead_letters import KNOWLEDGE_STREAM, DeadLetter
from shared.domain.events import PING, Event
from shared.domain.failures import Failure, FailureClass
from shared.domain.remediations import RemediationProposed
from shared.testing.clocks import NOON
from shared.testing.events import firing, remediation_approved, sample, webhook, write_requested
from shared.testing.gitops import remediation_proposed
from shared.testing.notify import alert_raised
from tests.senders import structured

_SETTINGS: Final = "from pydantic_settings import BaseSettings\nclass Settings(BaseSettings):\n    port: int = 8080\n"
_MANIFEST: Final = "kind: ConfigMap\nmetadata: {name: api, namespace: prod}\ndata: {PORT: '9090'}\n"
_DOOMED: Final = """
INSERT INTO playbooks (playbook_id, trust_score, verified_count, failed_count, last_used_at)
VALUES ('doomed', 0.1, 10, 10, now())
"""
_HOUR: Final = "3600"
_ASSESS: Final = Assessor(policy=Policy(), writer=Writer.of(Locale.EN), checks=True, opens=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A function and one thing that it is asked.

    Attributes:
        name: what people call it.
        function: its folder.
        ask: the arguments of an httpx request, by a mark that is new.
        path: where it is asked.
        traced: whether the mark is in what it announces; the rest belongs to ticks then.
        ticked: whether a tick goes on with what is left.
        rows: a statement that makes what it works on.
        letters: dead letters that it works on, by the mark.
        neighbour: the issue of another plan that is there already, and much like the one of this mark.
        settings: shorter than in production where nothing but time would pass, or needed.
        source: the composition that is started, if not the one that ships.
    """

    name: str
    function: str
    ask: Callable[[str], Mapping[str, Any]]
    path: str = "/"
    traced: bool = True
    ticked: bool = False
    rows: str | None = None
    letters: Callable[[str], Sequence[DeadLetter]] = lambda _mark: ()
    neighbour: Callable[[str], Draft | None] = lambda _mark: None
    settings: Mapping[str, str] = field(default_factory=dict)
    source: str | None = None

    @property
    def composition(self) -> str:
        """What is started."""
        return self.source or f"functions/{self.function}/main.py"

    @property
    def service(self) -> str:
        """What the function is called outside of its folder."""
        return self.function.replace("_", "-")


def tick(mark: str) -> Mapping[str, Any]:
    """Of a source that pings."""
    return structured(Event(id=mark, source="/chaos/cron", type=PING, data={}))


def _drift(mark: str) -> Mapping[str, Any]:
    asked = {"configmap": {"yaml": _MANIFEST}, "settings": {"source": _SETTINGS}}
    return structured(sample(REQUEST_TYPE, asked, id=mark, incident=mark))


def _given_up(mark: str) -> Mapping[str, Any]:
    """What a broker says of an event that it could not deliver."""
    event = write_requested(id=mark, incident=mark)
    return structured(replace(event, extensions={"knativeerrordest": "http://some.where", "knativeerrorcode": "503"}))


def _letters(mark: str) -> Sequence[DeadLetter]:
    """An incident's path A and its approval, as km-write defers them."""
    events = write_requested(id=f"a-{mark}", incident=mark), remediation_approved(id=f"b-{mark}", incident=mark)
    down = Failure(FailureClass.CONNECTION)
    return [DeadLetter(event=e, fn="km-write", failure=down, attempts=1, first_failed_at=NOON) for e in events]


def _proposal(mark: str, **changes: str) -> Event:
    return remediation_proposed(id=mark, command=f"kubectl drain {mark} --ignore-daemonsets -n prod", **changes)


def _neighbour(mark: str) -> Draft | None:
    """What another plan for the same node is to be reviewed in: its title is the same, and its digest is not."""
    other = _proposal(mark, target_state="It has another disk.")
    _, draft = _ASSESS(validated(RemediationProposed, other.data))
    return draft


_SLOT: Final[Mapping[str, Any]] = {"ask": tick, "traced": False}
_WATCHED: Final = [{"configmap": {"path": "FOLDER/configmap.yaml"}, "settings": {"path": "FOLDER/settings.py"}}]
_RECONCILER: Final = {
    "RECONCILE_INTERVAL_SECONDS": _HOUR,
    "RECONCILE_LEASE_SECONDS": "60",
    "DRAIN_IDLE_SECONDS": "0.05",
}

SUBJECTS: Final = (
    Subject(name="km-write", function="km_write", ask=lambda mark: structured(write_requested(id=mark, incident=mark))),
    Subject(
        name="alert-bridge",
        function="alert_bridge",
        path="/alertmanager",
        ask=lambda mark: {"json": webhook(firing(mark))},
    ),
    Subject(
        name="gitops-issue",
        function="gitops_issue",
        ask=lambda mark: structured(_proposal(mark)),
        ticked=True,
        neighbour=_neighbour,
        settings={"GITEA_API_TOKEN": "token", "GITEA_REPO_OWNER": "sre", "GITEA_REPO_NAME": "changes"},
    ),
    Subject(
        name="governance-check",
        function="governance_check",
        rows=_DOOMED,
        settings={"GOVERNANCE_INTERVAL_SECONDS": _HOUR, "GOVERNANCE_LEASE_SECONDS": "60"},
        **_SLOT,
    ),
    Subject(name="drift-check", function="drift_check", ask=_drift),
    Subject(
        name="drift-check's tick",
        function="drift_check",
        settings={
            "DRIFT_CHECKS": json.dumps(_WATCHED),
            "DRIFT_INTERVAL_SECONDS": _HOUR,
            "DRIFT_LEASE_SECONDS": "60",
        },
        **_SLOT,
    ),
    Subject(
        name="notify",
        function="notify",
        ask=lambda mark: structured(alert_raised(mark)),
        ticked=True,
        settings={
            "TELEGRAM_BOT_TOKEN": "1:token",
            "SRE_GROUP_CHAT_ID": "-1",
            "NOTIFY_GATHER_SECONDS": "0.01",
            "NOTIFY_INTERVAL_SECONDS": "0.01",
        },
    ),
    Subject(name="backfill-reconcile", function="backfill_reconcile", letters=_letters, settings=_RECONCILER, **_SLOT),
    Subject(
        name="backfill-reconcile's dead letter",
        function="backfill_reconcile",
        path="/dead-letter",
        ask=_given_up,
        ticked=True,
        settings=_RECONCILER,
    ),
)

STREAM: Final = KNOWLEDGE_STREAM
"""Where the letters are put."""

FILES: Final = {"settings.py": _SETTINGS, "configmap.yaml": _MANIFEST}
"""What a tick of drift-check compares."""
