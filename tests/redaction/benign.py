"""Lines that hold no secret and look as if: random in every way that operations are."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_HEX: Final = "0123456789abcdef"
_TEMPLATES: Final = (Path(__file__).parents[1] / "unit" / "benign_lines.txt").read_text(encoding="utf-8").splitlines()

# Fields are those of `_filled`.
_MORE: Final = (
    *("{uuid}", "{sha1}", "sha256:{sha256}", "{hex32}", "{hex7}..{hex12}", "{pod}", "{time}", "{path}", "{image}"),
    "{time} INFO {pod} request {uuid} done in {number}ms",
    "{time} WARN {pod} retry {number} of 5 for {image}",
    "index {hex7}..{hex12} 100644",
    "commit {sha1}\nAuthor: {who} <{who}@example.com>\nDate: {time}",
    "+++ b/{path}",
    "Digest: sha256:{sha256}\nStatus: Image is up to date for {image}",
    "layer {hex12}: Pull complete, {number} of {number} bytes",
    '  File "/app/{path}.py", line {number}, in {name}\n    return await self._{name}(request)',
    "Traceback (most recent call last):\n  File \"/app/{path}.py\", line {number}\nKeyError: '{name}'",
    "\tat com.example.{name}.{name}(Main.java:{number})",
    "goroutine {number} [running]:\nmain.{name}(0xc000{hex7})\n\t/src/{path}.go:{number} +0x{hex7}",
    "thread 'main' panicked at src/{name}.rs:{number}:5",
    "panic: runtime error: index out of range [{number}] with length {number}",
    "the token {name} is not valid here",
    "the token expired at {time}",
    "token {hex7} was issued {number} seconds ago",
    "token for {who} was revoked {number} minutes ago",
    "{who} changed the password {number} days ago",
    "the password of {who} is too short: 12 characters are required",
    "password policy v{number} is active since {time}",
    "secret {name}-{hex7} not found in namespace {name}",
    "secret {name}/{name}-tls was rotated by cert-manager v1.{number}.2",
    "reading secret /run/secrets/{name}.json",
    "credentials for {name} are read from /etc/{path}",
    "api key {number} of 3 is unused",
    "access key id is missing; see https://docs.example.com/{path}",
    "the key is {name}, the value has {number} bytes",
    "uses TLSv1.3, token RS256, password SHA256 and secret AES256",
    "signing key {name}-2026 was loaded from {path}.pem",
    "vault token lookup took {number}ms on {pod}",
    "tokens: {number} prompt, {number} completion, model gpt-{number}",
    "password authentication failed for user {who} from 10.0.{number}.7",
    "the new password is required at the next login",
    "Pass {number} of 5, password file /etc/{path}",
    "etcdserver: mvcc: required revision has been compacted, token {number}",
    "x-request-id: {uuid}\nx-trace: {hex32}",
    "{base64}",
    "payload {base64}",
    "GET /api/v1/namespaces/{name}/secrets/{name}-tls?resourceVersion={number} HTTP/2.0 200",
    'etag W/"{hex32}" cache key {name}:{number}',
    "mount /var/lib/kubelet/pods/{uuid}/volumes/kubernetes.io~secret/{name}",
    "cookie jar of {who} is empty",
    "authorization: rule {name} allows {who}",
    "helm.sh/chart: {name}-{number}.2.1 app.kubernetes.io/instance: {name}",
    "serviceaccount {name} token volume {name}-token-{hex7} is projected",
    "bearer tokens are valid for {number} seconds",
    "please ask {who} for the password, it is in the vault",
    "I cannot find the password for {pod}, can you help?",
    "the secret is to restart {pod} before the token runs out",
    "use the token from the vault, not the one in {path}",
    "is the api key still valid? it was made on {time}",
    "{pod} 的密碼已於 {number} 天前更換",
    "請向 {who} 索取密碼 不要寫在群組裡",
    "令牌將於 {time} 過期 請更新",
    "密码错误次数过多 请在 {number} 分钟后重试",
    "密碼為空時無法登入 代碼 {number}",
    "數據庫 {name} 連線逾時 {number} 秒 重試 3 次",
)


def _filled(rng: random.Random, line: str) -> str:
    def hexadecimal(size: int) -> str:
        return "".join(rng.choices(_HEX, k=size))

    name = rng.choice(["orders", "billing", "api", "ingress", "checkout", "reports"])
    fields = {
        "uuid": "-".join(map(hexadecimal, (8, 4, 4, 4, 12))),
        "pod": f"{rng.choice(['api', 'km-write', 'token-issuer'])}-{hexadecimal(9)}-{hexadecimal(5)}",
        "time": f"2026-01-{rng.randrange(10, 31)}T12:{rng.randrange(10, 60)}:00.{rng.randrange(100, 999)}Z",
        "path": f"{name}/{rng.choice(['v1', 'lib', 'src'])}/{rng.choice(['main', 'token', 'password', 'server'])}",
        "image": f"registry.example.com:5000/{name}/api:1.{rng.randrange(40)}.0@sha256:{hexadecimal(64)}",
        "base64": base64.b64encode(rng.randbytes(rng.randrange(9, 60))).decode(),
        "name": name,
        "who": rng.choice(["bob", "alice", "mei"]),
        "number": rng.randrange(2, 4000),
        "sha1": hexadecimal(40),
        "sha256": hexadecimal(64),
        **{f"hex{size}": hexadecimal(size) for size in (7, 12, 16, 32)},
    }
    return line.format(**fields)


def lines(seed: int, count: int) -> Iterator[str]:
    """So many lines; each form comes about equally often."""
    rng = random.Random(seed)
    forms = [*_TEMPLATES, *_MORE]
    return (_filled(rng, forms[number % len(forms)]) for number in range(count))
