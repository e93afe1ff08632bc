"""Each fault does what it says, seen from a raw socket."""

from __future__ import annotations

import errno
import socket
import threading
import time
from contextlib import contextmanager, suppress

import pytest

from tests.faults.proxy import (
    Bandwidth,
    Instead,
    Latency,
    Mute,
    Proxy,
    Refuse,
    Reset,
    Slice,
    SlowClose,
    Stall,
    Way,
    http,
    redis,
)

PATIENCE_S = 10.0
QUIET_S = 0.05
TEXT = b"what goes in must come out"


def serve(listening, heard, hung_up):
    """Say back what is said, on each connection."""

    def talk(line):
        with line, suppress(ConnectionError):
            while words := line.recv(65_536):
                heard.append(words)
                line.sendall(words)
        hung_up.set()

    while True:
        try:
            line, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=talk, args=(line,), daemon=True).start()


@pytest.fixture(params=["tcp", "unix"])
def place(request, tmp_path):
    """Where the server is, where the proxy is to be, what the server heard, and whether it was hung up on."""
    listening = socket.socket(socket.AF_INET if request.param == "tcp" else socket.AF_UNIX)
    listening.bind(("127.0.0.1", 0) if request.param == "tcp" else str(tmp_path / "server"))
    listening.listen()
    heard, hung_up = [], threading.Event()
    thread = threading.Thread(target=serve, args=(listening, heard, hung_up))
    thread.start()
    upstream = listening.getsockname() if request.param == "tcp" else tmp_path / "server"
    yield upstream, None if request.param == "tcp" else tmp_path / "proxy", heard, hung_up
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


@pytest.fixture
def proxy(place):
    with Proxy(place[0], address=place[1]) as made:
        yield made


@contextmanager
def connected(proxy):
    is_tcp = isinstance(proxy.address, tuple)
    with socket.socket(socket.AF_INET if is_tcp else socket.AF_UNIX) as line:
        line.settimeout(PATIENCE_S)
        line.connect(proxy.address if is_tcp else str(proxy.address))
        yield line


def received(line, size):
    words = b""
    while len(words) < size and (more := line.recv(size - len(words))):
        words += more
    return words


def is_quiet(line):
    line.settimeout(QUIET_S)
    try:
        return line.recv(1) == "never"
    except TimeoutError:
        return True
    finally:
        line.settimeout(PATIENCE_S)


def said(line, words=TEXT):
    line.sendall(words)
    return received(line, len(words))


def test_without_a_fault_everything_passes(proxy):
    with connected(proxy) as line, connected(proxy) as other:
        assert said(line) == TEXT
        assert said(other, TEXT * 50_000) == TEXT * 50_000


def test_latency_is_there_on_the_way_that_is_meant(proxy, place):
    with connected(proxy) as line:
        assert said(line) == TEXT
        proxy.fault = Latency(2 * QUIET_S, ways=[Way.DOWN])
        began = time.monotonic()
        assert said(line) == TEXT
        assert time.monotonic() - began >= 2 * QUIET_S
        assert proxy.fault.hits == 1


def test_a_stall_holds_everything_until_it_is_lifted(proxy, place):
    with connected(proxy) as before:
        assert said(before) == TEXT
        proxy.fault = fault = Stall()
        with connected(proxy) as meanwhile:
            before.sendall(TEXT)
            meanwhile.sendall(TEXT)
            assert is_quiet(before)
            assert is_quiet(meanwhile)
            assert place[2] == [TEXT]
            assert fault.hits == 3  # a connection, and two texts
            proxy.fault = None
            assert received(before, len(TEXT)) == received(meanwhile, len(TEXT)) == TEXT


def test_what_was_sent_into_a_stall_arrives_though_its_sender_is_gone(proxy, place):
    proxy.fault = Stall()
    with connected(proxy) as line:
        line.sendall(TEXT)
    assert is_quiet_for_the_server(place)
    proxy.fault = None
    assert place[3].wait(PATIENCE_S)
    assert place[2] == [TEXT]


def is_quiet_for_the_server(place):
    return not place[3].wait(QUIET_S) and place[2] == []


def test_a_reset_ends_lines_old_and_new_without_a_goodbye(proxy):
    with connected(proxy) as line:
        assert said(line) == TEXT
        proxy.fault = Reset()
        assert broke(line)
        with connected(proxy) as new:
            assert broke(new)
        assert proxy.fault.hits == 2
        proxy.fault = None
    with connected(proxy) as line:
        assert said(line) == TEXT


def broke(line):
    """Whether it ended without a goodbye; a unix socket knows none, it just ends."""
    try:
        return line.recv(1) == b"" and line.family == socket.AF_UNIX
    except ConnectionResetError:
        return True


