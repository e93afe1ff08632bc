"""Alertmanager, as a webhook sees it: when it notifies, what it tries again, and what it gives up on.

As in its sources (``dispatch.go``, ``notify.go``, ``webhook.go``, ``util.go``):

- Alerts of a group are notified together: first after ``group_wait``, then at most once each ``group_interval``.
- A group is notified when an alert in it is new, when one is over that was told of, or when ``repeat_interval`` has
  passed. An alert that is over before anybody heard of it is never told.
- Within one flush, 5xx and network errors are tried again with growing pauses until the flush has no time left. Any
  other answer ends the flush, 429 and 408 too; the next flush begins with whatever is true by then.
- An alert that is over is forgotten once that was told.

Two that do not see each other tell everything twice, as the members of a highly available pair do when they are split.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING, Any, Final, Self

from shared.local.knative.posts import NoAnswer
from tests.faults.doubles.tries import RecordedPosts, Try

if TYPE_CHECKING:
    from types import TracebackType

_TAKEN: Final = range(200, 300)
_TRIED_AGAIN: Final = range(500, 600)
_NOT_OVER: Final = "0001-01-01T00:00:00Z"
_GROWTH: Final = 1.5
_LONGEST_PAUSES: Final = 20  # times the first one


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Its settings, in seconds.

    Attributes:
        flush_s: for one flush and all its tries.
        pause_s: before the second try; grows by half each time.
    """

    group_wait_s: float
    group_interval_s: float
    repeat_interval_s: float
    flush_s: float
    pause_s: float


@dataclass(slots=True)
class Alert:
    """An alert of a group."""

    labels: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime | None = None

    @property
    def fingerprint(self) -> str:
        """Of its labels."""
        return hashlib.sha256(repr(sorted(self.labels.items())).encode()).hexdigest()[:16]

    def document(self) -> dict[str, Any]:
        """As the webhook has it."""
        return {
            "status": "firing" if self.ends_at is None else "resolved",
            "labels": dict(self.labels),
            "annotations": {},
            "startsAt": self.starts_at.isoformat(),
            "endsAt": _NOT_OVER if self.ends_at is None else self.ends_at.isoformat(),
            "generatorURL": "http://prometheus.invalid/graph",
            "fingerprint": self.fingerprint,
        }


@dataclass(slots=True)
class _Group:
    """Alerts that are told together, and what was told of them last."""

    name: str
    alerts: dict[str, Alert] = field(default_factory=dict)
    told_at: float | None = None
    told_firing: frozenset[str] = frozenset()
    told_resolved: frozenset[str] = frozenset()

    def standing(self, *, firing: bool) -> frozenset[str]:
        """Fingerprints of those that fire, or of those that are over."""
        return frozenset(name for name, alert in self.alerts.items() if (alert.ends_at is None) is firing)

    def has_news(self, repeat_interval_s: float) -> bool:
        """Whether a flush would notify."""
        firing, resolved = self.standing(firing=True), self.standing(firing=False)
        if self.told_at is None:
            return bool(firing)
        if not firing:
            return bool(self.told_firing)
        is_new = not firing <= self.told_firing or not resolved <= self.told_resolved
        return is_new or time.monotonic() - self.told_at >= repeat_interval_s


class AlertmanagerDouble:
    """One Alertmanager with one receiver; alerts are grouped by ``alertname``.

    Args:
        url: of the webhook.
        headers: what its receiver is configured with.
        random: for the jitter of pauses.
    """

    def __init__(self, url: str, headers: Mapping[str, str], timing: Timing, random: Random) -> None:
        self._url: Final = url
        self._headers: Final = {**headers, "content-type": "application/json", "user-agent": "Alertmanager/0.28.0"}
        self._timing: Final = timing
        self._random: Final = random
        self._groups: Final[dict[str, _Group]] = {}
        self._posts: Final = RecordedPosts()
        self._runs: Final[list[asyncio.Task[None]]] = []
        self._running = False

    @property
    def tries(self) -> list[Try]:
        """Notifications that were tried."""
        return self._posts.tries

    @property
    def has_news(self) -> bool:
        """Whether there is something that it would tell, repeats aside."""
        return any(group.has_news(float("inf")) for group in self._groups.values())

    def fire(self, labels: Mapping[str, str], starts_at: datetime) -> str:
        """An alert begins; its fingerprint."""
        alert, name = Alert(labels, starts_at), labels["alertname"]
        if name not in self._groups:
            self._groups[name] = _Group(name)
            if self._running:
                self._start(self._groups[name])
        self._groups[name].alerts[alert.fingerprint] = alert
        return alert.fingerprint

    def resolve(self, fingerprint: str, ends_at: datetime) -> None:
        """It is over."""
        for group in self._groups.values():
            if fingerprint in group.alerts:
                group.alerts[fingerprint].ends_at = ends_at

    async def flush(self) -> None:
        """Every group's turn, at once."""
        for group in self._groups.values():
            await self._flush(group)

    async def __aenter__(self) -> Self:
        """Keep time."""
        self._running = True
        for group in self._groups.values():
            self._start(group)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; what is under way is broken off."""
        for run in self._runs:
            run.cancel()
        await asyncio.gather(*self._runs, return_exceptions=True)
        self.close()

    def close(self) -> None:
        """Close the idle connections; for whoever flushes by hand."""
        self._posts.close()

    def _start(self, group: _Group) -> None:
        self._runs.append(asyncio.create_task(self._run(group)))

    async def _run(self, group: _Group) -> None:
        await asyncio.sleep(self._timing.group_wait_s)
        while True:
            due = time.monotonic() + self._timing.group_interval_s
            await self._flush(group)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _flush(self, group: _Group) -> None:
        if not group.has_news(self._timing.repeat_interval_s):
            return
        firing, resolved = group.standing(firing=True), group.standing(firing=False)
        body = json.dumps(_webhook(group)).encode()
        try:
            async with asyncio.timeout(self._timing.flush_s):
                is_told = await self._notify(body)
        except TimeoutError:
            return
        if is_told:
            group.told_at, group.told_firing, group.told_resolved = time.monotonic(), firing, resolved
            for fingerprint in resolved & group.standing(firing=False):
                del group.alerts[fingerprint]

    async def _notify(self, body: bytes) -> bool:
        """Try as long as another try may help; whether it was taken."""
        pause_s = self._timing.pause_s
        while True:
            try:
                status = (await self._posts.post(self._url, self._headers, body)).status
            except NoAnswer:
                status = _TRIED_AGAIN[0]
            if status not in _TRIED_AGAIN:
                return status in _TAKEN
            await asyncio.sleep(pause_s * self._random.uniform(0.5, 1.5))
            pause_s = min(_GROWTH * pause_s, _LONGEST_PAUSES * self._timing.pause_s)


def _webhook(group: _Group) -> dict[str, Any]:
    alerts = [alert.document() for alert in group.alerts.values()]
    is_firing = any(alert["status"] == "firing" for alert in alerts)
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{group.name}"}}',
        "truncatedAlerts": 0,
        "status": "firing" if is_firing else "resolved",
        "receiver": "aftercare",
        "groupLabels": {"alertname": group.name},
        "commonLabels": {"alertname": group.name},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.invalid",
        "alerts": alerts,
    }
