"""What each function listens to, with a good sample of everything it accepts: bad requests are made from those."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from importlib import import_module
from random import Random
from typing import Any, Final

from functions.alert_bridge.model import WEBHOOK_TYPE
from functions.drift_check.model import REQUEST_TYPE as DRIFT_REQUESTED
from functions.governance_check.model import CHECK_REQUESTED
from shared.domain.events import PING, Event, to_structured
from shared.testing import notify
from shared.testing.events import (
    alert_resolved,
    execution_verified,
    remediation_approved,
    sample,
    webhook,
    write_requested,
)
from shared.testing.gitops import remediation_proposed
from tests.executions import completed, firing, starting
from tests.fuzz.requests import CANARY, EVENT, JSON, Request, http

_GOOD: Final = (200, 202, 204)
_CLASS: Final = "from pydantic_settings import BaseSettings\nclass Settings(BaseSettings):\n    port: int = 8080\n"
_MANIFEST: Final = "kind: ConfigMap\nmetadata: {name: api, namespace: prod}\ndata: {PORT: '8080'}\n"
_WRITTEN: Final = {"yaml": _MANIFEST, "namespace": "prod", "name": "api"}
_ACCEPTED: Final = {"field": "port", "owner": "ada", "reason": "a trial", "expires": "2026-03-01"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One path of a function.

    Attributes:
        samples: good events, at least one of each type; none for a page.
        models: what the data of a type must be; a type that is missing here takes any data.
        plain: the type of plain JSON requests, if they are taken.
        is_webhook: the samples' data comes without an event around it.
    """

    path: str = "/"
    samples: Sequence[Event] = ()
    models: Mapping[str, Any] = field(default_factory=dict)
    plain: str | None = None
    batch: bool = False
    takes_any: bool = False
    is_webhook: bool = False

    @property
    def is_page(self) -> bool:
        """Whether it is looked at, with GET."""
        return not self.samples

    @property
    def media(self) -> str:
        """The content type of a good request."""
        return JSON if self.is_webhook else EVENT

    def document(self, chance: Random) -> Any:
        """A good document, to be spoiled."""
        event = chance.choice(self.samples)
        return deepcopy(event.data) if self.is_webhook else enveloped(chance, event)

    def good(self) -> Request:
        """A good request."""
        if self.is_page:
            return http(b"", *_GOOD, path=self.path, method="GET", headers={"x-note": None})
        event = self.samples[0]
        body = json.dumps(event.data if self.is_webhook else to_structured(event)).encode()
        return http(body, *_GOOD, path=self.path, headers={"content-type": self.media, "x-note": None})


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function, what it listens to, and what it needs beyond stores and a token."""

    name: str
    doors: Sequence[Door]
    settings: Mapping[str, str] = field(default_factory=dict)


def enveloped(chance: Random, event: Event, **changes: Any) -> dict[str, Any]:
    """The event with an id of its own and a canary where nobody looks."""
    return {**deepcopy(to_structured(event)), "id": f"{chance.getrandbits(64):x}", "note": CANARY, **changes}


def _events(name: str, *samples: Event, **more: Any) -> Function:
    """A function that takes CloudEvents at ``/``; the first sample is the good request."""
    model = import_module(f"functions.{name}.model")
    missing = model.ACCEPTS.keys() - {event.type for event in samples}
    if missing:
        raise LookupError(f"{name} has no sample of {', '.join(sorted(missing))}; add one in {__file__}")
    models = {kind: wanted for kind, wanted in model.ACCEPTS.items() if kind != PING}
    settings = more.pop("settings", {})
    door = Door(samples=samples, models=models, plain=getattr(model, "REQUEST_TYPE", None), **more)
    return Function(name=name, doors=[door], settings=settings)


_PINGED: Final = sample(PING, {}, id="ping-1", source="/apis/v1/namespaces/aftercare/pingsources/tick", incident=None)
_TELEGRAM: Final = {
    "TELEGRAM_BOT_TOKEN": "123456:sent-to-nobody",
    "TELEGRAM_API_URL": "http://127.0.0.1:9",
    "SRE_GROUP_CHAT_ID": "-1001",
}

FUNCTIONS: Final[Mapping[str, Function]] = {
    function.name: function
    for function in (
        Function(
            name="alert_bridge",
            doors=[
                Door(
                    path="/alertmanager",
                    samples=[sample(WEBHOOK_TYPE, webhook(), id="webhook-1", incident=None)],
                    models=import_module("functions.alert_bridge.model").ACCEPTS,
                    is_webhook=True,
                )
            ],
        ),
        Function(
            name="backfill_reconcile",
            doors=[Door(samples=[_PINGED]), Door(path="/dead-letter", samples=[write_requested()], takes_any=True)],
        ),
        Function(name="console", doors=[Door(), Door(path="/metrics")]),
        _events(
            "drift_check",
            sample(
                DRIFT_REQUESTED,
                {
                    "configmap": _WRITTEN,
                    "settings": {"source": _CLASS, "class": "Settings"},
                    "fields": ["port"],
                    "accept": [_ACCEPTED],
                },
                id="check-1",
                incident=None,
            ),
            _PINGED,
        ),
        _events("gitops_issue", remediation_proposed(), _PINGED),
        _events(
            "governance_check",
            sample(CHECK_REQUESTED, {"checks": ["trust_drift"], "dry_run": False}, id="check-1", incident=None),
            _PINGED,
            # Runs are heavy, so it takes four requests at once; more are answered 503, whatever they say.
            settings={"CONCURRENCY": "100"},
        ),
        _events(
            "km_write",
            write_requested(),
            write_requested("approval_manual", approval="apr-9", id="write-2", metadata={"shift": {"nights": [1, 2]}}),
            alert_resolved(),
            execution_verified(approval="apr-9"),
            remediation_approved(),
            batch=True,
        ),
        _events("notify", notify.alert_raised(), *notify.one_of_each(), _PINGED, settings=_TELEGRAM),
        _events("verify_execution", starting(), completed(command="kubectl get pods"), firing(), _PINGED),
    )
}
"""Every function that serves, by the name of its folder."""
