"""Who is told: a sink, a Gitea and a chat, each behind a proxy; what they know in the end is what people see."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from functions.gitops_issue.drafts import Draft
from shared.local.simulators.gitea import GiteaSimulator
from shared.local.simulators.simulator import Simulator
from shared.local.simulators.telegram import Chat, TelegramSimulator
from tests.faults.collector import Collector
from tests.faults.proxy import Proxy
from tests.faults.proxy.http import HttpDialect

_REPEATED: Final = "This may be shown twice"
_CHAT: Final = -1


@dataclass(frozen=True, slots=True)
class Outside:
    """Everybody out there.

    Attributes:
        sink: where events go.
        gitea: where issues are opened.
        telegram: where people read.
        proxies: on the way to each, by the setting that says where it is.
    """

    sink: Collector
    gitea: GiteaSimulator
    telegram: TelegramSimulator
    proxies: Mapping[str, Proxy]

    @property
    def settings(self) -> dict[str, str]:
        """Where a function finds them."""
        return {name: f"http://127.0.0.1:{proxy.port}" for name, proxy in self.proxies.items()}

    def begin(self, neighbour: Draft | None, *, searchable: bool) -> None:
        """Begin anew.

        Args:
            neighbour: an issue that Gitea has.
            searchable: its search has been fed with that one; what comes later it will not know in time.
        """
        self.sink.forget()
        self.gitea.issues.clear()
        self.telegram.posted.clear()
        if neighbour is not None:
            self.gitea.add_issue(neighbour.title, neighbour.body)
        self.gitea.indexed = len(self.gitea.issues) if searchable else 0

    def seen(self, mark: str | None) -> Counter[str]:
        """Issues, messages and events by type; of those that have the mark, if it is said. A labelled repeat is none.

        Args:
            mark: what an event has somewhere.
        """
        seen = Counter(e["type"] for e in self.sink.seen.values() if mark is None or mark in json.dumps(e))
        seen["issues"] = len(self.gitea.issues)
        seen["messages"] = len(self.telegram.posted) - self.repeats
        return seen

    @property
    def repeats(self) -> int:
        """Messages that say that they may be shown twice, where one was shown before."""
        return sum(_REPEATED in posted.text for posted in list(self.telegram.posted)[1:])


@asynccontextmanager
async def outside(sink: Collector) -> AsyncIterator[Outside]:
    """All of them, serving."""
    gitea, telegram = GiteaSimulator(), TelegramSimulator("1:token")
    telegram.chats = {_CHAT: Chat()}
    async with AsyncExitStack() as stack:
        urls = {
            "EVENT_SINK": sink.url,
            "GITEA_API_URL": await stack.enter_async_context(_serving(gitea)),
            "TELEGRAM_API_URL": await stack.enter_async_context(_serving(telegram)),
        }
        proxies = {name: stack.enter_context(_proxy(url)) for name, url in urls.items()}
        yield Outside(sink, gitea, telegram, proxies)


@asynccontextmanager
async def _serving(simulator: Simulator) -> AsyncIterator[str]:
    """Its address; its server would like to have Ctrl-C for itself, and does not get it."""
    ours = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    async with simulator.serving() as url:
        for number, handler in ours.items():
            signal.signal(number, handler)
        yield url


def _proxy(url: str) -> Proxy:
    parts = urlsplit(url)
    return Proxy((str(parts.hostname), int(parts.port or 0)), HttpDialect)
