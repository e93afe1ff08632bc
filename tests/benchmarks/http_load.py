"""A load generator that costs little, because it shares two processors with what it measures.

``python -m tests.benchmarks.http_load <port> <clients> <requests> <events in a request> <run>``: each client keeps one
connection and sends its next request when the last one is answered. All requests are bytes before the clock starts.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator

import uvloop

from tests.benchmarks import samples
from tests.benchmarks.results import Failed, Run

_OK = (b"HTTP/1.1 200", b"HTTP/1.1 204")
_LENGTH = b"content-length: "
_WARM_UP = 200


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, requests: Iterator[bytes], waits_s: list[float]) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._waits_s = waits_s
        self._answer = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # what a stream gets
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not _is_whole(self._answer):
            return
        self._waits_s.append(time.perf_counter() - self._sent_at)
        if not self._answer.startswith(_OK):
            self.done.set_exception(Failed(self._answer[:300].decode(errors="replace")))
            self._transport.close()
            return
        self._answer = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(Failed(f"the function closed the connection ({exc})"))

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self.done.set_result(None)
            self._transport.close()
        else:
            self._sent_at = time.perf_counter()
            self._transport.write(request)


def _is_whole(answer: bytes) -> bool:
    head = answer.find(b"\r\n\r\n")
    if head < 0:
        return False
    at = answer.find(_LENGTH, 0, head)
    length = 0 if at < 0 else int(answer[at + len(_LENGTH) : answer.index(b"\r", at)])
    return len(answer) >= head + 4 + length


async def load(port: int, clients: int, requests: list[bytes]) -> tuple[list[float], float]:
    """Send all requests; what each took and what all took together, in seconds."""
    waits_s: list[float] = []
    shared = iter(requests)
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    made = [await loop.create_connection(lambda: Client(shared, waits_s), "127.0.0.1", port) for _ in range(clients)]
    await asyncio.gather(*(client.done for _, client in made))
    return waits_s, time.perf_counter() - began


def _requests(run: str, count: int, size: int) -> list[bytes]:
    if size == 1:
        return [samples.post(run, number) for number in range(count)]
    return [samples.post_batch(run, number, size=size) for number in range(count)]


async def main(port: int, clients: int, requests: int, size: int, run: str) -> None:
    await load(port, clients, _requests(f"{run}w", max(clients, _WARM_UP // size), size))
    waits_s, seconds = await load(port, clients, _requests(run, requests, size))
    Run.of(waits_s, seconds, events_each=size).report()


if __name__ == "__main__":
    port, clients, requests, size = map(int, sys.argv[1:5])
    uvloop.run(main(port, clients, requests, size, sys.argv[5]))
