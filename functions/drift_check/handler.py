"""drift-check: is what runs what the code says?

A request compares what it brings, or what the cluster has; a tick compares what the settings name, once per slot. What
cannot be compared is a result as well, with the sentence that says why; only what may work later is refused.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, assert_never

from functions.drift_check.core.acceptances import Acceptances
from functions.drift_check.core.checking import check
from functions.drift_check.core.comparing import Terms
from functions.drift_check.core.configmaps import ConfigMap
from functions.drift_check.core.reporting import failure
from functions.drift_check.core.unknowns import CannotTell
from functions.drift_check.model import CheckRequested, LiveConfigMap, WrittenConfigMap
from functions.drift_check.settings import Watched, WatchedManifest, WatchedSettings
from shared.domain.calls import CallFailed, FailureKind
from shared.domain.contract import validated
from shared.domain.drift import DriftChecked
from shared.domain.errors import Busy, UpstreamUnavailable
from shared.domain.events import PING, Event
from shared.domain.ports import Clock
from shared.domain.slots import Done, Mine, Slot, Taken, given_back
from shared.runtime.answers import Answer, UseCase, one

_MAY_WORK_LATER: Final = frozenset({FailureKind.TIMEOUT, FailureKind.UNREACHABLE, FailureKind.THROTTLED})


class ConfigMaps(Protocol):
    """Where ConfigMaps and settings come from."""

    async def live(self, namespace: str, name: str) -> ConfigMap:
        """As the cluster has it now; raises CallFailed."""

    def written(self, text: str, *, namespace: str | None, name: str | None) -> ConfigMap:
        """In YAML; raises CannotTell."""

    def text(self, path: str) -> str:
        """A file that the settings of this function name; raises CannotTell."""


class Checks(Protocol):
    """What was found, kept and announced; every call may raise DatabaseUnavailable."""

    async def keep(self, event: Event, checked: DriftChecked) -> Event:
        """Commit what a request found, once; returns ``config.drift-checked``.

        Raises:
            Unprocessable: the request's id was used before with other content.
        """

    async def claim_slot(self) -> Slot:
        """Take this slot, or say who has it."""

    async def release_slot(self, slot: Mine) -> None:
        """Let the next tick try again; never raises."""

    async def finish_slot(self, slot: Mine, found: Sequence[DriftChecked]) -> Sequence[Event]:
        """Record what a tick found and announce it; returns ``config.drift-checked`` of each."""

    def completed(self, slot: Done) -> Sequence[Event]:
        """``config.drift-checked`` of each comparison of a slot that is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What drift-check needs. ``salt`` gives 16 random bytes: the hashes of one report say nothing in another."""

    configmaps: ConfigMaps
    checks: Checks
    clock: Clock
    salt: Callable[[], bytes]
    watched: Sequence[Watched]


def create_handler(ports: Ports) -> UseCase:
    """The use case: what a request or a tick asks to compare."""

    async def handle(event: Event) -> Answer:
        return await (_tick(ports) if event.type == PING else _request(event, ports))

    return one(handle)


async def _request(event: Event, ports: Ports) -> Answer:
    request = validated(CheckRequested, event.data)
    try:
        checked = await _checked(request, ports)
    except CallFailed as error:
        if error.kind in _MAY_WORK_LATER:
            raise UpstreamUnavailable(f"the Kubernetes API has no answer ({error.kind}); send it again") from None
        checked = _without_cluster(request.configmap, error)
    result = await ports.checks.keep(event, checked)
    counts = {str(status): count for status, count in checked.counts.items()}
    return Answer(outcome=str(checked.status), result=result, facts={"about": checked.subject, **counts})


async def _tick(ports: Ports) -> Answer:
    slot = await ports.checks.claim_slot()
    match slot:
        case Done():
            return _ticked("duplicate", ports.checks.completed(slot))
        case Taken():
            raise Busy("another replica checks this slot; send it again")
        case Mine():
            async with given_back(slot, ports.checks.release_slot):
                found = await asyncio.gather(*(_watched(each, ports) for each in ports.watched))
                return _ticked("checked", await ports.checks.finish_slot(slot, found))
        case _ as never:
            assert_never(never)


def _ticked(outcome: str, events: Sequence[Event]) -> Answer:
    """With one comparison its event may be the reply; the settings see to it that more have a sink."""
    counts = Counter(event.data["status"] for event in events)
    return Answer(outcome=outcome, result=events[0] if events else None, facts={"checks": len(events), **counts})


async def _watched(watched: Watched, ports: Ports) -> DriftChecked:
    """One comparison of a tick; a cluster that does not answer is looked at again by the next tick."""
    try:
        return await _checked(watched, ports)
    except CallFailed as error:
        return _without_cluster(watched.configmap, error)


async def _checked(asked: CheckRequested | Watched, ports: Ports) -> DriftChecked:
    """Compare; raises CallFailed. Nothing that somebody wrote stops anything but its own comparison."""
    place = asked.configmap
    try:
        live = await ports.configmaps.live(place.namespace, place.name) if isinstance(place, LiveConfigMap) else None
        terms = Terms(
            only=frozenset(asked.fields),
            accepted=Acceptances(asked.accept, ports.clock.now().date()),
            salt=ports.salt(),
        )
        # In a thread: a file at the limit takes a second to read, and others wait for their health checks.
        return await asyncio.to_thread(_compared, asked, live, terms, ports.configmaps)
    except CannotTell as error:
        return failure(_about(place), str(error))
    except CallFailed:
        raise
    except Exception as error:  # noqa: BLE001 - a fan-out: a file that breaks the reader is a result, and no other's
        return failure(_about(place), f"The comparison broke down ({type(error).__name__}); report it as a defect.")


def _compared(
    asked: CheckRequested | Watched, live: ConfigMap | None, terms: Terms, configmaps: ConfigMaps
) -> DriftChecked:
    configmap = live or _read(asked.configmap, configmaps)
    settings = asked.settings
    source = configmaps.text(str(settings.path)) if isinstance(settings, WatchedSettings) else settings.source
    return check(source, configmap, terms, wanted=settings.class_, env_prefix=settings.env_prefix).report


def _read(place: LiveConfigMap | WrittenConfigMap | WatchedManifest, configmaps: ConfigMaps) -> ConfigMap:
    match place:
        case WrittenConfigMap():
            return configmaps.written(place.yaml, namespace=place.namespace, name=place.name)
        case WatchedManifest():
            return configmaps.written(configmaps.text(str(place.path)), namespace=place.namespace, name=place.name)
        case LiveConfigMap():
            raise AssertionError("a live one was read before")
        case _ as never:
            assert_never(never)


def _without_cluster(place: LiveConfigMap | WrittenConfigMap | WatchedManifest, error: CallFailed) -> DriftChecked:
    return failure(_about(place), f"The cluster does not give the ConfigMap ({error.kind}).")


def _about(place: LiveConfigMap | WrittenConfigMap | WatchedManifest) -> str:
    parts = [each for each in (place.namespace, place.name) if each]
    return "/".join(parts) or "unnamed"
