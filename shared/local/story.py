"""The story of ``make demo``: one incident, and what happens to it when everything goes wrong around it.

Each chapter does what it says to the running functions and prints figures that it read back from PostgreSQL, the
broker or the answers; a chapter whose promise does not hold raises :class:`~shared.local.evidence.PromiseBroken`.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx

from shared.domain.alerts import incident_id
from shared.domain.events import Event
from shared.domain.remediations import REMEDIATION_APPROVED
from shared.local.evidence import Witness, require
from shared.local.laptop import Laptop
from shared.local.outage import outage
from shared.local.oversight import Oversight
from shared.local.terminal import Narrator
from shared.local.verdicts import Fixes

T = TypeVar("T")

_SAMPLE: Final = Path(__file__).parent / "samples" / "alertmanager-webhook.json"
_PATIENCE_S: Final = 20.0
_ENTRY: Final = """
SELECT path_type, title, approval_id, revision FROM knowledge_entries
WHERE incident_id = :incident ORDER BY path_type
"""
_INBOX: Final = "SELECT count(*) FROM inbox WHERE fn = 'km-write'"


class Story:
    """Tells the story on a running laptop."""

    def __init__(self, laptop: Laptop, narrator: Narrator) -> None:
        self._laptop = laptop
        self._narrator = narrator
        self._http = httpx.Client(timeout=10, trust_env=False)
        self._witness = Witness(laptop.broker, laptop.postgres.url, self._http)

    def tell(self) -> None:
        """All chapters.

        Raises:
            PromiseBroken: with what was expected and what was found.
        """
        with self._http:
            first = _webhook()
            self._alert(first)
            self._repeat(first)
            self._resolve(first)
            self._either_order()
            fixes = Fixes(self._laptop.shop, self._witness)
            oversight = Oversight(self._laptop, self._witness, self._http)
            for name, chapter in (
                ("FIX", fixes.good),
                ("BAD FIX", fixes.bad),
                ("ONLY LOOKED", fixes.look_only),
                ("RELAPSE", fixes.relapse),
                ("BLAST RADIUS", oversight.assess),
                ("REVIEW", oversight.issue),
                ("APPROVAL", oversight.approve),
            ):
                self._chapter(name, chapter)
            self._outage()
            for name, chapter in (
                ("GOVERNANCE", oversight.govern),
                ("DRIFT", oversight.drift),
                ("CHAT", oversight.card),
            ):
                self._chapter(name, chapter)

    def _chapter(self, name: str, chapter: Callable[[], str]) -> None:
        with self._narrator.chapter(name) as note:
            note.text = chapter()

    def _alert(self, webhook: dict[str, Any]) -> None:
        with self._narrator.chapter("ALERT") as note:
            answer = self._post_webhook(webhook)
            incident = _incident(webhook)
            event = self._witness.until(lambda: self._witness.event("dev.aftercare.alert.firing.v1", incident))
            labels = event["data"]["labels"]
            note.text = f"{labels['alertname']} {labels['namespace']}/{labels['pod']} → {incident} ({answer} new)"

    def _repeat(self, webhook: dict[str, Any]) -> None:
        with self._narrator.chapter("REDELIVERY") as note:
            new = self._post_webhook(webhook)
            require(new == 0, f"a repeated webhook must have no effect, but {new} alerts were new")
            note.text = "the same webhook from Alertmanager's other replica: answered 202, 0 new"

    def _resolve(self, webhook: dict[str, Any]) -> None:
        with self._narrator.chapter("KNOWLEDGE") as note:
            resolved = _resolved(webhook)
            self._post_webhook(resolved)
            incident = _incident(webhook)
            rows = self._witness.until(lambda: self._entries(incident))
            before = self._count(_INBOX)
            again = self._post_webhook(resolved)
            require(again == 0 and self._count(_INBOX) == before, "the redelivered resolution had a second effect")
            note.text = (
                f'{incident} {rows[0][0]}: "{rows[0][1]}" created\nredelivered: 0 new, still revision {rows[0][3]}'
            )

    def _either_order(self) -> None:
        with self._narrator.chapter("LINKS") as note:
            note.text = f"{self._linked_after(approval_first=True)}\n{self._linked_after(approval_first=False)}"

    def _linked_after(self, *, approval_first: bool) -> str:
        """One incident whose approval and resolution arrive in the given order."""
        webhook = _webhook()
        incident = _incident(webhook)
        approval = f"apr-{uuid.uuid4().hex[:8]}"

        def approve() -> None:
            self._witness.publish(_approval(incident, approval))
            self._witness.until(lambda: self._has(incident, "approval_manual"))

        def resolve() -> None:
            self._post_webhook(_resolved(webhook))
            self._witness.until(lambda: self._has(incident, "incident_resolve"))

        for step in (approve, resolve) if approval_first else (resolve, approve):
            step()
        linked = self._witness.until(lambda: self._linked(incident))
        require(linked == approval, f"{incident} is linked to {linked}, not to {approval}")
        order = "approval before resolution" if approval_first else "resolution before approval"
        return f"{incident} {order} → linked to {linked}"

    def _outage(self) -> None:
        server, redis = self._laptop.postgres.server, self._laptop.redis.server
        with self._narrator.chapter("OUTAGE") as note:
            if server is None:
                note.text = "skipped: the database is yours (DATABASE_URL), and not ours to kill"
            elif redis is not None and not redis.durable:
                note.text = "skipped: this Redis keeps nothing, so nothing could be deferred; install redis-server"
            else:
                note.text = outage(self._laptop, server, self._http)

    def _post_webhook(self, webhook: dict[str, Any]) -> int:
        """Post to alert-bridge as Alertmanager does; the number of alerts it had not seen."""
        answer = self._http.post(
            f"{self._laptop.url('alert-bridge')}/alertmanager",
            json=webhook,
            headers={"authorization": f"Bearer {self._laptop.token}"},
        )
        require(answer.status_code == httpx.codes.ACCEPTED, f"alert-bridge answered {answer.status_code}")
        return int(answer.json()["new"])

    def _entries(self, incident: str) -> list[list[Any]]:
        return self._witness.rows(_ENTRY, incident=incident)

    def _has(self, incident: str, path: str) -> bool:
        return any(row[0] == path for row in self._entries(incident))

    def _linked(self, incident: str) -> str | None:
        return next((row[2] for row in self._entries(incident) if row[0] == "incident_resolve"), None)

    def _count(self, sql: str) -> int:
        return int(self._witness.rows(sql)[0][0])


def _webhook() -> dict[str, Any]:
    """The sample with a start of its own: a new firing episode each time."""
    webhook: dict[str, Any] = json.loads(_SAMPLE.read_text())
    (alert,) = webhook["alerts"]
    alert["startsAt"] = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return webhook


def _resolved(webhook: dict[str, Any]) -> dict[str, Any]:
    (alert,) = webhook["alerts"]
    ended = datetime.fromisoformat(alert["startsAt"]) + timedelta(seconds=90)
    return {
        **webhook,
        "status": "resolved",
        "alerts": [{**alert, "status": "resolved", "endsAt": ended.isoformat().replace("+00:00", "Z")}],
    }


def _incident(webhook: dict[str, Any]) -> str:
    (alert,) = webhook["alerts"]
    return incident_id(alert["fingerprint"], datetime.fromisoformat(alert["startsAt"]))


def _approval(incident: str, approval: str) -> Event:
    now = datetime.now(UTC)
    return Event(
        id=str(uuid.uuid4()),
        source="/story/approvals",
        type=REMEDIATION_APPROVED,
        time=now,
        subject=incident,
        data={
            "proposal_id": f"p-{approval}",
            "incident_id": incident,
            "approval_id": approval,
            "approved_by": ["ada", "grace"],
            "digest": f"sha256:{'0' * 64}",
            "command": "kubectl rollout restart deployment/api -n prod",
            "approved_at": now.isoformat(),
        },
    )
