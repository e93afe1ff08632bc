"""One contract, two sinks: in memory, and over HTTP to a real server."""

from __future__ import annotations

import json
import threading
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from shared.adapters.http import HttpClient, HttpSink
from shared.domain.errors import UpstreamRejected, UpstreamUnavailable
from shared.domain.events import Event, from_structured
from shared.testing.events import write_requested
from shared.testing.sinks import MemorySink

EVENT = write_requested(text="Ünïcödé 修復 🛠")


class Receiver(ThreadingHTTPServer):
    """Takes events, and answers what it is told to."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Receiving)
        self.status = 202
        self.headers = {}
        self.requests = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/"


class _Receiving(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.requests.append((self.path, self.headers, body))
        if self.server.status is None:
            self.connection.close()
            return
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def receiving():
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@dataclass(frozen=True)
class Place:
    """The port, how to make it fail, and what has arrived."""

    sink: Any
    answer: Any
    arrived: Any


@asynccontextmanager
async def in_memory():
    sink = MemorySink()

    def answer(status):
        sink.failures.clear()
        if status >= 300:
            transient = status >= 500
            sink.failures.append((UpstreamUnavailable if transient else UpstreamRejected)(f"answered {status}"))

    yield Place(sink, answer, lambda: sink.sent)


@asynccontextmanager
async def over_http():
    with receiving() as server:
        async with HttpClient() as http:

            def answer(status):
                server.status = status

            def arrived() -> list[Event]:
                return [from_structured(json.loads(body)) for _, _, body in server.requests]

            yield Place(HttpSink(http, server.url), answer, arrived)


@pytest.fixture(params=[in_memory, over_http], ids=["memory", "http"])
async def place(request):
    async with request.param() as made:
        yield made


async def test_an_event_arrives_whole_and_in_order(place):
    second = write_requested(id="second")
    await place.sink.send(EVENT)
    await place.sink.send(second)

    assert place.arrived() == [EVENT, second]


async def test_a_sink_that_is_out_may_be_asked_again(place):
    place.answer(503)
    with pytest.raises(UpstreamUnavailable):
        await place.sink.send(EVENT)

    place.answer(202)
    await place.sink.send(EVENT)
    assert place.arrived()[-1] == EVENT


async def test_a_refusal_is_for_good(place):
    place.answer(400)

    with pytest.raises(UpstreamRejected):
        await place.sink.send(EVENT)


class TestOverHttp:
    """What only HTTP can do to us."""

    async def test_a_broker_is_shown_who_we_are_as_the_file_says_at_that_time(self, server, tmp_path):
        identity = tmp_path / "token"
        async with HttpClient() as http:
            sink = HttpSink(http, server.url, identity=identity)
            for said in (None, "first\n", "second\n"):
                if said is not None:
                    identity.write_text(said)
                await sink.send(EVENT)

        shown = [headers.get("authorization") for _, headers, _ in server.requests]
        assert shown == [None, "Bearer first", "Bearer second"]

    async def test_a_destination_and_the_token_for_it(self, server):
        async with HttpClient() as http:
            sink = HttpSink(http, routes={EVENT.type: [f"{server.url}async-function/km-write"]}, token="t0ken")
            await sink.send(EVENT, f"{server.url}async-function/km-write")
        ((path, headers, _),) = server.requests

        assert path == "/async-function/km-write"
        assert headers["authorization"] == "Bearer t0ken"

    @pytest.fixture
    def server(self):
        with receiving() as made:
            yield made

    @pytest.fixture
    async def http(self):
        async with HttpClient() as made:
            yield made

    @pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
    async def test_taken(self, http, server, status):
        server.status = status
        await HttpSink(http, server.url).send(EVENT)

    @pytest.mark.parametrize("status", [404, 408, 409, 429, 500, 502, 503, 504, 599])
    async def test_not_now(self, http, server, status):
        server.status = status
        with pytest.raises(UpstreamUnavailable):
            await HttpSink(http, server.url).send(EVENT)

    @pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 400, 401, 403, 405, 410, 413, 415, 422])
    async def test_never(self, http, server, status):
        server.status = status
        with pytest.raises(UpstreamRejected):
            await HttpSink(http, server.url).send(EVENT)

    async def test_an_answer_cannot_choose_another_address(self, http, server):
        with receiving() as elsewhere:
            server.status, server.headers = 307, {"location": elsewhere.url}
            with pytest.raises(UpstreamRejected):
                await HttpSink(http, server.url).send(EVENT)

            assert elsewhere.requests == []

    async def test_a_proxy_of_the_environment_is_not_used(self, server, monkeypatch):
        with receiving() as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            monkeypatch.setenv("ALL_PROXY", proxy.url)
            async with HttpClient() as http:
                await HttpSink(http, server.url).send(EVENT)

            assert proxy.requests == []

    async def test_it_is_sent_in_structured_mode_to_the_configured_path(self, http, server):
        await HttpSink(http, server.url + "aftercare/broker?x=1").send(EVENT)

        ((path, headers, _),) = server.requests
        assert path == "/aftercare/broker?x=1"
        assert {name.lower(): value for name, value in headers.items()}[
            "content-type"
        ] == "application/cloudevents+json"

    async def test_no_answer_and_nobody_there_are_not_now(self, http, server):
        server.status = None
        with pytest.raises(UpstreamUnavailable):
            await HttpSink(http, server.url).send(EVENT)
        with pytest.raises(UpstreamUnavailable):
            await HttpSink(http, "http://127.0.0.1:1/").send(EVENT)

    async def test_a_refusal_repeats_nothing_of_the_address(self, http):
        with pytest.raises(UpstreamUnavailable) as refused:
            await HttpSink(http, "http://user:hunter2-CANARY@127.0.0.1:1/").send(EVENT)

        assert "CANARY" not in str(refused.value)
