"""Why a service that we asked has no answer for us.

Whoever asks decides what that means: a missing reading for a verdict, no data for an objective, a retry for a message.
"""

from __future__ import annotations

from enum import StrEnum

from shared.domain.errors import AftercareError


class FailureKind(StrEnum):
    """Why there is no answer."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    DENIED = "denied"
    NOT_FOUND = "not_found"
    THROTTLED = "throttled"
    REFUSED = "refused"  # the service answered that the question is wrong
    EMPTY = "empty"  # it answered, and there was nothing
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"
    ABSENT = "absent"  # it was to be asked, and this process knows no such service any more


class CallFailed(AftercareError):
    """There is no answer; ``kind`` says why."""

    def __init__(self, kind: FailureKind) -> None:
        super().__init__(kind)
        self.kind = kind
