"""A small real service, to be broken and restarted: what a fix is proved on.

Nothing about it is pretended. It serves HTTP from a process of its own. Once broken, it has leaked every connection of
its pool, so its work really fails: the health check answers 500 and the error ratio rises with each request. A restart
heals it, since a new process has a new pool; with ``--crash-after`` the process dies some seconds after its start, and
a restart is a bad fix::

    python -m shared.local.simulators.service --port 8081 [--break-file FILE] [--crash-after SECONDS]

``GET /`` does its work, ``GET /health`` tries it, ``GET /metrics`` exposes what came of it, and ``POST /break`` breaks
it; so does the file when it appears, and a start takes the file away.

It needs the standard library alone and imports nothing of ours, so it starts in the time of a bare Python.
"""

from __future__ import annotations

import argparse
import os
import threading
from collections import Counter, deque
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HOST = "127.0.0.1"
CONNECTIONS = 64
WINDOW = 20
CRASHED = 70
METRICS = """\
# HELP shop_requests_total Requests by what was answered.
# TYPE shop_requests_total counter
shop_requests_total{{code="200"}} {good}
shop_requests_total{{code="500"}} {bad}
# HELP shop_error_ratio The failed share of the last {window} requests; 0 while there were none.
# TYPE shop_error_ratio gauge
shop_error_ratio {ratio:g}
"""


class Shop:
    """What the service does: each request takes a connection to the warehouse, and gives it back.

    Args:
        break_file: breaks it when it appears.
    """

    def __init__(self, break_file: Path | None) -> None:
        self._free = threading.BoundedSemaphore(CONNECTIONS)
        self._break_file = break_file
        self._answers: Counter[HTTPStatus] = Counter()
        self._last: deque[HTTPStatus] = deque(maxlen=WINDOW)
        self._counting = threading.Lock()
        if break_file is not None:
            break_file.unlink(missing_ok=True)

    def leak(self) -> None:
        """Take every connection and give none back."""
        while self._free.acquire(blocking=False):
            pass

    def work(self) -> tuple[HTTPStatus, str]:
        """Take a connection, ask the warehouse, give it back."""
        if self._break_file is not None and self._break_file.exists():
            self.leak()
        if self._free.acquire(blocking=False):
            self._free.release()
            answer = HTTPStatus.OK, "7 pieces in stock\n"
        else:
            answer = HTTPStatus.INTERNAL_SERVER_ERROR, "no free connection to the warehouse\n"
        with self._counting:
            self._answers[answer[0]] += 1
            self._last.append(answer[0])
        return answer

    def metrics(self) -> str:
        """What came of the work so far."""
        with self._counting:
            failed = self._last.count(HTTPStatus.INTERNAL_SERVER_ERROR)
            return METRICS.format(
                good=self._answers[HTTPStatus.OK],
                bad=self._answers[HTTPStatus.INTERNAL_SERVER_ERROR],
                window=WINDOW,
                ratio=failed / len(self._last) if self._last else 0,
            )


class Server(ThreadingHTTPServer):
    """The service on its port; each request in a thread of its own."""

    daemon_threads = True

    def __init__(self, port: int, shop: Shop) -> None:
        super().__init__((HOST, port), Handler)
        self.shop = shop


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Work, the health check, or the metrics."""
        if self.path in ("/", "/health"):
            self._answer(*self.server.shop.work())
        elif self.path == "/metrics":
            self._answer(HTTPStatus.OK, self.server.shop.metrics(), "text/plain; version=0.0.4; charset=utf-8")
        else:
            self._answer(HTTPStatus.NOT_FOUND, "there is /, /health, /metrics and POST /break\n")

    def do_POST(self) -> None:
        """Break."""
        if self.path != "/break":
            self._answer(HTTPStatus.NOT_FOUND, "there is POST /break\n")
            return
        self.server.shop.leak()
        self._answer(HTTPStatus.OK, "broken\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Nothing: its metrics say enough."""

    def _answer(self, status: HTTPStatus, text: str, content_type: str = "text/plain; charset=utf-8") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve until told to end, or until it crashes."""
    parser = argparse.ArgumentParser(description="A small real service, to be broken and restarted.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--break-file", type=Path, help="breaks it when it appears; a start takes it away")
    parser.add_argument("--crash-after", type=float, metavar="SECONDS", help="die that long after each start")
    options = parser.parse_args()
    server = Server(options.port, Shop(options.break_file))
    if options.crash_after is not None:
        crash = threading.Timer(options.crash_after, os._exit, [CRASHED])
        crash.daemon = True
        crash.start()
    server.serve_forever()


if __name__ == "__main__":
    main()
