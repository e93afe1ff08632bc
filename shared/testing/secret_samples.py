"""Secrets of every kind in the places they turn up in, made from a seed.

No sample is a real secret: each is drawn anew in the form its issuer documents.
"""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

Maker = Callable[[random.Random], str]

_ALNUM: Final = string.ascii_letters + string.digits
_UPPER: Final = string.ascii_uppercase + string.digits
_WORD: Final = _ALNUM + "_-"
_HEX: Final = "0123456789abcdef"
_SIGNS: Final = _ALNUM + "!#%+*-_.~^=/"
_COLON: Final = "\uff1a"  # full width, as in Chinese text


@dataclass(frozen=True, slots=True)
class Sample:
    """A text, and the part of it that must not survive."""

    kind: str
    text: str
    secret: str


def _drawn(rng: random.Random, alphabet: str, length: int) -> str:
    """Random text with a digit in it, as nearly all that machines make."""
    text = rng.choices(alphabet, k=length)
    text[rng.randrange(1, length)] = rng.choice(string.digits)
    return "".join(text)


def _base64(rng: random.Random, size: int) -> str:
    return base64.b64encode(rng.randbytes(size)).decode()


def _base64url(rng: random.Random, size: int) -> str:
    return base64.urlsafe_b64encode(rng.randbytes(size)).decode().rstrip("=")


def _jwt(rng: random.Random) -> str:
    parts = (b'{"alg":"RS256","typ":"JWT"}', b'{"sub":"%d"}' % rng.randrange(10**9), rng.randbytes(32))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def _private_key(rng: random.Random, kind: str) -> str:
    lines = "\n".join(_base64(rng, 48) for _ in range(4))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----"


def _uuid(rng: random.Random) -> str:
    return "-".join(_drawn(rng, _HEX, size) for size in (8, 4, 4, 4, 12))


def _words(rng: random.Random) -> str:
    return "-".join(rng.sample(["Zebra", "quartz", "violet", "glyph", "jockey"], 3)) + "7"


