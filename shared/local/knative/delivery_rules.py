"""What an answer means to a Knative broker, as pure functions.

As in Knative's sources (``kncloudevents/retries.go``, ``event_dispatcher.go``, ``broker/filter``): success needs a 2xx
*and* a body that is empty or a CloudEvent; anything else in the body turns the success into a 502, which is retried.
404, 408, 409, 429 and 5xx are retried, and so is silence; every other answer goes to the dead letter sink at once.
``Retry-After`` is ignored, as it is wherever the alpha flag for it is off.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from shared.domain.errors import Malformed
from shared.local.knative import envelopes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.local.knative.envelopes import Envelope
    from shared.local.knative.manifests import Delivery

TTL: Final = "knativebrokerttl"
FIRST_TTL: Final = 255

_RETRIED: Final = frozenset({404, 408, 409, 429})
_LONGEST_ERROR_DATA: Final = 1_024


@dataclass(frozen=True, slots=True)
class Accepted:
    """The subscriber is done with the event.

    Attributes:
        reply: the event it answered with.
    """

    reply: Envelope | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The subscriber is not done with it.

    Attributes:
        code: the status that goes into ``knativeerrorcode``.
        body: what it said.
    """

    code: int
    body: bytes = b""

    @property
    def is_retried(self) -> bool:
        """Whether the same event may be sent again; if not, the dead letter sink is next."""
        return self.code in _RETRIED or self.code >= 500  # noqa: PLR2004 - the class of server errors


def judge(status: int, headers: Mapping[str, str], body: bytes) -> Accepted | Refused:
    """What a subscriber's answer means."""
    if not 200 <= status < 300:  # noqa: PLR2004 - the class of successes
        return Refused(status, body)
    try:
        reply = envelopes.read(headers, body)
    except Malformed:
        return Refused(502, body)
    return Accepted(reply) if reply is not None or not body else Refused(502, body)


def judge_dead_letter(status: int, body: bytes) -> Accepted | Refused:
    """What a dead letter sink's answer means: it is asked directly, and nobody reads what it replies."""
    return Accepted() if 200 <= status < 300 else Refused(status, body)  # noqa: PLR2004 - the class of successes


def no_answer(reason: str) -> Refused:
    """What a refused connection or a timeout means: Knative reports both as a 500."""
    return Refused(500, f"dispatch error: {reason}".encode())


def pause_s(delivery: Delivery, attempts: int) -> float:
    """Seconds before the next try.

    Knative counts the tries that failed from zero, so the first pause is one delay for ``exponential`` and none at all
    for ``linear``.

    Args:
        delivery: the policy.
        attempts: tries made, 1 after the first.
    """
    match delivery.backoff_policy:
        case "exponential":
            return delivery.backoff_delay_s * 2.0 ** (attempts - 1)
        case "linear":
            return delivery.backoff_delay_s * (attempts - 1)
        case _:
            return 0.0


def error_extensions(destination: str, refusal: Refused) -> dict[str, str]:
    """What a dead letter says about its failure."""
    return {
        "knativeerrordest": destination,
        "knativeerrorcode": str(refusal.code),
        "knativeerrordata": base64.b64encode(refusal.body).decode()[:_LONGEST_ERROR_DATA],
    }


def next_ttl(attributes: Mapping[str, str]) -> int:
    """How many more replies may follow from an event that enters the broker; 0 means it may not enter.

    A reply carries the number of the event it answers, and each entry takes one off. What is no number starts anew.
    """
    try:
        return max(int(attributes[TTL]) - 1, 0)
    except (KeyError, ValueError):
        return FIRST_TTL
