"""PostgreSQL's protocol, version 3, as far as it takes to know which statement is asked and which one is answered.

Source: PostgreSQL's documentation, "Frontend/Backend Protocol", message formats. TLS is not looked into: the servers
of these tests decline it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from struct import pack, unpack_from
from typing import Final

from tests.faults.proxy.faults import Chosen
from tests.faults.proxy.lines import Dialect, Line, Unit, Way

LOGIN: Final = "login"
WRITES: Final = r"^\s*(INSERT|UPDATE|DELETE|WITH|COMMIT)\b"
"""Statements that may write; a ROLLBACK never fails."""

_ASKS_FOR_ENCRYPTION: Final = (80877103, 80877104)
_END: Final = ""  # of a round trip, among the statements that wait for an answer


class PostgresDialect(Dialect):
    """Each message is a unit; a bind or a query says its statement, and so does the message that completes it."""

    def __init__(self) -> None:
        self._buffers: Final = {way: bytearray() for way in Way}
        self._statements: Final[dict[bytes, str]] = {}
        self._bound = ""
        self._running: Final[deque[str]] = deque()
        self._logs_in = True
        self._single_bytes = 0

    def units(self, way: Way, data: bytes) -> Iterator[Unit]:
        """Whole messages."""
        self._buffers[way] += data
        while size := self._size(way):
            message = bytes(self._buffers[way][:size])
            del self._buffers[way][:size]
            yield Unit(way, message, self._asked(message) if way is Way.UP else self._answered(message))

    def _size(self, way: Way) -> int:
        """Of the first message; 0 while it is not there whole."""
        buffer = self._buffers[way]
        if way is Way.DOWN and self._single_bytes and buffer:
            return 1
        start = 0 if way is Way.UP and self._logs_in else 1
        if len(buffer) < start + 4:
            return 0
        size: int = start + unpack_from("!i", buffer, start)[0]
        return size if len(buffer) >= size else 0

    def _asked(self, message: bytes) -> str:
        if self._logs_in:
            return self._greeted(message)
        kind, body = message[:1], message[5:]
        if kind == b"P":
            name, text, _ = body.split(b"\0", 2)
            self._statements[name] = text.decode()
        elif kind == b"B":
            _, name, _ = body.split(b"\0", 2)
            self._bound = self._statements[name]
            return self._bound
        elif kind == b"E":
            self._running.append(self._bound)
        elif kind == b"S":
            self._running.append(_END)
        elif kind == b"Q":
            query = body.rstrip(b"\0").decode()
            self._running.extend((query, _END))
            return query
        return ""

    def _greeted(self, message: bytes) -> str:
        if unpack_from("!i", message, 4)[0] in _ASKS_FOR_ENCRYPTION:
            self._single_bytes += 1
            return ""
        self._logs_in = False
        return LOGIN

    def _answered(self, message: bytes) -> str:
        if self._single_bytes:
            self._single_bytes -= 1
            return ""
        kind = message[:1]
        if kind in (b"C", b"I") and self._running and self._running[0] != _END:
            return self._running.popleft()
        if kind == b"E":
            while self._running and self._running[0] != _END:
                self._running.popleft()
        elif kind == b"Z" and self._running:
            # A query of several statements is answered once for each; whatever is left of it ends here.
            while self._running.popleft() != _END:
                pass
        return ""


class Cut(Chosen):
    """The line breaks at a statement: before the server has it, or after it was carried out and before the answer.

    Args:
        statement: a pattern.
        after: once the server has carried it out.
        times: how often; None means each time.
    """

    def __init__(self, statement: str = r"^COMMIT\b", *, after: bool = False, times: int | None = None) -> None:
        super().__init__(statement, way=Way.DOWN if after else Way.UP, times=times)

    async def carry(self, unit: Unit, line: Line) -> None:
        """Break, or pass it on."""
        if self.chooses(unit):
            line.reset()
        else:
            await super().carry(unit, line)


class Sqlstate(Chosen):
    """The server gets a statement that raises this code in the place of the one that was meant for it.

    So the error is PostgreSQL's own, and its transaction is as broken as ever.
    """

    def __init__(self, code: str, *, at: str = WRITES, times: int | None = None) -> None:
        super().__init__(at, times=times)
        raises = f"DO $$ BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = '{code}'; END $$".encode()
        self._query: Final = _message(b"Q", raises + b"\0")
        self._round: Final = b"".join(
            (_message(b"P", b"\0" + raises + b"\0\0\0"), _message(b"B", bytes(8)), _message(b"E", bytes(5)))
        )

    async def carry(self, unit: Unit, line: Line) -> None:
        """Exchange it, or pass it on; the server skips what follows up to the end of the round trip."""
        if self.chooses(unit):
            await line.send(unit.way, self._query if unit.data[:1] == b"Q" else self._round)
        else:
            await super().carry(unit, line)


class NoLogin(Chosen):
    """The server is restarting, or full: lines that are open break, and new ones are turned away with this code."""

    def __init__(self, code: str) -> None:
        super().__init__(f"^{LOGIN}$")
        self._refusal: Final = _message(b"E", f"SFATAL\0VFATAL\0C{code}\0Mon purpose\0\0".encode())

    def strike(self, line: Line) -> None:
        """It was logged in before."""
        self.hits += 1
        line.reset()

    async def carry(self, unit: Unit, line: Line) -> None:
        """Turn it away, or pass it on."""
        if self.chooses(unit):
            await line.send(Way.DOWN, self._refusal)
            line.close()
        else:
            await super().carry(unit, line)


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + pack("!i", len(body) + 4) + body
