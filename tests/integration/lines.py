"""Broken lines to a database: black holes, refusals, and a wire that can be cut in the middle of an answer."""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, Self

_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER with a timeout of 0: close() sends RST
_PIECE: Final = 65_536


@contextmanager
def black_hole() -> Iterator[int]:
    """A port that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@contextmanager
def nobody() -> Iterator[int]:
    """A port that nobody listens on, and nobody else gets meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


class Wire:
    """A TCP port that leads to a unix socket.

    Attributes:
        cut_after: bytes of answers that still pass; None lets everything pass. With 0 left the line is reset.
        silent: answers are swallowed, and the line stays open.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ended, self._end = socket.socketpair()
        self._threads: list[threading.Thread] = []
        self.port: Final[int] = self._listener.getsockname()[1]
        self.cut_after: int | None = None
        self.silent = False

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._end.close()
        for thread in self._threads:
            thread.join()
        self._listener.close()
        self._ended.close()

    def _start(self, work: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=work, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while self._ended not in (ready := self._ready(self._listener)):
            assert ready
            client, _ = self._listener.accept()
            self._start(self._carry, client)

    def _carry(self, client: socket.socket) -> None:
        # One thread for both directions: a socket that another thread waits on is not reset when it is closed.
        with client, socket.socket(socket.AF_UNIX) as server, suppress(OSError):
            server.connect(self._target)
            while self._ended not in (ready := self._ready(client, server)):
                for end in ready:
                    piece = end.recv(_PIECE)
                    if not piece:
                        return
                    if end is client:
                        server.sendall(piece)
                    elif not self._answer(client, piece):
                        return

    def _answer(self, client: socket.socket, piece: bytes) -> bool:
        """Pass on what may pass; False when the line is cut."""
        if self.silent:
            return True
        cut = self.cut_after is not None and len(piece) > self.cut_after
        client.sendall(piece[: self.cut_after])
        if cut:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        return not cut

    def _ready(self, *ends: socket.socket) -> list[socket.socket]:
        return select.select([self._ended, *ends], [], [])[0]