# How a token begins (what it shows to everybody), and how it goes on.
TOKENS: Final[Mapping[str, tuple[str, Maker]]] = {
    "JWT": ("", _jwt),
    "AWS access key": ("AKIA", lambda rng: _drawn(rng, _UPPER, 16)),
    "GitHub personal": ("ghp_", lambda rng: _drawn(rng, _ALNUM, 36)),
    "GitHub app": ("ghs_", lambda rng: _drawn(rng, _ALNUM, 36)),
    "GitHub fine-grained": ("github_pat_", lambda rng: f"{_drawn(rng, _ALNUM, 22)}_{_drawn(rng, _ALNUM, 59)}"),
    "GitLab personal": ("glpat-", lambda rng: _drawn(rng, _WORD, 20)),
    "GitLab deploy": ("gldt-", lambda rng: _drawn(rng, _WORD, 20)),
    "Slack bot": ("xoxb-", lambda rng: f"{rng.randrange(10**11)}-{_drawn(rng, _ALNUM, 24)}"),
    "Slack user": ("xoxp-", lambda rng: f"{rng.randrange(10**11)}-{_drawn(rng, _ALNUM, 24)}"),
    "Slack app": ("xapp-1-", lambda rng: f"{_drawn(rng, _UPPER, 11)}-{_drawn(rng, _HEX, 64)}"),
    "Slack webhook": (
        "https://hooks.slack.com/services/",
        lambda rng: f"{_drawn(rng, _UPPER, 9)}/{_drawn(rng, _ALNUM, 24)}",
    ),
    "Discord webhook": (
        "https://discord.com/api/webhooks/",
        lambda rng: f"{rng.randrange(10**18)}/{_drawn(rng, _WORD, 68)}",
    ),
    "Telegram bot": ("1234567890:", lambda rng: "AA" + _drawn(rng, _WORD, 32) + rng.choice(_ALNUM)),
    "Telegram URL": ("https://api.telegram.org/bot987654321:", lambda rng: _drawn(rng, _ALNUM, 35)),
    "Stripe": ("sk_live_", lambda rng: _drawn(rng, _ALNUM, 24)),
    "Stripe restricted": ("rk_live_", lambda rng: _drawn(rng, _ALNUM, 24)),
    "Stripe webhook": ("whsec_", lambda rng: _drawn(rng, _ALNUM, 32)),
    "Google API": ("AIza", lambda rng: _drawn(rng, _WORD, 35)),
    "Google client": ("GOCSPX-", lambda rng: _drawn(rng, _WORD, 28)),
    "npm": ("npm_", lambda rng: _drawn(rng, _ALNUM, 36)),
    "PyPI": ("pypi-", lambda rng: "AgEIcHlwaS5vcmc" + _drawn(rng, _WORD, 70)),
    "Vault": ("hvs.", lambda rng: _drawn(rng, _WORD, 90)),
    "OpenAI": ("sk-", lambda rng: _drawn(rng, _ALNUM, 48)),
    "OpenAI project": ("sk-proj-", lambda rng: _drawn(rng, _WORD, 48)),
    "Anthropic": ("sk-ant-api03-", lambda rng: _drawn(rng, _WORD, 90)),
    "SendGrid": ("SG.", lambda rng: f"{_drawn(rng, _WORD, 22)}.{_drawn(rng, _WORD, 43)}"),
    "Grafana": ("glsa_", lambda rng: f"{_drawn(rng, _ALNUM, 32)}_{_drawn(rng, _HEX, 8)}"),
    "Docker Hub": ("dckr_pat_", lambda rng: _drawn(rng, _WORD, 27)),
    "DigitalOcean": ("dop_v1_", lambda rng: _drawn(rng, _HEX, 64)),
    "RSA key": ("", lambda rng: _private_key(rng, "RSA ")),
    "EC key": ("", lambda rng: _private_key(rng, "EC ")),
    "PKCS 8 key": ("", lambda rng: _private_key(rng, "")),
    "OpenSSH key": ("", lambda rng: _private_key(rng, "OPENSSH ")),
}
_AROUND_TOKENS: Final = (
    "{}",
    "the pod printed {} before it crashed",
    "restarted the job ({}), it came back",
    'level=info msg="using {}" attempt=3',
    '{{"note": "{}", "count": 2}}',
    "cmd: /bin/run --flag {} --verbose",
    "first,{},last",
    "- value: {}\n- other: 1",
    "see `{}`.",
    "got '{}' from the config map",
    "Bearer {}",
    "export SOMETHING={}; echo done",
    "https://example.com/path?x={}&y=1",
    "\t{}\r\n",
    "值為 {}，已重啟",  # noqa: RUF001 - Chinese punctuation
)

