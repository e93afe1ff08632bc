"""A Knative broker that remembers.

The broker of the laptop (:mod:`shared.local.knative`) is honest enough to stand here: filters, retries, pauses, replies
and dead letters follow Knative's sources, it has its own reader of CloudEvents, and it imports nothing of the
functions. So this adds only what an audit needs: every try with its answer, what the functions sent in, and which
answers said "done" in words that a broker cannot read, which Knative counts as a 502 and sends again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.local.knative import envelopes
from shared.local.knative.broker import Broker
from shared.local.knative.deliveries import Deliveries
from shared.local.knative.delivery_rules import Refused, judge
from shared.local.knative.exchange import Exchange
from shared.local.knative.manifests import Manifests
from tests.faults.doubles.serving import serving
from tests.faults.doubles.tries import RecordedPosts, Try

if TYPE_CHECKING:
    from types import TracebackType

# Each dead letter is a warning on a laptop; here they are counted.
logging.getLogger("shared.local.knative").addHandler(logging.NullHandler())

DEAD_LETTER: Final = "/dead-letter"

_ACCEPTED: Final = 202
_SUCCESS: Final = range(200, 300)
_DRAIN_S: Final = 5.0
_LOOK_S: Final = 0.01


class BrokerDouble:
    """A broker for the time of a round; as a context manager it delivers.

    Args:
        manifests: who wants what.
        urls: where each service listens.
        folder: for its file.
        port: where events are taken.
        time_scale: what pauses between tries are multiplied by.

    Attributes:
        announced: by id, every event that somebody posted here.
        fickle: ids that were posted again with other content.
    """

    def __init__(
        self, manifests: Manifests, urls: Mapping[str, str], folder: Path, *, port: int, time_scale: float
    ) -> None:
        self.announced: Final[dict[str, Any]] = {}
        self.fickle: Final[set[str]] = set()
        self._port: Final = port
        self._manifests: Final = manifests
        self._posts: Final = RecordedPosts()
        self._deliveries: Final = Deliveries(folder / f"broker-{time.monotonic_ns()}.db")
        self._exchange: Final = Exchange(manifests, urls, self._deliveries, self._posts, time_scale)
        self._broker: Final = Broker(manifests, self._exchange, self._deliveries)
        self._stack: Final = AsyncExitStack()

    @property
    def url(self) -> str:
        """Where events are posted."""
        return f"http://127.0.0.1:{self._port}/"

    @property
    def tries(self) -> list[Try]:
        """Deliveries that have ended, dead letters included."""
        return self._posts.tries

    @property
    def unreadable(self) -> list[Try]:
        """Successes that count as a 502, because their body is neither empty nor an event."""
        return [made for made in self.tries if _is_unreadable(made)]

    @property
    def stats(self) -> dict[str, Any]:
        """What became of the events so far."""
        return self._deliveries.stats(trigger.name for trigger in self._manifests.triggers)

    async def send(self, document: Mapping[str, Any]) -> None:
        """Take a structured event in, as a producer's; it is on disk when this returns."""
        body = json.dumps(document).encode()
        envelope = envelopes.read({"content-type": envelopes.STRUCTURED}, body)
        assert envelope is not None
        await self._exchange.accept(envelope)

    async def settled(self) -> None:
        """Wait until nothing is owed to anybody."""
        while self.stats["pending"]:  # noqa: ASYNC110 - it is a table that knows
            await asyncio.sleep(_LOOK_S)

    async def __aenter__(self) -> Self:
        """Begin to take events and to deliver them."""
        await self._exchange.start()
        app = Starlette(routes=[Route("/", self._take, methods=["POST"])])
        await self._stack.enter_async_context(serving(app, self._port))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; what is still owed is nobody's."""
        await self._exchange.stop(0.0 if error else _DRAIN_S)
        await self._stack.aclose()
        self._posts.close()
        await self._deliveries.close()

    async def _take(self, request: Request) -> Response:
        body = await request.body()
        answer = await self._broker.ingress(request)
        if answer.status_code == _ACCEPTED and (envelope := envelopes.read(request.headers, body)) is not None:
            event = envelopes.document(envelope)
            if self.announced.setdefault(event["id"], event) != event:
                self.fickle.add(event["id"])
        return answer


def between(manifests: Manifests, services: Collection[str]) -> Manifests:
    """What the manifests say of some services, and of nobody else."""
    return replace(
        manifests,
        services=tuple(service for service in manifests.services if service.name in services),
        triggers=tuple(trigger for trigger in manifests.triggers if trigger.subscriber.service in services),
        ping_sources=(),
    )


def _is_unreadable(made: Try) -> bool:
    """A dead letter sink may say what it likes."""
    answer = made.answer
    if answer is None or answer.status not in _SUCCESS or made.url.endswith(DEAD_LETTER):
        return False
    return isinstance(judge(answer.status, answer.headers, answer.body), Refused)
