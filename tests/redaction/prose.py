"""Texts for people that hold a secret: log lines, commands, and what is said in a chat, in English and Chinese."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

_FULL: Final = "\uff0c\uff1a\u3002"  # comma, colon and stop of Chinese text
_TIMES: Final = ("2026-01-31T12:00:00.123Z", "31/Jan/2026:12:00:00 +0000", "12:00:01", "I0131 12:00:00.123456")
_PODS: Final = ("api-7d9f8c6b5-x2xkq", "km-write-00001-deployment-6c9d", "db-0", "token-issuer-5f6d7c8b9-abcde")

# {name} is what it is called, {secret} itself; {time}, {pod} and {who} are what stands around.
_LINES: Final = (
    # log lines
    "{time} INFO {pod} connecting with {name}={secret} retries=3",
    'level=info ts={time} caller=main.go:42 msg="using {name}={secret}"',
    'level=warn pod={pod} {name}="{secret}" msg="login failed"',
    "{time} DEBUG [{pod}] request headers: Authorization: Bearer {secret}, Accept: */*",
    "{time} ERROR {pod} dial postgres://app:{secret}@db:5432/app: connection refused",
    '{time} {pod} {{"msg": "retry", "{name}": "{secret}", "attempt": 2}}',
    "{time} {pod} config: {{'{name}': '{secret}', 'port': 5432}}",
    "E0131 12:00:00.1 1 auth.go:12] rejected {name}: '{secret}' from 10.0.0.7",
    "java.sql.SQLException: Access denied (using {name}={secret})\n\tat com.example.Db.open(Db.java:42)",
    'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\nValueError: bad {name}: "{secret}"',
    '10.1.2.3 - - [{time}] "GET /hook?{name}={secret}&x=1 HTTP/1.1" 200 12',
    "upstream said 401 to {name}={secret}; see https://wiki.local/x",
    # commands
    "curl -sS -H 'Authorization: Bearer {secret}' https://api.local/v1/pods",
    'curl -H "X-Api-Key: {secret}" https://api.local/v1/pods | jq .',
    "run --{name} {secret} --verbose",
    "run --{name}={secret} -v && echo done",
    "export {name}={secret}; ./deploy.sh",
    "{name}='{secret}' ./deploy.sh {pod}",
    "kubectl create secret generic db --from-literal=admin={secret}",
    "git clone https://{who}:{secret}@gitea.local/team/app.git",
    # a chat
    "hey {who}, the password is {secret}, please do not share it",
    "my token is: {secret}",
    "@{who} the new password for {pod} is {secret}.",
    "{who}: try {name}={secret} and restart {pod}",
    "I changed the {name} to {secret} yesterday",
    "please log in with password {secret} and tell me what you see",
    "use the token {secret} until Friday",
    "use {secret} as the password",
    "here is the api key: {secret}",
    "the old secret was {secret} (rotated now)",
    "password {secret} does not work for {who} any more",
    "creds for staging: {who} / password: {secret}",
    "can you check whether `{name}: {secret}` is right?",
    # the same in Chinese
    "{who} 你好" + _FULL[0] + "密碼是 {secret}" + _FULL[0] + "請勿外傳",
    "新的密码" + _FULL[1] + "{secret}",
    "資料庫密碼為{secret}" + _FULL[0] + "請盡快更換" + _FULL[2],
    "数据库密码为 {secret} " + _FULL[2],
    "請用令牌 {secret} 登入 {pod}",
    "API 金鑰" + _FULL[1] + "{secret}" + _FULL[2] + "謝謝",
    "{pod} 的 token 是 {secret}" + _FULL[0] + "重啟後生效",
    "我把 {name} 改成 {secret} 了",
    "連線失敗" + _FULL[1] + "{name}={secret}" + _FULL[0] + "請檢查",
    "帳號 {who} 密碼 {secret} 登不進去",
)


def _line(template: str) -> Callable[[random.Random, str, str], str]:
    def made(rng: random.Random, name: str, secret: str) -> str:
        around = {"time": rng.choice(_TIMES), "pod": rng.choice(_PODS), "who": rng.choice(["bob", "alice", "mei"])}
        return template.format(name=name, secret=secret, **around)

    return made


PROSE: Final = tuple(map(_line, _LINES))