# What only its name gives away.
PLAIN_SECRETS: Final[Mapping[str, Maker]] = {
    "short": lambda rng: _drawn(rng, _ALNUM, 8),
    "with signs": lambda rng: rng.choice(_ALNUM) + _drawn(rng, _SIGNS, 13) + rng.choice(_ALNUM),
    "long": lambda rng: _drawn(rng, _ALNUM, 32),
    "hexadecimal": lambda rng: _drawn(rng, _HEX, 40),
    "Base64": lambda rng: _base64(rng, 30),
    "Base64 for URLs": lambda rng: "A" + _base64url(rng, 40),
    "UUID": _uuid,
    "AWS secret": lambda rng: rng.choice(_ALNUM) + _drawn(rng, _ALNUM + "+/", 38) + rng.choice(_ALNUM),
    "words": _words,
}
NAMES: Final = (
    *("password", "passwd", "db_password", "POSTGRES_PASSWORD", "PGPASSWORD", "MYSQL_PWD", "DB_PASS", "redis-password"),
    *("secret", "client_secret", "clientSecret", "AWS_SECRET_ACCESS_KEY", "aws_session_token", "token", "access_token"),
    *("refreshToken", "GITEA_TOKEN", "auth-token", "api_key", "apiKey", "APIKEY", "X-Api-Key", "x-auth-token"),
    *("private_key", "encryption_key", "credentials", "AccountKey", "secret_id", "signing-key", "passphrase"),
)
_AROUND_NAMES: Final = (
    "{name}={secret}",
    "connecting with {name}={secret} to db-0",
    'level=info msg="retry" {name}="{secret}" attempt=2',
    "export {name}={secret}",
    "{name}: {secret}",
    "  {name}: {secret}\n  other: 1",
    '{name}: "{secret}"',
    "{name} = '{secret}'",
    '{{"user": "bob", "{name}": "{secret}", "port": 1}}',
    '{{"{name}":"{secret}"}}',
    '{{\\"{name}\\":\\"{secret}\\",\\"a\\":1}}',
    "{{'{name}': '{secret}', 'b': 2}}",
    "host=db;{name}={secret};port=5432",
    "https://example.com/hook?{name}={secret}&x=1",
    "run --{name} {secret} --verbose",
    "run --{name}={secret} -v",
    "run --{name} '{secret}'",
    "found ({name}={secret})",
    "{name} := {secret}",
    "the {name} is set\nthen {name}={secret}.",
)
_IN_PLACES: Final = (
    "postgres://bob:{secret}@db.prod.svc/app?sslmode=require",
    "DATABASE_URL=postgresql+pg8000://bob:{secret}@10.0.0.7:5432/app",
    "redis://:{secret}@redis:6379/0 timed out",
    "mongodb+srv://bob:a@{secret}@db/app",
    "amqp://bob:x/{secret}@mq/app",
    "git clone https://{hex}{secret}@gitea.local/a/b",
    "bob:{secret}@tcp(db:3306)/app",
    "Authorization: Bearer {secret}",
    "curl -H 'Authorization: Bearer {secret}' http://x",
    "Authorization: Basic {basic}",
    "authorization: token {secret}",
    '{{"Authorization": ["Bearer {secret}"]}}',
    'Proxy-Authorization: Digest username="bob", response="{secret}"',
    "Authorization: AWS4-HMAC-SHA256 Credential=AKIA/20260131, Signature={secret}",
    "sent Basic {basic} to the proxy",
    '{{"auths": {{"r": {{"auth": "{basic}", "password": "x"}}}}}}',
    "< Set-Cookie: session={secret}; Path=/; HttpOnly",
    "Cookie: theme=dark; sid={secret}",
    "curl -u bob:{secret} https://x/y",
    "curl -sS https://x --user 'bob:{secret}'",
    "mysql -h db -u root -p{secret} app",
    "redis-cli -h r -a {secret} PING",
    "sshpass -p '{secret}' ssh host",
    "kubectl create secret generic db --from-literal=admin={secret}",
    "AKIAIOSFODNN7EXAMPLE {aws}",
    "AKIAIOSFODNN7EXAMPLE:{aws}",
    "DefaultEndpointsProtocol=https;AccountName=x;AccountKey={secret};EndpointSuffix=y",
    "https://x.blob.core.windows.net/c?sv=2024&sig={hex}%3D&se=2026",
    "apiVersion: v1\nkind: Secret\ndata:\n  cfg: {secret}\nmetadata:\n  name: db",
    "apiVersion: v1\ndata:\n  cfg: |\n    {secret}\n    and more\nkind: Secret\n",
    '{{"kind":"Secret","data":{{"cfg":"{secret}"}}}}',
    '{{\\"data\\":{{\\"cfg\\":\\"{secret}\\"}},\\"kind\\":\\"Secret\\"}}',
    "users:\n- name: a\n  user:\n    client-key-data: {secret}\n",
    f"連線失敗: 密碼{_COLON}{{secret}}",
    "password:\t{secret}",
    "password=abc,{secret} host=x",
)


def tokens(rng: random.Random) -> Iterator[Sample]:
    """Secrets that tell by their own form what they are, in places that say nothing."""
    for kind, (start, make) in TOKENS.items():
        for around in _AROUND_TOKENS:
            rest = make(rng)
            yield Sample(kind, around.format(start + rest), rest)


def named(rng: random.Random) -> Iterator[Sample]:
    """Secrets that only their name gives away."""
    for name in NAMES:
        for kind, make in PLAIN_SECRETS.items():
            for around in _AROUND_NAMES:
                secret = make(rng)
                yield Sample(f"{name}, {kind}", around.format(name=name, secret=secret), secret)


def placed(rng: random.Random) -> Iterator[Sample]:
    """Secrets that only their place gives away."""
    for place in _IN_PLACES:
        parts = {"secret": _drawn(rng, _ALNUM + "!$*_", 14), "hex": _drawn(rng, _HEX, 32)}
        parts["aws"] = _drawn(rng, _ALNUM + "/", 40)
        parts["basic"] = base64.b64encode(f"bob:{parts['secret']}".encode()).decode()
        secret = next(parts[name] for name in ("aws", "basic", "secret", "hex") if f"{{{name}}}" in place)
        yield Sample(place, place.format(**parts), secret)
