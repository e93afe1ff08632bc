"""Secrets of many types, each in as many contexts as wanted; a seed makes the same ones again.

Half of the contexts are structured: what machines write for machines. The other half is what machines and people
write for people. No context is written for one type: a token that tells by its form what it is, and a password that
only its name gives away, stand in the same places.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from shared.testing.secret_samples import NAMES, PLAIN_SECRETS, TOKENS
from tests.redaction.prose import PROSE

Structure = Callable[[str, str], Any]

PEOPLE: Final[Mapping[str, Callable[[random.Random], str]]] = {
    "word and year": lambda rng: f"{rng.choice(['Sommer', 'Zebra', 'Quartz'])}{rng.randrange(1980, 2030)}!",
    "leet": lambda rng: f"{rng.choice(['P4ssw0rt', 'h0nter2', 'Tr0ub4dor'])}&{rng.randrange(100, 1000)}",
    "PIN": lambda rng: str(rng.randrange(100_000, 1_000_000)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One secret in one place.

    Attributes:
        type: what kind of secret it is.
        structured: whether the place is written by machines for machines.
        value: what is redacted: a text, or a JSON value.
        secret: what must not survive; what a token shows to everybody is no part of it.
    """

    type: str
    structured: bool
    value: Any
    secret: str


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


STRUCTURES: Final[tuple[Structure, ...]] = (
    lambda name, secret: {name: secret},
    lambda name, secret: {"spec": {"source": {name: secret, "port": 5432}}},
    lambda name, secret: [{"user": "bob", name: secret}],
    lambda name, secret: {name: {"current": secret, "previous": [secret]}},
    lambda name, secret: {"env": [{"name": name, "value": secret}, {"name": "PORT", "value": "8080"}]},
    lambda name, secret: {"parameters": [{"key": name, "value": secret}]},
    lambda name, secret: {"environment": [f"{name}={secret}", "PORT=8080"]},
    lambda name, secret: {"headers": {name: secret}},
    lambda name, secret: {"headers": [["accept", "*/*"], [name, secret]]},
    lambda _, secret: {"headers": {"Authorization": f"Bearer {secret}", "Accept": "*/*"}},
    lambda _, secret: {"headers": {"Cookie": f"theme=dark; sid={secret}"}},
    lambda _, secret: {"kind": "Secret", "data": {"config": _base64(secret)}},
    lambda _, secret: {"items": [{"kind": "Secret", "stringData": {"config.yaml": f"a: {secret}"}}]},
    lambda _, secret: {"url": f"https://bob:{quote(secret, safe='')}@gitea.local/a/b.git"},
    lambda _, secret: {"DATABASE_URL": f"postgres://app:{quote(secret, safe='')}@db:5432/app?sslmode=require"},
    lambda _, secret: {"broker": f"redis://:{quote(secret, safe='')}@redis:6379/0"},
    lambda name, secret: {"args": ["run", f"--{name}={secret}", "-v"]},
    lambda name, secret: {"command": ["run", f"--{name}", secret, "-v"]},
    lambda name, secret: {"log": json.dumps({"user": "bob", name: secret})},
    lambda name, secret: {"log": json.dumps(json.dumps({name: secret}))},
    lambda name, secret: json.dumps({"a": {name: secret, "b": 1}}, indent=2),
    lambda name, secret: f"apiVersion: v1\n{name}: {secret}\nport: 8080\n",
    lambda name, secret: f'spec:\n  db:\n    {name}: "{secret}"\n    user: bob\n',
    lambda name, secret: f"- name: {name}\n  value: {secret}\n- name: PORT\n  value: '8080'\n",
    lambda name, secret: f"# .env\nPORT=8080\n{name}={secret}\nLOG_LEVEL=info\n",
    lambda name, secret: f'export {name}="{secret}"\n',
    lambda name, secret: f"[db]\nuser = bob\n{name} = {secret}\n",
    lambda name, secret: f"spring.datasource.{name}={secret}\n",
    lambda name, secret: f"<{name}>{secret}</{name}>" if " " not in name else {name: secret},
    lambda _, secret: f"apiVersion: v1\nkind: Secret\ndata:\n  config: {_base64(secret)}\nmetadata:\n  name: db\n",
    lambda _, secret: f"kind: Secret\nstringData:\n  config.yaml: |\n    a: {secret}\n    and more\n",
    lambda _, secret: f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\nAccept: */*\r\n",
    lambda _, secret: f"POST / HTTP/1.1\r\nX-Api-Key: {secret}\r\nContent-Type: application/json\r\n",
)


def cases(seed: int, contexts: int) -> Iterator[Case]:
    """Each type of secret in so many contexts, half of them structured.

    The place of a secret in a list of two (``-----BEGIN``, ``https://``) is that of its type.
    """
    rng = random.Random(seed)
    makers = {name: ("", make) for name, make in {**PLAIN_SECRETS, **PEOPLE}.items()} | dict(TOKENS)
    for type_, (start, make) in makers.items():
        for number in range(contexts):
            rest = make(rng)
            structured = number % 2 == 0
            value = _placed(rng, number // 2, start + rest, structured=structured)
            yield Case(type=type_, structured=structured, value=value, secret=_hidden(value, start + rest, rest))


def _placed(rng: random.Random, number: int, secret: str, *, structured: bool) -> Any:
    name = rng.choice(NAMES)
    if structured:
        return STRUCTURES[number % len(STRUCTURES)](name, secret)
    return PROSE[number % len(PROSE)](rng, name, secret)


def _hidden(value: Any, secret: str, rest: str) -> str:
    """The secret as it stands in a value: it may be there in Base64, or with percent signs."""
    text = json.dumps(value)
    if json.dumps(rest)[1:-1] not in text and _base64(secret) in text:
        return _base64(secret)
    return quote(rest, safe="") if json.dumps(rest)[1:-1] not in text else rest
