"""km-write: the one way to write knowledge.

It answers only when the entries are committed in PostgreSQL or are durably in the dead letter stream; everything else
is a refusal, and the caller sends the events again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import assert_never

from functions.km_write.core import Again, Defer, Refuse, WritePolicy, after_failure
from shared.domain.dead_letters import KNOWLEDGE_STREAM, DeadLetter
from shared.domain.errors import DatabaseUnavailable
from shared.domain.events import Event
from shared.domain.failures import Failure
from shared.domain.knowledge import KNOWLEDGE_DEFERRED, SOURCE, WRITER, Cause, KnowledgeDeferred, Receipt
from shared.domain.ports import Clock, DeadLetterQueue, KnowledgeStore
from shared.domain.retry import RetryBudget
from shared.domain.writes import write_of
from shared.runtime.answers import Answer, UseCase


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What km-write needs. ``committed`` is told after each commit, so that announcements leave at once."""

    knowledge: KnowledgeStore
    dead_letters: DeadLetterQueue
    clock: Clock
    chance: Callable[[], float]
    committed: Callable[[], None]


def create_handler(ports: Ports, policy: WritePolicy) -> UseCase:
    """The use case: write what the events say, or keep the events."""
    budget = RetryBudget()

    async def write_knowledge(events: Sequence[Event]) -> Sequence[Answer]:
        writes = [write_of(event) for event in events]
        budget.earn()
        began = ports.clock.monotonic()
        for attempt in count(1):
            elapsed_s = ports.clock.monotonic() - began
            try:
                receipts = await ports.knowledge.write(writes, deadline_s=policy.retry.deadline_s - elapsed_s)
            except DatabaseUnavailable as error:
                elapsed_s = ports.clock.monotonic() - began
                decision = after_failure(
                    error.failure,
                    attempt=attempt,
                    elapsed_s=elapsed_s,
                    policy=policy,
                    budget=budget,
                    chance=ports.chance(),
                )
                match decision:
                    case Again(pause_s):
                        await ports.clock.sleep(pause_s)
                    case Defer():
                        return [await _defer(event, error.failure, attempt, ports) for event in events]
                    case Refuse():
                        raise
                    case _ as never:
                        assert_never(never)
            else:
                ports.committed()
                return [_written(event, receipt) for event, receipt in zip(events, receipts, strict=True)]
        raise AssertionError("the retry policy ends every loop")

    return write_knowledge


def _written(event: Event, receipt: Receipt) -> Answer:
    facts = {"duplicate": receipt.duplicate, "linked": receipt.written.linked}
    return Answer(outcome=receipt.written.outcome, result=receipt.announce(event), facts=facts)


async def _defer(event: Event, failure: Failure, attempts: int, ports: Ports) -> Answer:
    """Keep the event; raises QueueUnavailable, which acknowledges nothing, when it cannot be kept."""
    now = ports.clock.now()
    letter = DeadLetter(event=event, fn=WRITER, failure=failure, attempts=attempts, first_failed_at=now)
    await ports.dead_letters.put(KNOWLEDGE_STREAM, letter)
    cause = Cause(kind=failure.kind, sqlstate=failure.sqlstate)
    deferred = KnowledgeDeferred(source=event.source, id=event.id, stream=KNOWLEDGE_STREAM, reason=cause)
    data = deferred.model_dump(mode="json", by_alias=True, exclude_none=True)
    result = event.follow("deferred", type=KNOWLEDGE_DEFERRED, source=SOURCE, time=now, data=data)
    return Answer(outcome="deferred", result=result, deferred=True, facts={"failure": str(failure)})
