"""The local broker: what a Knative cluster does between the functions, on a laptop, from the same manifests.

It runs as a process of its own::

    python -m shared.local.knative.broker --port 8080 --manifests functions --data .aftercare/broker.db \
        --subscriber km-write=http://127.0.0.1:9001 --subscriber backfill-reconcile=http://127.0.0.1:9002

An event posted to ``/`` or to ``/<namespace>/<broker>`` is answered 202 when it is on disk, and is then delivered at
least once to every trigger that matches, through any number of restarts. ``knativebrokerttl`` travels with it.
``POST /pingsources/<name>`` fires a schedule now; ``GET /stats`` and ``GET /events`` show what happened.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from shared.domain.errors import ConfigurationError, Malformed, TooLarge
from shared.local.knative import envelopes, manifests, pings
from shared.local.knative.deliveries import Deliveries
from shared.local.knative.exchange import Exchange
from shared.local.knative.posts import Posts

if TYPE_CHECKING:
    from starlette.requests import Request

    from shared.local.knative.envelopes import Envelope
    from shared.local.knative.manifests import Manifests, PingSource

_LOG: Final = logging.getLogger(__name__)
_LARGEST_BODY: Final = 4 * 1024 * 1024
_LARGEST_SCALE: Final = 100
_DRAIN_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the broker runs with.

    Attributes:
        manifests: what is deployed.
        subscribers: where each service listens: ``http://127.0.0.1:9001``.
        data: the SQLite file; made when it is not there.
        time_scale: what pauses before retries are multiplied by.
    """

    manifests: Manifests
    subscribers: dict[str, str]
    data: Path
    time_scale: float = 1.0


class Broker:
    """The HTTP side: every route of the process."""

    def __init__(self, deployed: Manifests, exchange: Exchange, deliveries: Deliveries) -> None:
        self._manifests = deployed
        self._exchange = exchange
        self._deliveries = deliveries

    async def ingress(self, request: Request) -> Response:
        """Take a CloudEvent in either mode."""
        broker = self._manifests.broker
        if request.path_params and request.path_params != {"namespace": broker.namespace, "broker": broker.name}:
            return PlainTextResponse(f"This broker is /{broker.namespace}/{broker.name}\n", 404)
        try:
            await self._exchange.accept(await _event(request))
        except TooLarge as error:
            return PlainTextResponse(f"{error}\n", 413)
        except Malformed as error:
            return PlainTextResponse(f"{error}\n", 400)
        except sqlite3.Error as error:
            _LOG.warning("The broker's file cannot be written (%s): free disk space, nothing is accepted", error)
            return PlainTextResponse("The broker's file cannot be written; send the event again later\n", 503)
        return Response(status_code=202)

    async def fire(self, request: Request) -> Response:
        """Fire a ping source now."""
        sources = {source.name: source for source in self._manifests.ping_sources}
        source = sources.get(request.path_params["name"])
        if source is None:
            return PlainTextResponse(f"There is no such ping source; there are: {', '.join(sources) or 'none'}\n", 404)
        return JSONResponse({"id": await self.ping(source)}, 202)

    async def ping(self, source: PingSource) -> str:
        """Send a source's event, as its schedule would; returns the event's id."""
        envelope = pings.ping(source, self._manifests.broker.namespace, datetime.now(UTC))
        await self._exchange.accept(envelope)
        return envelope.attributes["id"]

    async def stats(self, _: Request) -> Response:
        """What became of the events so far."""
        return JSONResponse(self._deliveries.stats(trigger.name for trigger in self._manifests.triggers))

    async def events(self, request: Request) -> Response:
        """The last events that came in; ``type``, ``subject``, ``after`` (a ``seq``) and ``limit`` choose."""
        asked = request.query_params
        try:
            after, limit = int(asked.get("after", "0")), int(asked.get("limit", "100"))
        except ValueError:
            return PlainTextResponse("after and limit must be whole numbers\n", 400)
        found = self._deliveries.events(type=asked.get("type"), subject=asked.get("subject"), after=after, limit=limit)
        return JSONResponse({"events": found})

    async def live(self, _: Request) -> Response:
        """The process answers."""
        return PlainTextResponse("ok\n")

    async def ready(self, _: Request) -> Response:
        """Every courier is at work."""
        return PlainTextResponse("ok\n") if self._exchange.is_running else PlainTextResponse("not delivering\n", 503)


