"""Tokens that must let nobody in: each is made from the URL of an issuer that publishes ``rsa_key()`` as ``a``, and
``ec_key()`` as ``e``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm

from shared.adapters.oidc import LEEWAY_S
from tests.issuers import AUDIENCE, claims, ec_key, jwk, part, rsa_key, token


def signed_with(sign, body, **header):
    """A token as no library makes it."""
    text = f"{part({'typ': 'JWT', 'kid': 'a', **header})}.{part(body)}"
    return f"{text}.{part(sign(text.encode()))}"


def as_secret(public):
    """Signs with HS256 and a public key for a secret."""
    return lambda text: hmac.digest(public, text, hashlib.sha256)


def published(private, form=PublicFormat.SubjectPublicKeyInfo, encoding=Encoding.PEM):
    return private.public_key().public_bytes(encoding, form)


def genuine(text):
    """Signs as the issuer does."""
    return ECAlgorithm(ECAlgorithm.SHA256).sign(text, ec_key())


def tampered(whole, body):
    head, _, signature = whole.split(".")
    return f"{head}.{part(body)}.{signature}"


ATTACKS = {
    "no token": lambda _: "",
    "nonsense": lambda _: "x.y.z",
    "none": lambda url: signed_with(lambda _: b"", claims(url), alg="none"),
    "None": lambda url: signed_with(lambda _: b"", claims(url), alg="None"),
    "none with the signature of another": lambda url: (
        f"{part({'alg': 'none', 'kid': 'a'})}.{part(claims(url))}.{token(claims(url)).rpartition('.')[2]}"
    ),
    "no algorithm": lambda url: signed_with(lambda _: b"", claims(url)),
    "a list of algorithms": lambda url: signed_with(lambda _: b"", claims(url), alg=["RS256"]),
    "public key as secret, PEM": lambda url: signed_with(as_secret(published(rsa_key())), claims(url), alg="HS256"),
    "public key as secret, DER": lambda url: signed_with(
        as_secret(published(rsa_key(), encoding=Encoding.DER)), claims(url), alg="HS256"
    ),
    "public key as secret, PKCS 1": lambda url: signed_with(
        as_secret(published(rsa_key(), PublicFormat.PKCS1)), claims(url), alg="HS256"
    ),
    "public key as secret, JWK": lambda url: signed_with(
        as_secret(json.dumps(jwk(rsa_key())).encode()), claims(url), alg="HS256"
    ),
    "public key as secret that says RS256": lambda url: signed_with(
        as_secret(published(rsa_key())), claims(url), alg="RS256"
    ),
    "an algorithm of another key": lambda url: token(claims(url), ec_key(), "a"),
    "an empty signature": lambda url: token(claims(url)).rpartition(".")[0] + ".",
    "a signature of zeros": lambda url: signed_with(lambda _: bytes(64), claims(url), alg="ES256", kid="e"),
    "a stranger's key with our kid": lambda url: token(claims(url), rsa_key("stranger")),
    "a stranger's key in the token": lambda url: token(claims(url), rsa_key("stranger"), jwk=jwk(rsa_key("stranger"))),
    "a stranger's key at an address": lambda url: token(claims(url), rsa_key("stranger"), jku=f"{url}/keys"),
    "a kid nobody has": lambda url: token(claims(url), kid="../../dev/null"),
    "a kid that is no text": lambda url: signed_with(lambda _: b"", claims(url), alg="RS256", kid=["a"]),
    "no kid": lambda url: jwt.encode(claims(url), rsa_key(), algorithm="RS256"),
    "an extension that must be understood": lambda url: token(claims(url), crit=["exp"], exp=1),
    "a tampered payload": lambda url: tampered(token(claims(url, sub="eve")), claims(url)),
    "expired": lambda url: token(claims(url, exp=int(time.time() - LEEWAY_S - 5))),
    "not valid yet": lambda url: token(claims(url, nbf=int(time.time() + LEEWAY_S + 60))),
    "issued in the future": lambda url: token(claims(url, iat=int(time.time() + LEEWAY_S + 60))),
    "never expires": lambda url: token(claims(url, exp=None)),
    "expires in words": lambda url: token(claims(url, exp="tomorrow")),
    "expires at infinity": lambda url: token(claims(url, exp=float("inf"))),
    "wrong audience": lambda url: token(claims(url, aud=["notify"])),
    "audience that begins like ours": lambda url: token(claims(url, aud=f"{AUDIENCE}-2")),
    "no audience": lambda url: token(claims(url, aud=None)),
    "empty audience": lambda url: token(claims(url, aud=[])),
    "audience that is an object": lambda url: token(claims(url, aud={AUDIENCE: 1})),
    "wrong issuer": lambda _: token(claims("https://elsewhere.example")),
    "issuer with a slash more": lambda url: token(claims(f"{url}/")),
    "no issuer": lambda _: token(claims(None)),
    "no subject": lambda url: token(claims(url, sub=None)),
    "two tokens": lambda url: f"{token(claims(url))} {token(claims(url))}",
    "a part more": lambda url: token(claims(url)) + ".e30",
    "a huge token": lambda url: token(claims(url, more="x" * 20_000)),
    "a huge nothing": lambda _: "." * 60_000,
    "a deep header": lambda _: f"{part(b'[' * 9_000)}.e30.e30",
    "a header that is a list": lambda _: f"{part([])}.e30.e30",
    "a deep payload": lambda _: f"{part({'alg': 'RS256', 'kid': 'a'})}.{part(b'[' * 9_000)}.{part(bytes(256))}",
}
