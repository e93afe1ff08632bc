"""Everything that can go wrong, as one small tree.

::

    AftercareError
    ├── InvalidEvent             the caller sent something that can never work
    │   ├── Malformed            400  not JSON, not a CloudEvent
    │   ├── TooLarge             413  over the body limit
    │   ├── UnsupportedMedia     415  a content type nobody here reads
    │   └── Unprocessable        422  well formed, but the contract forbids it
    ├── Unauthorized             401  no credentials, or wrong ones
    ├── Forbidden                403  known caller, not allowed to do this
    ├── TransientError           503  may work later; nothing was acknowledged
    │   ├── DatabaseUnavailable
    │   ├── QueueUnavailable
    │   ├── UpstreamUnavailable
    │   └── Busy                      another owner is at it, or the process is at its limit
    ├── PermanentError           422  a dependency refused this very content
    │   ├── DatabaseRejected
    │   └── UpstreamRejected
    └── ConfigurationError            the process refuses to start, in one sentence

Drivers' own errors are translated once, in their adapter, by code or class and never by message text. Expected
outcomes (deferred, superseded, quarantined) are values, not errors. The HTTP status belongs to
``shared.runtime.replies``; it is drawn here because one status has one meaning for all three callers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.domain.failures import Failure


class AftercareError(Exception):
    """Base of every error this software raises on purpose."""


class InvalidEvent(AftercareError):
    """The request can never succeed, however often it is sent."""


class Malformed(InvalidEvent):
    """The body is not what its content type says."""


class TooLarge(InvalidEvent):
    """The body is over the limit; it was not read to its end."""


class UnsupportedMedia(InvalidEvent):
    """Nobody here reads this content type."""


class Unprocessable(InvalidEvent):
    """The request is well formed and breaks the contract."""


class Unauthorized(AftercareError):
    """The caller showed no credentials, or wrong ones.

    Args:
        message: what to show instead.
        challenge: which ones are asked for, as ``WWW-Authenticate`` says it (RFC 9110, 11.6.1).
    """

    def __init__(self, message: str, *, challenge: str = "Bearer") -> None:
        super().__init__(message)
        self.challenge = challenge


class Forbidden(AftercareError):
    """The caller is known and may not do this."""


class TransientError(AftercareError):
    """It may work later. Nothing was acknowledged."""


class DatabaseUnavailable(TransientError):
    """PostgreSQL could not do it now.

    Args:
        failure: the class of failure and the SQLSTATE, if the server sent one.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"PostgreSQL is unavailable ({failure})")
        self.failure = failure


class QueueUnavailable(TransientError):
    """Redis could not take the entry, or would not keep it."""


class UpstreamUnavailable(TransientError):
    """A service we called did not answer, or asked to come back later."""


class Busy(TransientError):
    """Another owner is doing this right now, or the process is at its concurrency limit."""


class PermanentError(AftercareError):
    """A dependency refused this very content; sending it again changes nothing."""


class DatabaseRejected(PermanentError):
    """PostgreSQL refused the row (classes 22 and 23)."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"PostgreSQL refused the content ({failure})")
        self.failure = failure


class UpstreamRejected(PermanentError):
    """A service we called refused the content."""


class ConfigurationError(AftercareError):
    """A setting is missing or wrong. The text is one sentence that says what to set."""
