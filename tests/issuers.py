"""An OpenID issuer with real keys, served over HTTP, and the tokens that it and others sign."""

from __future__ import annotations

import base64
import json
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache

import jwt
from anyio.from_thread import start_blocking_portal
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from shared.local.simulators.simulator import Simulator

AUDIENCE = "km-write"
SUBJECT = "system:serviceaccount:aftercare:km-write-trigger"
DISCOVERY = "/.well-known/openid-configuration"


@cache
def rsa_key(name="first", bits=2048):
    """A private key of that name; made once, since primes are slow to find."""
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(name="first", curve=ec.SECP256R1):
    return ec.generate_private_key(curve())


def jwk(private, kid="a", **more):
    """The public half, as issuers publish it."""
    algorithm = RSAAlgorithm if isinstance(private, rsa.RSAPrivateKey) else ECAlgorithm
    return {**algorithm.to_jwk(private.public_key(), as_dict=True), "kid": kid, "use": "sig", **more}


def claims(issuer, **changes):
    """Those of a token that is good for a minute; None takes one away."""
    now = int(time.time())
    given = {"iss": issuer, "sub": SUBJECT, "aud": [AUDIENCE], "iat": now, "nbf": now, "exp": now + 60, **changes}
    return {name: value for name, value in given.items() if value is not None}


def token(body, private=None, kid="a", **header):
    private = private or rsa_key()
    algorithm = "RS256" if isinstance(private, rsa.RSAPrivateKey) else "ES256"
    return jwt.encode(body, private, algorithm=algorithm, headers={"kid": kid, **header})


def part(value):
    """One part of a token."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def self_signed():
    """PEM of a certificate for this machine that no one vouches for but itself."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, ec_key("authority").public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(ec_key("authority"), hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode()


def private_pem(private):
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class Issuer(Simulator):
    """Publishes keys.

    Attributes:
        url: where it is served.
        authority: a file with its certificate and the key of that; without one it speaks plain HTTP.
        keys: its JWKs.
        named: what its discovery document says it is; None for the truth.
        text: served at the place of its keys instead of them.
    """

    name = "issuer"

    def __init__(self, *, authority=None):
        super().__init__()
        self.authority = authority
        self.url = ""
        self.publish()

    def publish(self, *keys):
        """These keys and nothing else, as an issuer that nobody has asked yet."""
        self.keys = list(keys)
        self.named = self.text = None
        self.faults.clear()
        self.asked.clear()

    def routes(self):
        return [Route(DISCOVERY, self._discovery), Route("/keys", self._keys)]

    def problem(self, status):
        return PlainTextResponse("no", status)

    def asked_for_keys(self):
        return [each.path for each in self.asked].count("/keys")

    def _config(self, unix_socket):
        config = super()._config(unix_socket)
        config.ssl_certfile = config.ssl_keyfile = self.authority
        return config

    async def _discovery(self, _request):
        return JSONResponse({"issuer": self.named or self.url, "jwks_uri": f"{self.url}/keys"})

    async def _keys(self, _request):
        return JSONResponse({"keys": self.keys}) if self.text is None else PlainTextResponse(self.text)


@contextmanager
def serving(issuer):
    """On a loop of its own, so that one server is enough for many tests: each takes a while to end."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(issuer.serving()) as url:
        issuer.url = url if issuer.authority is None else url.replace("http://127.0.0.1", "https://localhost")
        yield issuer
