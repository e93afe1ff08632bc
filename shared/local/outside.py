"""What is not ours and cannot run here: a forge, a chat, a Prometheus. Each is a simulator in a process of its own.

They speak the real protocols and refuse what the real ones refuse, so the functions are configured as in production,
with other addresses.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx

from shared.local.ports import free_port, listens
from shared.local.processes import Program

_OWNER, _REPOSITORY, _CHAT = "sre", "changes", "-1001"
_GRACE_S: Final = 5.0


class Outside:
    """The services around Aftercare.

    Args:
        folder: where their logs go.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._token = secrets.token_hex(20)
        self._bot = f"1:{secrets.token_urlsafe(24)}"
        self._ports = {name: free_port() for name in ("gitea", "telegram", "prometheus")}

    @property
    def names(self) -> Sequence[str]:
        """What is there."""
        return tuple(self._ports)

    def programs(self) -> list[Program]:
        """To be started."""
        arguments = {
            "gitea": [f"--repository={_OWNER}/{_REPOSITORY}", f"--token={self._token}"],
            "telegram": [f"--bot={self._bot}", f"--chat={_CHAT}"],
            "prometheus": [],
        }
        return [self._program(name, arguments[name]) for name in self._ports]

    def addresses(self, function: str) -> Mapping[str, str]:
        """What a function is told of them."""
        told = {
            "gitops-issue": {
                "GITEA_API_URL": self._url("gitea"),
                "GITEA_API_TOKEN": self._token,
                "GITEA_REPO_OWNER": _OWNER,
                "GITEA_REPO_NAME": _REPOSITORY,
            },
            "notify": {
                "TELEGRAM_API_URL": self._url("telegram"),
                "TELEGRAM_BOT_TOKEN": self._bot,
                "SRE_GROUP_CHAT_ID": _CHAT,
            },
            "governance-check": {"PROMETHEUS_URL": self._url("prometheus")},
        }
        return told.get(function, {})

    def issues(self, http: httpx.Client) -> list[dict[str, Any]]:
        """The open issues, as Gitea lists them."""
        url = f"{self._url('gitea')}/api/v1/repos/{_OWNER}/{_REPOSITORY}/issues"
        answer = http.get(url, headers={"authorization": f"token {self._token}"}, params={"state": "open"})
        found: list[dict[str, Any]] = answer.raise_for_status().json()
        return found

    def comment(self, http: httpx.Client, number: int, login: str, body: str) -> None:
        """Let somebody comment on an issue."""
        said = {"number": number, "login": login, "body": body}
        http.post(f"{self._url('gitea')}/_simulator/comments", json=said).raise_for_status()

    def messages(self, http: httpx.Client) -> list[str]:
        """What people read in the chat, oldest first."""
        answer = http.get(f"{self._url('telegram')}/_simulator/messages").raise_for_status()
        return [message["text"] for message in answer.json()]

    def scraped(self, http: httpx.Client, figures: Mapping[str, float]) -> None:
        """Let Prometheus have these figures, by metric, as if it had just scraped and recorded them."""
        samples = [{"metric": metric, "value": value} for metric, value in figures.items()]
        http.put(f"{self._url('prometheus')}/_simulator/samples", json=samples).raise_for_status()

    def _url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._ports[name]}"

    def _program(self, name: str, arguments: Sequence[str]) -> Program:
        argv = [sys.executable, "-m", f"shared.local.simulators.{name}", f"--port={self._ports[name]}", *arguments]
        log = self._folder / f"{name}.log"
        return Program(name=name, argv=argv, log=log, ready=lambda: listens(self._ports[name]), grace_s=_GRACE_S)
