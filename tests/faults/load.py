"""Clients that send until they are told to stop, and remember every answer.

A patient client sends again after a refusal or no answer at all, as a broker does; an impatient one gives up, and
its event may be there or not. How far a round has come is counted in answers, never in seconds, so that a slow machine
sees the same faults at the same places.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Final, Self

from shared.local.knative.posts import Answer, NoAnswer, Posts
from tests.faults.traffic import Post

if TYPE_CHECKING:
    from types import TracebackType

_BETWEEN_POSTS_S: Final = 0.04
_FIRST_PAUSE_S: Final = 0.02
_LONGEST_PAUSE_S: Final = 0.3
_TICK_S: Final = 0.002
_PATIENCE_S: Final = 30.0
_ACCEPTED: Final = range(200, 300)


class Stuck(Exception):
    """Something did not come to its end. The text says what."""


@dataclass(frozen=True, slots=True)
class Service:
    """Where a function listens, and what it asks of its callers besides a post's own headers."""

    url: str
    headers: Mapping[str, str]


@dataclass(slots=True)
class Delivery:
    """One try of a post.

    Attributes:
        began: monotonic seconds.
        ended: the same; 0 while it is under way.
        status: None while it is under way, and when nobody answered.
        reply: the JSON of the answer; None without one.
    """

    post: Post
    began: float
    ended: float = 0.0
    status: int | None = None
    reply: Any = None

    @property
    def accepted(self) -> bool:
        """Whether it was acknowledged: from here on it must not be lost."""
        return self.status in _ACCEPTED

    @property
    def deferred(self) -> bool:
        """Whether it was acknowledged as kept, to take effect later."""
        return self.status == 202

    @property
    def refused(self) -> bool:
        """Whether nothing was acknowledged, so that it should be sent again."""
        return self.status is None or self.status >= 500


class Load:
    """Clients at work; as a context manager it lets each finish what it has begun.

    Args:
        services: by function.
        posts: by function, what its clients send in turn.
        clients: by function, how many there are; those of one function do not wait for another.
        random: for the jitter of pauses.
    """

    def __init__(
        self,
        services: Mapping[str, Service],
        posts: Mapping[str, Iterable[Post]],
        clients: Mapping[str, int],
        random: Random,
    ) -> None:
        self.deliveries: Final[list[Delivery]] = []  # that have ended
        self.under_way: Final[list[Delivery]] = []
        self.began = 0.0
        self.ended = 0.0
        self.clients: Final = clients
        self._services = services
        self._posts = posts
        self._random = random
        self._http = Posts()
        self._clients: list[asyncio.Task[None]] = []
        self._stopping = False

    async def more(self, count: int, matches: Callable[[Delivery], bool]) -> None:
        """Wait for ``count`` more answers that match; a broken connection counts as one.

        Raises:
            Stuck: they did not come.
        """
        start = len(self.deliveries)

        def enough() -> bool:
            for client in self._clients:
                if client.done():
                    client.result()  # a bug of ours is not to be waited for
            return sum(map(matches, self.deliveries[start:])) >= count

        await until(enough, lambda: f"{count} more answers of a kind; there were {_told(self.deliveries[start:])}")

    async def finish(self) -> None:
        """Begin nothing new; wait until every patient client was acknowledged.

        Raises:
            Stuck: some never were.
        """
        self._stopping = True
        start = len(self.deliveries)
        await until(
            lambda: all(client.done() for client in self._clients),
            lambda: f"an acknowledgement for every client; there were {_told(self.deliveries[start:])}",
        )
        self.ended = time.monotonic()
        await asyncio.gather(*self._clients)

    async def __aenter__(self) -> Self:
        """Start the clients."""
        self.began = time.monotonic()
        for function, count in self.clients.items():
            posts = iter(self._posts[function])
            self._clients += [asyncio.create_task(self._send_on(posts)) for _ in range(count)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let them finish; end them when something went wrong."""
        try:
            if error is None and not self._stopping:
                await self.finish()
        finally:
            for client in self._clients:
                client.cancel()
            await asyncio.gather(*self._clients, return_exceptions=True)
            self._http.close()

    async def _send_on(self, posts: Iterator[Post]) -> None:
        while not self._stopping:
            await self._deliver(next(posts))
            await asyncio.sleep(self._random.uniform(0, _BETWEEN_POSTS_S))

    async def _deliver(self, post: Post) -> None:
        pause_s = _FIRST_PAUSE_S
        while (await self._attempt(post)).refused and post.patient:
            await asyncio.sleep(pause_s * self._random.uniform(0.5, 1.0))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _attempt(self, post: Post) -> Delivery:
        service = self._services[post.function]
        delivery = Delivery(post, began=time.monotonic())
        self.under_way.append(delivery)
        try:
            answer = await self._http.post(service.url + post.path, {**post.headers, **service.headers}, post.body)
            delivery.status, delivery.reply = answer.status, _json(answer)
        except NoAnswer:
            delivery.status = None
        finally:
            delivery.ended = time.monotonic()
            self.under_way.remove(delivery)
            self.deliveries.append(delivery)
        return delivery


async def until(happened: Callable[[], bool], what: Callable[[], str]) -> None:
    """Wait until it has happened.

    Raises:
        Stuck: it did not; the text says ``what`` was waited for.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while not happened():
        if time.monotonic() > deadline:
            raise Stuck(f"waited {_PATIENCE_S:.0f} s in vain for {what()}")
        await asyncio.sleep(_TICK_S)


def _told(deliveries: Sequence[Delivery]) -> str:
    answers = Counter(f"{delivery.post.function} {delivery.status or 'no answer'}" for delivery in deliveries)
    return ", ".join(f"{answer} x {count}" for answer, count in sorted(answers.items())) or "none at all"


def _json(answer: Answer) -> Any:
    return json.loads(answer.body) if "json" in answer.headers.get("content-type", "") else None
