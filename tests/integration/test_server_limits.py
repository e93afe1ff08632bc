"""What is refused before anybody is asked who sent it, over a bare socket, by the server that images start."""

from __future__ import annotations

import json
import socket
import time
from contextlib import suppress

import psutil
import pytest

from shared.runtime.protocol import HEAD_LIMIT
from tests.deployed import deployed

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"
HEAD = b"POST /alertmanager HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    settings = {"auth_mode": "bearer", "auth_token": "right", "database_url": NOWHERE}
    with deployed(tmp_path_factory.mktemp("limits"), "alert_bridge", **settings) as (started,):
        yield started


def connected(place):
    host, _, port = place.url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def said(place, *pieces):
    """The answer to bytes, as far as it comes before the server hangs up or waits."""
    with connected(place) as line:
        for piece in pieces:
            line.sendall(piece)
        return line.recv(65_536)


def status(answer):
    return int(answer.split()[1])


OVER = b"y" * (HEAD_LIMIT + 1)
TOO_LONG = {
    "a value without end": (HEAD + b"X-Long: ", OVER),
    "a name without end": (HEAD, OVER),
    "an address without end": (b"GET /", OVER),
    "many headers": (HEAD, b"X-A: b\r\n" * (HEAD_LIMIT // 8 + 1)),
    "a head that is complete": (HEAD + b"X-Long: " + OVER + b"\r\n\r\n",),
}


@pytest.mark.parametrize("pieces", TOO_LONG.values(), ids=TOO_LONG)
def test_a_head_over_the_limit_is_a_431_without_a_body(pieces, place):
    answer = said(place, *pieces)
    assert status(answer) == 431
    assert answer.endswith(b"connection: close\r\n\r\n")


@pytest.mark.parametrize("start", [b"1;", b"0\r\nX-Long: "], ids=["the name of a chunk", "trailers"])
def test_what_stands_around_a_body_has_the_same_limit(start, place):
    with connected(place) as line:
        line.sendall(HEAD + b"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
        assert status(line.recv(65_536)) == 100
        line.sendall(start + OVER)
        assert status(line.recv(65_536)) == 431


def test_a_head_under_the_limit_is_read(place):
    long = b"X-Long: " + b"y" * (HEAD_LIMIT - 200) + b"\r\n\r\n"
    assert status(said(place, b"GET /livez HTTP/1.1\r\nHost: x\r\n" + long)) == 200


def test_a_body_that_came_with_its_head_counts_for_itself(place):
    body = b"[" + b" " * (3 * HEAD_LIMIT)
    assert status(said(place, HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)) == 401


def test_many_requests_on_one_connection_are_not_one_head(place):
    with connected(place) as line:
        for _ in range(6):
            line.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: " + b"y" * (HEAD_LIMIT // 2) + b"\r\n\r\n")
            assert status(line.recv(65_536)) == 200


def test_a_chunked_body_over_the_limit_is_a_413(place):
    chunk = b"%x\r\n" % HEAD_LIMIT + b" " * HEAD_LIMIT + b"\r\n"
    assert status(said(place, CHUNKED, chunk * (MEGABYTE // HEAD_LIMIT + 1))) == 413


def test_what_is_no_http_is_a_400_without_a_body(place):
    answer = said(place, b"\x16\x03\x01 \x1b[31m\r\n\r\n")
    assert status(answer) == 400
    assert answer.endswith(b"connection: close\r\n\r\n")


def taken(line, most):
    """How many bytes the other side takes before it hangs up."""
    sent = 0
    with suppress(ConnectionError):
        while sent < most:
            sent += line.send(b"y" * HEAD_LIMIT)
    return sent


def test_a_head_without_end_costs_no_memory(place):
    (worker,) = psutil.Process(place.pid).children()
    before = worker.memory_info().rss
    with connected(place) as line:
        line.sendall(HEAD + b"X-Long: ")
        assert taken(line, 50 * MEGABYTE) < 50 * MEGABYTE
    assert worker.memory_info().rss - before < 8 * MEGABYTE


def test_each_refusal_is_a_line_of_json(place):
    said(place, b"no http\r\n\r\n")
    said(place, *TOO_LONG["a name without end"])
    lines = [json.loads(line) for line in place.log.read_text().splitlines()]
    told = {line["detail"] for line in lines if line["event"] == "server.message"}
    assert told >= {"Invalid HTTP request received.", "The head of a request is over the limit."}


IMPATIENT = """
import asyncio
from starlette.responses import Response
from shared.runtime.protocol import BoundedProtocol

BoundedProtocol.head_s = 0.5

async def handle(request):
    if request.url.path == "/slow":
        await asyncio.sleep(1.5)
    return Response(status_code=200)
"""
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LATE = "The head of a request was not complete within 0.5 s."


@pytest.fixture(scope="module")
def impatient(tmp_path_factory):
    """A function that waits for a head no longer than half a second, and reads no body."""
    folder = tmp_path_factory.mktemp("impatient")
    source = folder / "main.py"
    source.write_text(IMPATIENT)
    with deployed(folder, "impatient", function_source=str(source)) as (started,):
        yield started


def trickle(line, text, pause_s=0.02):
    """Send it byte by byte until the other side has had enough."""
    with suppress(ConnectionError):
        for byte in text:
            line.sendall(bytes([byte]))
            time.sleep(pause_s)
        pytest.fail("all of it was taken")


def rest(line):
    """What comes until the other side hangs up."""
    said = b""
    with suppress(ConnectionResetError):
        while piece := line.recv(65_536):
            said += piece
    return said


def warnings(place):
    lines = [json.loads(line) for line in place.log.read_text().splitlines()]
    return [line["detail"] for line in lines if line["level"] == "warning"]


class TestLateHeads:
    @pytest.mark.parametrize("before", [b"", GET], ids=["the first", "a later one"])
    @pytest.mark.parametrize(
        "start", [b"G", HEAD + b"X-Long: y", b"\r\n"], ids=["a byte", "most of it", "a blank line"]
    )
    def test_a_head_that_is_not_complete_in_time_is_a_503_without_a_body(self, impatient, before, start):
        told = warnings(impatient).count(LATE)
        with connected(impatient) as line:
            if before:
                line.sendall(before)
                assert status(line.recv(65_536)) == 200
            line.sendall(start)
            answer = rest(line)

        assert status(answer) == 503
        assert answer.endswith(b"connection: close\r\n\r\n")
        assert warnings(impatient).count(LATE) == told + 1

    def test_a_head_that_comes_byte_by_byte_has_no_more_time(self, impatient):
        with connected(impatient) as line:
            trickle(line, HEAD + b"X-Long: " + b"y" * 10_000)

    def test_who_says_nothing_hears_nothing(self, impatient):
        told = warnings(impatient)
        with connected(impatient) as line:
            assert rest(line) == b""
        assert warnings(impatient) == told

    def test_a_head_in_pieces_is_read(self, impatient):
        with connected(impatient) as line:
            for _ in range(3):
                for piece in (GET[:5], GET[5:20], GET[20:]):
                    line.sendall(piece)
                assert status(line.recv(65_536)) == 200

    def test_between_two_requests_a_line_may_be_idle_for_longer(self, impatient):
        with connected(impatient) as line:
            for _ in range(2):
                line.sendall(GET)
                assert status(line.recv(65_536)) == 200
                time.sleep(0.8)

    def test_a_body_that_goes_on_after_its_answer_has_no_more_time(self, impatient):
        with connected(impatient) as line:
            line.sendall(HEAD + b"Content-Length: 100000\r\n\r\n")
            assert status(line.recv(65_536)) == 200
            trickle(line, b" " * 10_000)

    def test_a_line_is_not_forgotten_when_its_body_was_late(self, impatient):
        with connected(impatient) as line:
            line.sendall(HEAD + b"Content-Length: 1\r\n\r\n")
            assert status(line.recv(65_536)) == 200
            line.sendall(b" ")
            assert rest(line) == b""

    def test_a_late_head_does_not_cut_short_the_answer_to_the_one_before(self, impatient):
        with connected(impatient) as line:
            line.sendall(GET.replace(b"/ ", b"/slow "))
            time.sleep(0.1)  # so that it comes as a piece of its own
            line.sendall(GET[:9])
            answer = rest(line)

        assert answer.count(b"HTTP/1.1") == 1
        assert status(answer) == 200