async def _event(request: Request) -> Envelope:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise TooLarge(f"An event may have {_LARGEST_BODY} bytes at most")
    envelope = envelopes.read(request.headers, bytes(body))
    if envelope is None:
        raise Malformed("this is no CloudEvent: send ce- headers or application/cloudevents+json")
    return envelope


def create_app(settings: Settings) -> Starlette:
    """The broker as an ASGI application; it delivers between startup and shutdown.

    Raises:
        ConfigurationError: a trigger delivers to a service without an address, or the file cannot be used.
    """
    deliveries = Deliveries(settings.data)
    posts = Posts()
    exchange = Exchange(settings.manifests, settings.subscribers, deliveries, posts, settings.time_scale)
    broker = Broker(settings.manifests, exchange, deliveries)

    @contextlib.asynccontextmanager
    async def run(_: Starlette) -> AsyncIterator[None]:
        owed = await exchange.start()
        print(f"broker: {len(settings.manifests.triggers)} triggers, {owed} deliveries owed", flush=True)
        clock = asyncio.create_task(pings.keep_time(settings.manifests.ping_sources, broker.ping))
        yield
        clock.cancel()
        await exchange.stop(_DRAIN_S)
        posts.close()
        await deliveries.close()

    routes = [
        Route("/", broker.ingress, methods=["POST"]),
        Route("/stats", broker.stats),
        Route("/events", broker.events),
        Route("/livez", broker.live),
        Route("/readyz", broker.ready),
        Route("/pingsources/{name}", broker.fire, methods=["POST"]),
        Route("/{namespace}/{broker}", broker.ingress, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=run)


def main(arguments: list[str] | None = None) -> int:
    """Run the broker until SIGTERM or SIGINT; returns the exit status."""
    options = _parse(arguments)
    try:
        app = create_app(
            Settings(
                manifests=manifests.load(options.manifests),
                subscribers=dict(options.subscriber),
                data=options.data,
                time_scale=options.time_scale,
            )
        )
    except ConfigurationError as error:
        print(f"broker: {error}", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.WARNING, format="broker: %(message)s")
    for stop in (signal.SIGINT, signal.SIGTERM):
        # uvicorn raises the signal again when it is done; being stopped is no failure.
        signal.signal(stop, lambda *_: sys.exit(0))
    config = uvicorn.Config(app, options.host, options.port, access_log=False, log_level="warning", ws="none")
    uvicorn.Server(config).run()
    return 0


def _parse(arguments: list[str] | None) -> Any:
    parser = argparse.ArgumentParser(
        prog="python -m shared.local.knative.broker", description="The local CloudEvents broker."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--manifests", type=Path, default=Path("functions"), help="where the Knative manifests are")
    parser.add_argument("--data", type=Path, default=Path(".aftercare/broker.db"), help="the broker's own SQLite file")
    parser.add_argument("--time-scale", type=_scale, default=1.0, help="multiplies the pauses before retries")
    parser.add_argument(
        "--subscriber",
        type=_subscriber,
        action="append",
        default=[],
        metavar="SERVICE=URL",
        help="where a service listens; once for each service that something is delivered to",
    )
    return parser.parse_args(arguments)


def _scale(option: str) -> float:
    try:
        scale = float(option)
    except ValueError:
        scale = -1.0
    if not 0 <= scale <= _LARGEST_SCALE:
        raise argparse.ArgumentTypeError(f"{option!r} is not a number from 0 to {_LARGEST_SCALE}")
    return scale


def _subscriber(option: str) -> tuple[str, str]:
    service, _, url = option.partition("=")
    if not service or not url.startswith("http://"):
        raise argparse.ArgumentTypeError(f"{option!r} is not SERVICE=URL, such as km-write=http://127.0.0.1:9001")
    return service, url.rstrip("/")


if __name__ == "__main__":
    sys.exit(main())
