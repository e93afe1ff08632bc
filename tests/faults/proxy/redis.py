"""Redis' protocol: each command is a unit that says its name. Source: Redis' documentation, "RESP protocol spec"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.faults.proxy.faults import Instead
from tests.faults.proxy.lines import Dialect, Unit, Way

_WRITES: Final = r"^(X|SET|DEL|HSET|INCRBY|EVAL)"
_SAID: Final = {
    "OOM": ("command not allowed when used memory > 'maxmemory'.", _WRITES),
    "READONLY": ("You can't write against a read only replica.", _WRITES),
    "MISCONF": ("Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.", _WRITES),
    "LOADING": ("Redis is loading the dataset in memory", "."),
    "NOAUTH": ("Authentication required.", "."),
}


class RedisDialect(Dialect):
    """Whole commands on their way up; answers pass as they come."""

    def __init__(self) -> None:
        self._buffer = b""

    def units(self, way: Way, data: bytes) -> Iterator[Unit]:
        """Each command, or whatever was read."""
        if way is Way.DOWN:
            yield Unit(way, data)
            return
        self._buffer += data
        while (size := _size(self._buffer)) is not None:
            command, self._buffer = self._buffer[:size], self._buffer[size:]
            yield Unit(way, command, command.split(b"\r\n", 3)[2].decode().upper())


def error(code: str) -> Instead:
    """Redis' answer in a bad state, to the commands that it answers so then."""
    text, commands = _SAID[code]
    return Instead(f"-{code} {text}\r\n".encode(), of=commands)


def without_aof() -> Instead:
    """A Redis that would forget."""
    state = b"# Persistence\r\nloading:0\r\naof_enabled:0\r\n"
    return Instead(b"$%d\r\n%s\r\n" % (len(state), state), of="^INFO$")


def writing_late() -> Instead:
    """A Redis that has answered more than it has written."""
    state = (
        b"# Persistence\r\naof_enabled:1\r\naof_rewrite_in_progress:0\r\naof_last_write_status:ok\r\n"
        b"aof_base_size:1\r\naof_buffer_length:512\r\n"
    )
    return Instead(b"$%d\r\n%s\r\n" % (len(state), state), of="^INFO$")


def _size(buffer: bytes) -> int | None:
    """Of the first command; None while it is not there whole."""
    head, found, _ = buffer.partition(b"\r\n")
    if not found:
        return None
    size = len(head) + 2
    for _ in range(int(head[1:])):
        end = buffer.find(b"\r\n", size)
        if end < 0:
            return None
        size = end + 2 + int(buffer[size + 1 : end]) + 2
    return size if len(buffer) >= size else None
