"""notify's deliveries and channels in memory, and one sample of each event that people must see."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from functions.notify.core.attempts import Letter, Outcome, Settlement, Shown, State
from functions.notify.core.cards import Card
from functions.notify.core.rendering import Message
from functions.notify.handler import Planned
from shared.domain.drift import DRIFT_DETECTED
from shared.domain.errors import AftercareError, Unprocessable
from shared.domain.events import Event
from shared.domain.executions import ROLLBACK_PROPOSED
from shared.domain.governance import ALERT_RAISED, ALERT_RESOLVED
from shared.domain.knowledge import KNOWLEDGE_QUARANTINED
from shared.domain.ports import Clock
from shared.domain.remediations import REMEDIATION_APPROVED, REMEDIATION_REVIEW_REQUESTED
from shared.testing.clocks import NOON
from shared.testing.events import DIGEST, INCIDENT, execution_verified, sample

_LEASE: Final = timedelta(seconds=120)


@dataclass(slots=True, kw_only=True)
class _Row:
    destination: str
    card: Card
    created_at: datetime
    next_at: datetime
    state: State = State.PLANNED
    attempts: int = 0
    fence: int = 0
    leased_until: datetime | None = None
    response: Mapping[str, Any] | None = None


class MemoryDeliveries:
    """See :class:`functions.notify.handler.Deliveries`.

    Attributes:
        rows: by key, in the order in which they were planned.
        failures: raised by the next calls of the name, one each.
    """

    def __init__(self, clock: Clock, *, repeat_s: float = 3_600.0) -> None:
        self._clock = clock
        self._repeat_s = repeat_s
        self._inbox: dict[tuple[str, str], tuple[str, Planned]] = {}
        self.rows: dict[str, _Row] = {}
        self.failures: dict[str, deque[AftercareError]] = {}

    async def plan(self, event: Event, card: Card, names: Sequence[str]) -> Planned:
        """Keep the event and a letter for each destination."""
        self._called("plan")
        digest, identity = event.digest(), (event.source, event.id)
        if identity in self._inbox:
            before, planned = self._inbox[identity]
            if before != digest:
                raise Unprocessable(f"id {event.id} was used before with other content; send a new id")
            return planned
        planned = Planned([name for name in names if self._add(name, card)])
        self._inbox[identity] = (digest, planned)
        return planned

    def _add(self, name: str, card: Card) -> bool:
        now = self._clock.now()
        key = f"notify|{name}|{card.identity}|{int(now.timestamp() // self._repeat_s)}"
        if key in self.rows and self.rows[key].state is not State.FAILED:
            return False
        fence = self.rows[key].fence if key in self.rows else 0
        self.rows[key] = _Row(destination=name, card=card, created_at=now, next_at=now, fence=fence)
        return True

    async def claim(self, name: str) -> Sequence[Letter]:
        """Take the letters to a destination that are due."""
        self._called("claim")
        now = self._clock.now()
        due = {k: row for k, row in self._pending().items() if row.destination == name and row.next_at <= now}
        return [self._take(key, row, now) for key, row in due.items() if self._is_free(row)]

    def _take(self, key: str, row: _Row, now: datetime) -> Letter:
        was = row.state
        row.state, row.leased_until = State.SENDING, now + _LEASE
        row.attempts += 1
        row.fence += 1
        return Letter(
            key=key, card=row.card, attempts=row.attempts, fence=row.fence, was=was, created_at=row.created_at
        )

    async def settle(self, settlements: Mapping[str, tuple[Letter, Settlement]]) -> None:
        """Write down what became of letters."""
        self._called("settle")
        for key, (letter, settlement) in settlements.items():
            row = self.rows[key]
            if row.fence != letter.fence or row.state not in {State.SENDING, State.UNKNOWN}:
                continue
            row.state, row.attempts, row.response = settlement.state, settlement.attempts, settlement.response
            row.next_at = self._clock.now() + timedelta(seconds=settlement.after_s)
            row.leased_until = None

    async def give_up(self, *, after_s: float) -> int:
        """Mark letters failed that were planned longer ago."""
        oldest = self._clock.now() - timedelta(seconds=after_s)
        hopeless = [row for row in self._pending().values() if row.created_at < oldest and self._is_free(row)]
        for row in hopeless:
            row.state = State.FAILED
        return len(hopeless)

    async def waiting(self) -> int:
        """How many letters are still to be delivered."""
        return len(self._pending())

    def _pending(self) -> dict[str, _Row]:
        return {key: row for key, row in self.rows.items() if row.state not in {State.SENT, State.FAILED}}

    def _is_free(self, row: _Row) -> bool:
        return row.state is not State.SENDING or row.leased_until is None or row.leased_until < self._clock.now()

    def _called(self, name: str) -> None:
        if self.failures.get(name):
            raise self.failures[name].popleft()


class MemoryChannel:
    """See :class:`functions.notify.courier.Channel`.

    Attributes:
        tried: every message, shown or not.
        shown: what people saw.
        outcomes: of the next messages, one each; then all are shown.
    """

    def __init__(self) -> None:
        self.tried: list[Message] = []
        self.shown: list[Message] = []
        self.outcomes: deque[Outcome] = deque()

    async def show(self, message: Message) -> Outcome:
        """Show it, unless another outcome is due."""
        self.tried.append(message)
        outcome = self.outcomes.popleft() if self.outcomes else Shown(str(len(self.shown) + 1))
        if isinstance(outcome, Shown):
            self.shown.append(message)
        return outcome


def rollback_proposed(**changes: Any) -> Event:
    """``rollback.proposed``."""
    data = {
        "execution_id": "ex-1",
        "incident_id": INCIDENT,
        "score": 0.42,
        "inverse": {"kind": "rollout_undo", "command": "kubectl rollout undo deployment/api -n prod"},
        "possible": True,
        "why": "the score is below 0.5",
        "revisions": 3,
        "evidence_id": "ev-1",
    }
    return sample(ROLLBACK_PROPOSED, {**data, **changes}, id="rollback-1")


def alert_raised(alert: str = "al-1", **changes: Any) -> Event:
    """``governance.alert-raised``."""
    data = {
        "alert_id": alert,
        "event_type": "governance_slo_violation",
        "severity": "violation",
        "impact": {"slo": "autonomy_rate", "value": 0.61, "target": 0.8},
        "remediation": {"items": [], "next_action": "look at what people did by hand"},
        "ownership": {"lead": "ada", "support": None},
    }
    return sample(ALERT_RAISED, {**data, **changes}, id=f"raised-{alert}", incident=alert)


def alert_resolved(alert: str = "al-1", **changes: Any) -> Event:
    """``governance.alert-resolved``."""
    data = {
        "alert_id": alert,
        "event_type": "governance_slo_violation",
        "severity": "violation",
        "opened_at": NOON.isoformat(),
        "resolved_at": (NOON + timedelta(hours=1)).isoformat(),
        "resolved_by": "slo_compliance",
    }
    return sample(ALERT_RESOLVED, {**data, **changes}, id=f"resolved-{alert}", incident=alert)


def review_requested(**changes: Any) -> Event:
    """``remediation.review-requested``."""
    data = {
        "proposal_id": "p-1",
        "incident_id": INCIDENT,
        "score": 72,
        "tier": "dual",
        "digest": DIGEST,
        "target": "node/worker-3",
        "issue": {"number": 12, "url": "https://git.example/ops/reviews/issues/12"},
    }
    return sample(REMEDIATION_REVIEW_REQUESTED, {**data, **changes}, id="review-1")


def plan_approved(**changes: Any) -> Event:
    """``remediation.approved``, in an issue."""
    data = {
        "proposal_id": "p-1",
        "incident_id": INCIDENT,
        "approval_id": "apr-9",
        "approved_by": ["ada", "grace"],
        "digest": DIGEST,
        "command": "kubectl drain worker-3",
        "approved_at": NOON.isoformat(),
        "issue": {"number": 12, "url": "https://git.example/ops/reviews/issues/12"},
    }
    return sample(REMEDIATION_APPROVED, {**data, **changes}, id="approved-1")


def drift_detected(**changes: Any) -> Event:
    """``config.drift-detected``."""
    fields = [
        {"name": "OLLAMA_URL", "status": "drift", "configured": "http://old:11434", "default": "http://new:11434"},
        {"name": "RETRIES", "status": "ok", "configured": "3", "default": "3"},
        {"name": "OLD_FLAG", "status": "orphan", "configured": "1"},
    ]
    data = {"subject": "prod/app-config vs Settings", "status": "drift", "fields": fields, "counts": {"drift": 1}}
    return sample(DRIFT_DETECTED, {**data, **changes}, id="drift-1", incident="prod/app-config")


def quarantined(**changes: Any) -> Event:
    """``knowledge.quarantined``."""
    data = {
        "source": "/test/producer",
        "id": "write-1",
        "type": "dev.aftercare.knowledge.write-requested.v1",
        "reason": {"class": "event", "sqlstate": "22021"},
    }
    return sample(KNOWLEDGE_QUARANTINED, {**data, **changes}, id="quarantined-1")


def one_of_each() -> list[Event]:
    """Every kind of card, once."""
    verdicts = [execution_verified(verdict, id=verdict) for verdict in ("success", "degraded", "failed", "timeout")]
    relapse = execution_verified("failed", id="relapse", revises="success")
    others = [rollback_proposed(), alert_raised(), alert_resolved(), review_requested(), drift_detected()]
    return [*verdicts, relapse, *others, plan_approved(), quarantined()]
