"""Work in a fork: it has every import already, and whatever it does to the process ends with it."""

from __future__ import annotations

import os
import pickle
import resource
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

Answer = TypeVar("Answer")

_MEMORY: Final = 6 << 30  # bytes of address space: what appends for ever shall fail in its own process
_BROKEN: Final = 70


class Broken(Exception):
    """The run is worth nothing: not the tests have failed, but what runs them."""


@dataclass(frozen=True, slots=True)
class Fork(Generic[Answer]):
    """A process that works, and will say one thing."""

    pid: int
    pipe: int

    def answer(self) -> Answer | None:
        """What came of it; None when it took too long.

        Raises:
            Broken: it could not do its work; it has said why.
        """
        with os.fdopen(self.pipe, "rb") as pipe:
            said = pipe.read()
        _, status = os.waitpid(self.pid, 0)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == _BROKEN:
            raise Broken("what was tried in a process of its own could not be tried; it says why above")
        return pickle.loads(said) if status == 0 else None  # our own child wrote it


def fork(work: Callable[[], Answer], *, limit_s: int | None = None) -> Fork[Answer]:
    """Begin ``work`` in a fork.

    Args:
        work: what it returns must be picklable.
        limit_s: seconds of its CPU; a minute and ten times as many of the clock, for what waits for ever.
    """
    reading, writing = os.pipe()
    if pid := os.fork():
        os.close(writing)
        return Fork(pid, reading)
    status = _BROKEN
    try:
        os.close(reading)
        _bound(limit_s)
        _say(writing, work())
        status = 0
    except BaseException:  # noqa: BLE001 - nothing may return into the parent's code
        traceback.print_exc()
    finally:
        os._exit(status)


def _bound(limit_s: int | None) -> None:
    if limit_s is None:
        return
    resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(60 + 10 * limit_s)


def _say(pipe: int, answer: Any) -> None:
    with os.fdopen(pipe, "wb") as file:
        file.write(pickle.dumps(answer))
