"""Delivering to one destination: one message at a time, at the channel's pace, each written down at once.

Destinations know nothing of each other: one that hangs, refuses or asks to wait costs the others nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from functions.notify.core.attempts import (
    Later,
    Letter,
    Lost,
    Outcome,
    Refused,
    Settlement,
    State,
    is_perhaps_a_repeat,
    put_back,
    settled,
    together,
)
from functions.notify.core.destinations import Destination
from functions.notify.core.rendering import Message, View, render
from functions.notify.handler import Deliveries
from functions.notify.model import FUNCTION
from shared.domain.errors import DatabaseUnavailable
from shared.domain.ports import Clock


class Channel(Protocol):
    """A place where people read; what goes wrong there is a value, never an error."""

    async def show(self, message: Message) -> Outcome:
        """Try once to show a message; bounded in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds: the wait for more about the same, the least between two messages, and the longest pass of its own."""

    gather_s: float = 1.0
    interval_s: float = 1.0
    pass_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """A destination, its channel, and how it sees things."""

    destination: Destination
    channel: Channel
    view: View


class DestinationCourier:
    """See :class:`functions.notify.handler.Courier`."""

    def __init__(self, receiver: Receiver, deliveries: Deliveries, clock: Clock, pace: Pace) -> None:
        self.destination = receiver.destination
        self._receiver = receiver
        self._deliveries = deliveries
        self._clock = clock
        self._pace = pace
        self._one_pass = asyncio.Lock()
        self._free_at = 0.0
        self._nudged = False
        self._running: asyncio.Task[None] | None = None
        self._log = structlog.get_logger(function=FUNCTION, destination=receiver.destination.name)

    def nudge(self) -> None:
        """Deliver soon; a nudge during a pass makes it look again."""
        self._nudged = True
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._until_quiet())

    async def sweep(self, *, budget_s: float) -> Mapping[str, int]:
        """Deliver what is due; while another pass of this process is at it, that one does."""
        tally: Counter[str] = Counter()
        if self._one_pass.locked():
            return tally
        async with self._one_pass:
            ends = self._clock.monotonic() + budget_s
            while self._clock.monotonic() < ends:
                letters = await self._deliveries.claim(self.destination.name)
                if not letters:
                    break
                for group in together(letters):
                    tally.update(await self._deliver(group, ends))
        return tally

    async def _until_quiet(self) -> None:
        while self._nudged:
            await self._clock.sleep(self._pace.gather_s)
            self._nudged = False
            try:
                await self.sweep(budget_s=self._pace.pass_s)
            except DatabaseUnavailable:
                return  # The letters are durable; the next nudge or a tick delivers them.

    async def _deliver(self, group: Sequence[Letter], ends: float) -> Mapping[str, int]:
        """Show a message, waiting for the channel as long as the pass lasts."""
        message = render(
            [letter.card for letter in group], self._receiver.view, perhaps_repeated=is_perhaps_a_repeat(group)
        )
        while (wait_s := max(0.0, self._free_at - self._clock.monotonic())) < ends - self._clock.monotonic():
            await self._clock.sleep(wait_s)
            outcome = await self._receiver.channel.show(message)
            self._keep_pace(outcome)
            if not isinstance(outcome, Later):
                return await self._settle(group, outcome)
        await self._deliveries.settle({each.key: (each, put_back(each, after_s=wait_s)) for each in group})
        return {"put_back": len(group)}

    def _keep_pace(self, outcome: Outcome) -> None:
        pause_s = max(outcome.after_s, self._pace.interval_s) if isinstance(outcome, Later) else self._pace.interval_s
        self._free_at = self._clock.monotonic() + pause_s
        if isinstance(outcome, Later):
            self._log.warning("message.delayed", seconds=outcome.after_s)

    async def _settle(self, group: Sequence[Letter], outcome: Outcome) -> Mapping[str, int]:
        written = {letter.key: (letter, settled(letter, outcome)) for letter in group}
        await self._deliveries.settle(written)
        self._tell(group, outcome, [settlement for _, settlement in written.values()])
        counts = Counter(settlement.state.value for _, settlement in written.values())
        return {**counts, "messages": 1}

    def _tell(self, group: Sequence[Letter], outcome: Outcome, settlements: Sequence[Settlement]) -> None:
        """One line per message; an error once it is given up."""
        seen = {"cards": len(group), "about": group[0].card.about, "attempt": max(each.attempts for each in group)}
        if not isinstance(outcome, Refused | Lost):
            self._log.info("message.sent", **seen)
        elif any(settlement.state is State.FAILED for settlement in settlements):
            self._log.error("message.failed", why=outcome.why, **seen)
        else:
            self._log.warning("message.not_sent", why=outcome.why, **seen)
