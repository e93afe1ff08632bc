"""Tokens of an OpenID issuer: who the caller is, when signature, issuer, audience and times are right.

The algorithm comes from the issuer's key and never from the token: a token that says ``none``, or ``HS256`` so that a
public key is taken for a shared secret, is refused before any key is looked at. Keys that come inside a token (``jwk``,
``jku``, ``x5u``) are not read. This is the only module that knows the JWT library, and it is loaded only where
``AUTH_MODE`` is ``oidc``: with its cryptography it takes 15 MB of an image and 0.05 s of a cold start.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from shared.adapters.http import HttpClient
from shared.adapters.jwks import IssuerKeys
from shared.domain.errors import ConfigurationError, Unauthorized

LEEWAY_S: Final = 30.0
"""How far the issuer's clock and ours may be apart."""

_MAX_TOKEN: Final = 16 * 1024
_ALGORITHMS: Final = ("RS256", "ES256")
_CLAIMS: Final = ("iss", "sub", "aud", "exp")
_UNREADABLE: Final = "the bearer token is no signed JWT; get one from the issuer"
_REFUSALS: Final[Mapping[type[jwt.PyJWTError], str]] = {
    jwt.ExpiredSignatureError: "the token has expired; get a new one from the issuer",
    jwt.ImmatureSignatureError: "the token is not valid yet; compare the clocks",
    jwt.InvalidAudienceError: "the token is for another audience; ask the issuer for one with this function's",
    jwt.InvalidIssuerError: "the token is of another issuer",
    jwt.MissingRequiredClaimError: "the token must name its issuer, subject, audience and expiry",
}


class IssuedTokens:
    """Reads the tokens of one issuer for one audience.

    Args:
        keys: of the issuer.
        issuer: its URL; must be the token's ``iss``, character by character.
        audience: must be among the token's ``aud``.
    """

    def __init__(self, keys: IssuerKeys[jwt.PyJWK], *, issuer: str, audience: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience

    async def subject(self, token: str) -> str:
        """Whose token it is.

        Raises:
            Unauthorized: it is none, or not for us, or not now; nothing of it is repeated.
            UpstreamUnavailable: the issuer's keys cannot be had now.
        """
        key = await self._keys.find(_key_id(token))
        if key is None:
            raise Unauthorized("the token's key is not one of the issuer's")
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_S,
                options={"require": list(_CLAIMS)},
            )
        except jwt.PyJWTError as error:
            raise Unauthorized(_REFUSALS.get(type(error), "the token is not accepted")) from None
        return str(claims["sub"])


def _key_id(token: str) -> str:
    """The ``kid`` of a token that may be worth a look.

    Raises:
        Unauthorized: it is too long, no JWT, of a foreign algorithm, or does not name its key.
    """
    if len(token) > _MAX_TOKEN:
        raise Unauthorized(f"the bearer token is over {_MAX_TOKEN} characters")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise Unauthorized(_UNREADABLE) from None
    if header.get("alg") not in _ALGORITHMS:
        raise Unauthorized(f"the token must be signed with {' or '.join(_ALGORITHMS)}")
    if "kid" not in header:
        raise Unauthorized("the token must name its key (kid)")
    return str(header["kid"])


def usable(jwk: Mapping[str, Any]) -> jwt.PyJWK | None:
    """The key in a JWK, bound to its algorithm.

    None for everything but public RSA keys of at least 2,048 bits and public P-256 keys, both for signatures. A
    private key in a public place proves nothing any more.
    """
    match jwk:
        case {"kty": "RSA"}:
            algorithm = "RS256"
        case {"kty": "EC", "crv": "P-256"}:
            algorithm = "ES256"
        case _:
            return None
    if jwk.get("use", "sig") != "sig" or jwk.get("alg", algorithm) != algorithm:
        return None
    try:
        key = jwt.PyJWK(dict(jwk), algorithm)
    except jwt.PyJWTError:
        return None
    is_public = isinstance(key.key, RSAPublicKey | EllipticCurvePublicKey)
    return key if is_public and key.Algorithm.check_key_length(key.key) is None else None


def issued_tokens(issuer: str, audience: str, *, keys_url: str | None, ca: str | None, keys_s: float) -> IssuedTokens:
    """Reads an issuer's tokens, with a client of its own.

    Args:
        issuer: its URL.
        audience: what its tokens for us are made out to.
        keys_url: of its key set; found by discovery when None.
        ca: PEM of the authority that its certificate is of; the web's when None.
        keys_s: how long its keys are believed without it.

    Raises:
        ConfigurationError: ``ca`` is not PEM.
    """
    try:
        tls = None if ca is None else ssl.create_default_context(cadata=ca)
    except (ssl.SSLError, ValueError):
        raise ConfigurationError("OIDC_CA is not PEM; set OIDC_CA_FILE to the issuer's ca.crt") from None
    keys = IssuerKeys(HttpClient(tls=tls), issuer, usable, url=keys_url, life_s=keys_s)
    return IssuedTokens(keys, issuer=issuer, audience=audience)