def ended(line):
    """Whether it ended, one way or the other."""
    try:
        return line.recv(1) == b""
    except ConnectionResetError:
        return True


def test_refused_means_that_nobody_listens(proxy):
    with connected(proxy) as line:
        assert said(line) == TEXT
        proxy.fault = Refuse()
        assert broke(line)
    with pytest.raises(OSError) as refused, connected(proxy):
        pass
    assert refused.value.errno in (errno.ECONNREFUSED, errno.ENOENT)
    proxy.fault = None
    with connected(proxy) as line:
        assert said(line) == TEXT


def test_a_slice_arrives_in_small_pieces(proxy, place):
    proxy.fault = Slice(5, pause_s=0.01)
    with connected(proxy) as line:
        assert said(line) == TEXT
        assert len(place[2]) > 1
        assert b"".join(place[2]) == TEXT


def test_bandwidth_is_never_more_than_said(proxy):
    proxy.fault = Bandwidth(20_000)
    with connected(proxy) as line:
        began = time.monotonic()
        assert said(line, bytes(2_000)) == bytes(2_000)
        assert time.monotonic() - began >= 0.1


def test_a_slow_close_is_heard_late(proxy, place):
    with connected(proxy) as line:
        assert said(line) == TEXT
        proxy.fault = SlowClose(3 * QUIET_S)
    assert not place[3].wait(QUIET_S)
    assert place[3].wait(PATIENCE_S)
    assert proxy.fault.hits == 1


def test_nobody_behind_the_proxy_is_nobody_there(tmp_path):
    with Proxy(tmp_path / "nobody") as proxy, connected(proxy) as line:
        assert ended(line)


def command(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


class TestInstead:
    """The server says back what it hears, so whatever comes back was forwarded."""

    def test_of_redis_a_command_is_answered_with_an_error(self, place):
        with Proxy(place[0], redis.RedisDialect) as proxy, connected(proxy) as line:
            proxy.fault = redis.error("OOM")
            reading, writing = command(b"XLEN", b"km:dlq"), command(b"evalsha", b"\r\n*1")
            assert said(line, command(b"PING")) == command(b"PING")
            line.sendall(writing[:9])
            line.sendall(writing[9:])
            assert line.recv(100).startswith(b"-OOM command not allowed")
            assert reading not in place[2]

    @pytest.mark.parametrize("code", ["OOM", "READONLY", "MISCONF", "LOADING", "NOAUTH"])
    def test_of_redis_each_error_and_only_while_it_is_set(self, place, code):
        with Proxy(place[0], redis.RedisDialect) as proxy, connected(proxy) as line:
            proxy.fault = redis.error(code)
            line.sendall(command(b"SET", b"a", b"1"))
            assert line.recv(100).startswith(f"-{code} ".encode())
            proxy.fault = None
            assert said(line, command(b"SET", b"a", b"1")) == command(b"SET", b"a", b"1")

    def test_of_redis_a_state_that_it_is_not_in(self, place):
        with Proxy(place[0], redis.RedisDialect) as proxy, connected(proxy) as line:
            proxy.fault = redis.without_aof()
            line.sendall(command(b"INFO"))
            assert b"aof_enabled:0" in line.recv(1000)

    def test_of_redis_what_is_done_and_never_answered(self, place):
        with Proxy(place[0], redis.RedisDialect) as proxy, connected(proxy) as line, connected(proxy) as other:
            proxy.fault = Mute("^EVALSHA$")
            assert said(line, command(b"INFO")) == command(b"INFO")
            line.sendall(command(b"EVALSHA"))
            line.sendall(command(b"PING"))
            assert is_quiet(line)
            assert b"".join(place[2]) == command(b"INFO") + command(b"EVALSHA") + command(b"PING")
            assert said(other, command(b"INFO")) == command(b"INFO")

    def test_so_many_times(self, place):
        with Proxy(place[0], redis.RedisDialect) as proxy, connected(proxy) as line:
            proxy.fault = Instead(b"+no\r\n", of="PING", times=1)
            line.sendall(command(b"PING"))
            assert line.recv(100) == b"+no\r\n"
            assert said(line, command(b"PING")) == command(b"PING")
            assert proxy.fault.hits == 1

    def test_of_a_sink_a_request_gets_another_status(self, place):
        request = b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
        with Proxy(place[0], http.HttpDialect) as proxy, connected(proxy) as line:
            proxy.fault = http.status(400)
            line.sendall(request[:-1])
            assert is_quiet(line)
            line.sendall(request[-1:])
            assert line.recv(100).startswith(b"HTTP/1.1 400 Bad Request\r\n")
            assert place[2] == []
            proxy.fault = None
            assert said(line, request) == request
