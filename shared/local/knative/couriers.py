"""Carrying events to one service: when to try, what its answer means, what comes next.

A courier makes at most as many requests at a time as the service's ``containerConcurrency`` allows, as Knative's queue
proxy would. It owns no state: what it carries stays in the store until the answer is there, so stopping it, or killing
it, loses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from shared.local.knative import delivery_rules, envelopes
from shared.local.knative.delivery_rules import TTL, Accepted, Refused
from shared.local.knative.posts import NoAnswer, Posts

if TYPE_CHECKING:
    from shared.local.knative.deliveries import Deliveries, Entry, Parcel
    from shared.local.knative.envelopes import Envelope
    from shared.local.knative.manifests import Trigger

_LOG: Final = logging.getLogger(__name__)
_AFTER_DISK_ERROR_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What all couriers share.

    Attributes:
        deliveries: the store.
        posts: for every request.
        triggers: by name.
        urls: where each service listens, without a slash at the end.
        admit: makes an entry of a reply, or None when its replies are used up.
        ring: wakes the couriers of these services.
        time_scale: what pauses are multiplied by.
    """

    deliveries: Deliveries
    posts: Posts
    triggers: Mapping[str, Trigger]
    urls: Mapping[str, str]
    admit: Callable[[Envelope], Entry | None]
    ring: Callable[[Iterable[str]], None]
    time_scale: float


class Courier:
    """Delivers whatever is owed to one service."""

    def __init__(self, service: str, slots: int, office: Office) -> None:
        self._service = service
        self._slots = slots
        self._office = office
        self._under_way: set[int] = set()
        self._awake = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        """Something may be due."""
        self._awake.set()

    def stop(self) -> None:
        """Begin nothing more; ``run`` returns when what is under way has ended."""
        self._stopping = True
        self._awake.set()

    async def run(self) -> None:
        """Deliver until told to stop."""
        async with asyncio.TaskGroup() as tries:
            while not self._stopping:
                self._awake.clear()
                now = time.time()  # one moment for both questions, or what falls due in between would wait for ever
                for delivery in self._due(now):
                    self._under_way.add(delivery)
                    tries.create_task(self._try(delivery))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._rest_s(now)):
                        await self._awake.wait()

    def _due(self, now: float) -> list[int]:
        if len(self._under_way) >= self._slots:
            return []
        # What is under way is still due in the store, hence the full number of slots.
        due = self._office.deliveries.due(self._service, now, self._slots)
        return [each for each in due if each not in self._under_way][: self._slots - len(self._under_way)]

    def _rest_s(self, now: float) -> float | None:
        if len(self._under_way) >= self._slots:
            return None
        moment = self._office.deliveries.next_after(self._service, now)
        return None if moment is None else moment - time.time()

    async def _try(self, delivery: int) -> None:
        try:
            parcel = self._office.deliveries.load(delivery)
            await self._conclude(parcel, await self._send(parcel))
        except sqlite3.Error as error:
            _LOG.warning("The broker's file cannot be used (%s): free disk space, the delivery is made again", error)
            await asyncio.sleep(_AFTER_DISK_ERROR_S)
        finally:
            self._under_way.discard(delivery)
            self._awake.set()

    async def _send(self, parcel: Parcel) -> Accepted | Refused:
        headers, body = envelopes.write(parcel.envelope)
        timeout_s = self._office.triggers[parcel.trigger].delivery.timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._office.posts.post(self._url(parcel), {**headers, "prefer": "reply"}, body)
        except TimeoutError:
            return delivery_rules.no_answer(f"no answer within {timeout_s} s")
        except NoAnswer as error:
            return delivery_rules.no_answer(str(error))
        if parcel.is_dead_letter:
            return delivery_rules.judge_dead_letter(answer.status, answer.body)
        return delivery_rules.judge(answer.status, answer.headers, answer.body)

    def _url(self, parcel: Parcel) -> str:
        trigger = self._office.triggers[parcel.trigger]
        sink = trigger.delivery.dead_letter if parcel.is_dead_letter else trigger.subscriber
        if sink is None:  # the store drops dead letters whose sink is gone before the first courier runs
            raise AssertionError(f"{parcel.trigger} has no dead letter sink")
        return self._office.urls[sink.service] + sink.path

    async def _conclude(self, parcel: Parcel, answer: Accepted | Refused) -> None:
        if isinstance(answer, Refused):
            await self._refused(parcel, answer)
        elif answer.reply is None:
            await self._office.deliveries.finish(parcel)
        else:
            await self._replied(parcel, answer.reply)

    async def _replied(self, parcel: Parcel, reply: Envelope) -> None:
        entry = self._office.admit(reply.extended({TTL: parcel.envelope.attributes[TTL]}))
        if entry is None:
            # As in Knative: the reply is lost, and the event that caused it is the dead letter that says so.
            await self._give_up(parcel, Refused(400, b"the reply would exceed the broker's limit of replies"))
            return
        await self._office.deliveries.finish(parcel, entry)
        self._office.ring(route.service for route in entry.routes)

    async def _refused(self, parcel: Parcel, refusal: Refused) -> None:
        delivery = self._office.triggers[parcel.trigger].delivery
        attempts = parcel.attempts + 1
        if refusal.is_retried and attempts <= delivery.retry:
            pause_s = delivery_rules.pause_s(delivery, attempts) * self._office.time_scale
            await self._office.deliveries.postpone(parcel, pause_s)
        else:
            await self._give_up(parcel, refusal)

    async def _give_up(self, parcel: Parcel, refusal: Refused) -> None:
        sink = self._office.triggers[parcel.trigger].delivery.dead_letter
        what = f"{parcel.envelope.attributes['type']} {parcel.envelope.attributes['id']} for {parcel.trigger}"
        if sink is None or parcel.is_dead_letter:
            _LOG.warning(
                "Dropped %s: %s answered %d and nobody takes its dead letters", what, self._service, refusal.code
            )
            await self._office.deliveries.drop(parcel)
            return
        _LOG.warning("Dead letter: %s: %s answered %d; %s gets it", what, self._service, refusal.code, sink.service)
        errors = delivery_rules.error_extensions(self._url(parcel), refusal)
        await self._office.deliveries.hand_over(parcel, sink.service, errors)
        self._office.ring((sink.service,))
