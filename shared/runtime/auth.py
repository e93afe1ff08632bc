"""Who may call. Fail closed: a process without ``AUTH_MODE`` does not start.

``bearer`` suits Alertmanager (``credentials_file``), OpenFaaS and people; ``network`` leaves it to the platform's
network policy and must be spelled out. A new mode is one more :class:`Gate`.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Protocol, assert_never

from shared.domain.errors import Unauthorized
from shared.runtime.settings import AuthMode, ServingSettings


class Gate(Protocol):
    """Lets a request in, or raises."""

    def __call__(self, headers: Mapping[str, str], body: bytes) -> None:
        """Check a request.

        Raises:
            Unauthorized: no credentials, or not in the expected form.
            Forbidden: credentials that are not accepted.
        """


class BearerGate:
    """Accepts any of the active tokens; compares in constant time and looks at all of them."""

    def __init__(self, tokens: tuple[str, ...]) -> None:
        self._tokens = tuple(token.encode() for token in tokens)

    def __call__(self, headers: Mapping[str, str], body: bytes) -> None:  # noqa: ARG002 - other modes sign the body
        """See :class:`Gate`."""
        scheme, _, shown = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not shown.strip():
            raise Unauthorized("a bearer token is required; send Authorization: Bearer <token>")
        given = shown.strip().encode()
        if sum(hmac.compare_digest(given, token) for token in self._tokens) == 0:
            raise Unauthorized("the bearer token is not accepted")


class OpenGate:
    """Trusts whoever reaches the port."""

    def __call__(self, headers: Mapping[str, str], body: bytes) -> None:
        """See :class:`Gate`."""


def gate(settings: ServingSettings) -> Gate:
    """The gate that the settings ask for."""
    match settings.auth_mode:
        case AuthMode.BEARER:
            return BearerGate(settings.tokens)
        case AuthMode.NETWORK:
            return OpenGate()
        case _ as never:
            assert_never(never)
