"""Use cases that do next to nothing, for tests of what happens around them."""

from __future__ import annotations

from shared.domain.errors import (
    Busy,
    DatabaseRejected,
    DatabaseUnavailable,
    Forbidden,
    Malformed,
    QueueUnavailable,
    TooLarge,
    Unauthorized,
    Unprocessable,
    UnsupportedMedia,
    UpstreamRejected,
    UpstreamUnavailable,
)
from shared.domain.events import Event
from shared.domain.failures import LOST_CONNECTION, of_sqlstate
from shared.runtime.answers import Answer, UseCase
from shared.testing.events import write_requested

EVENT = write_requested()
RESULT = Event(id="result-1", source="/me", type="dev.aftercare.knowledge.written.v1", data={"done": True})

STATUSES = [
    (Malformed("m"), 400),
    (Unauthorized("u"), 401),
    (Forbidden("f"), 403),
    (TooLarge("t"), 413),
    (UnsupportedMedia("s"), 415),
    (Unprocessable("p"), 422),
    (DatabaseRejected(of_sqlstate("22021")), 422),
    (UpstreamRejected("r"), 422),
    (DatabaseUnavailable(LOST_CONNECTION), 503),
    (QueueUnavailable("q"), 503),
    (UpstreamUnavailable("v"), 503),
    (Busy("b"), 503),
]


def answering(*answers: Answer) -> UseCase:
    """One answer for all of the events, or one for each."""

    async def use_case(events):
        return answers if len(answers) > 1 else answers * len(events)

    return use_case


def raising(error: Exception) -> UseCase:
    async def use_case(_events):
        raise error

    return use_case


def never_called() -> UseCase:
    return raising(AssertionError("the use case was reached"))


done = answering(Answer(outcome="created", result=RESULT, facts={"linked": True}))
kept = answering(Answer(outcome="deferred", result=RESULT, deferred=True))
quiet = answering(Answer(outcome="accepted", facts={"alerts": 2}))
