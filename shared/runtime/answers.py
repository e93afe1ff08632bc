"""What a use case answers, before anyone knows how the question was asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.domain.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Something durable was done.

    Attributes:
        outcome: one word for the log line: created, deferred, relayed, ...
        result: the event that follows; the reply when no sink is configured.
        deferred: it is kept, and takes effect later: 202 instead of 200.
        facts: more for the log line; the reply of a plain caller when there is no result.
    """

    outcome: str
    result: Event | None = None
    deferred: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)


UseCase = Callable[[Sequence[Event]], Awaitable[Sequence[Answer]]]
"""Handles what one request brought: all of it, or none. Returns one answer for each event, in order."""


def one(use_case: Callable[[Event], Awaitable[Answer]]) -> UseCase:
    """A use case for requests that bring one event."""

    async def handle(events: Sequence[Event]) -> Sequence[Answer]:
        (event,) = events
        return [await use_case(event)]

    return handle
