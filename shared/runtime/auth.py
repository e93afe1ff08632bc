"""Who may call. Fail closed: a process without ``AUTH_MODE`` does not start.

========  ========================================================================================================
bearer    a shared token: Alertmanager (``credentials_file``), OpenFaaS, people
hmac      the body and the time, signed with a shared key: webhooks, whose secret is then never on the wire
oidc      a token that an issuer signed for us, for a while: Knative with OIDC, whose senders cannot hold a secret
network   nothing: the platform's network policy decides; must be spelled out
========  ========================================================================================================

A new mode is one more :class:`Gate`. No credentials and wrong ones are a 401; a caller that proved who it is and is not
on the list is a 403; what cannot be decided now is a 503, never a way in.
"""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol, assert_never

from shared.domain.errors import ConfigurationError, Forbidden, Unauthorized
from shared.runtime.settings import AuthMode, ServingSettings

SIGNATURE_HEADER: Final = "x-aftercare-signature"
_SIGNED: Final = 'HMAC-SHA256 header="X-Aftercare-Signature"'
_SIGNATURE: Final = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")


class Gate(Protocol):
    """Lets a request in, or raises."""

    async def __call__(self, headers: Mapping[str, str], body: bytes) -> None:
        """Check a request.

        Args:
            headers: with lower-case names.
            body: all of it.

        Raises:
            Unauthorized: no credentials, or wrong ones.
            Forbidden: the caller is known and not allowed.
            TransientError: it cannot be decided now.
        """


class Tokens(Protocol):
    """Tokens of an issuer that we trust."""

    async def subject(self, token: str) -> str:
        """Whose token it is.

        Raises:
            Unauthorized: it is not a token for us.
            TransientError: it cannot be checked now.
        """


class BearerGate:
    """Accepts any of the active tokens; compares in constant time and looks at all of them."""

    def __init__(self, tokens: tuple[str, ...]) -> None:
        self._tokens = tuple(token.encode() for token in tokens)

    async def __call__(self, headers: Mapping[str, str], body: bytes) -> None:  # noqa: ARG002 - hmac signs the body
        """See :class:`Gate`."""
        given = _bearer(headers).encode()
        if sum(hmac.compare_digest(given, token) for token in self._tokens) == 0:
            raise Unauthorized("the bearer token is not accepted")


class HmacGate:
    """Accepts a body that was signed with any of the active keys, a short while ago.

    ``X-Aftercare-Signature: t=<Unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">``. Within the window the same request
    is let in again, and must be: a sender that got no answer repeats it. That is harmless because an event takes effect
    once, whoever sends it, and so its identity must be in what is signed: an id in a header (``ce-id``,
    ``Idempotency-Key``) could be replaced by whoever listens, and an empty body says nothing. Both are refused.

    Args:
        keys: the active ones.
        window_s: how old a signature may be, or how far ahead the sender's clock.
        clock: Unix seconds.
    """

    def __init__(self, keys: tuple[str, ...], *, window_s: float, clock: Callable[[], float] = time.time) -> None:
        self._keys = tuple(key.encode() for key in keys)
        self._window_s = window_s
        self._clock = clock

    async def __call__(self, headers: Mapping[str, str], body: bytes) -> None:
        """See :class:`Gate`."""
        parts = _SIGNATURE.fullmatch(headers.get(SIGNATURE_HEADER, ""))
        if parts is None:
            raise _unsigned("a signature is required; send X-Aftercare-Signature: t=<Unix seconds>,v1=<hex>")
        if not body or "idempotency-key" in headers or any(name.startswith("ce-") for name in headers):
            raise _unsigned("only the body is signed, so it must hold the id; send application/cloudevents+json")
        signed_at, given = parts.groups()
        text = b"%s.%s" % (signed_at.encode(), body)
        if sum(hmac.compare_digest(given, hmac.digest(key, text, "sha256").hex()) for key in self._keys) == 0:
            raise _unsigned("the signature is not of this body and time with an active key")
        if abs(self._clock() - int(signed_at)) > self._window_s:
            raise _unsigned("the signature is too old or ahead of time; sign again, and compare the clocks")


class OidcGate:
    """Accepts tokens whose subject is on the list.

    Args:
        tokens: of the issuer that we trust.
        subjects: who may call; one that ends in ``*`` stands for all that begin like it, as in an EventPolicy.
    """

    def __init__(self, tokens: Tokens, subjects: tuple[str, ...]) -> None:
        self._tokens = tokens
        self._exactly = frozenset(subject for subject in subjects if not subject.endswith("*"))
        self._beginnings = tuple(subject[:-1] for subject in subjects if subject.endswith("*"))

    async def __call__(self, headers: Mapping[str, str], body: bytes) -> None:  # noqa: ARG002 - hmac signs the body
        """See :class:`Gate`."""
        subject = await self._tokens.subject(_bearer(headers))
        if subject not in self._exactly and not subject.startswith(self._beginnings):
            raise Forbidden("the caller is known and may not call this function; see OIDC_SUBJECTS")


class OpenGate:
    """Trusts whoever reaches the port."""

    async def __call__(self, headers: Mapping[str, str], body: bytes) -> None:
        """See :class:`Gate`."""


def gate(settings: ServingSettings) -> Gate:
    """The gate that the settings ask for.

    Raises:
        ConfigurationError: it needs what is not installed, or cannot be read.
    """
    match settings.auth_mode:
        case AuthMode.BEARER:
            return BearerGate(settings.tokens)
        case AuthMode.HMAC:
            return HmacGate(settings.hmac_keys, window_s=settings.hmac_window_seconds)
        case AuthMode.OIDC:
            return OidcGate(_issued_tokens(settings), settings.subjects)
        case AuthMode.NETWORK:
            return OpenGate()
        case _ as never:
            assert_never(never)


def _bearer(headers: Mapping[str, str]) -> str:
    scheme, _, shown = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not shown.strip():
        raise Unauthorized("a bearer token is required; send Authorization: Bearer <token>")
    return shown.strip()


def _unsigned(message: str) -> Unauthorized:
    return Unauthorized(message, challenge=_SIGNED)


def _issued_tokens(settings: ServingSettings) -> Tokens:
    try:
        # Only where it is wanted: the library is an extra, which images do not hold.
        from shared.adapters.oidc import issued_tokens  # noqa: PLC0415
    except ImportError:
        raise ConfigurationError(
            "AUTH_MODE is oidc and the library for it is not installed; install aftercare[oidc]"
        ) from None
    return issued_tokens(
        settings.oidc_issuer or "",
        settings.oidc_audience or "",
        keys_url=settings.oidc_jwks_url,
        ca=settings.oidc_ca,
        keys_s=settings.oidc_keys_seconds,
    )
