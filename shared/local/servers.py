"""A real server of our own: started, killed, recovered and found again.

The family lock is the heart of it. The server and all its processes inherit one lock (:mod:`shared.local.locks`):
whoever gets it has proof that none of them is left, so a stale pid file is removed without guessing and ``kill9``
returns only when the last process is gone. Whoever does not get it finds a living server and uses that one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, NoReturn, Self

from shared.local.children import Account, Child, ProcessFailed
from shared.local.folders import remove
from shared.local.locks import held, take
from shared.local.process_table import children_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

_PAUSE_S: Final = 0.005
_GONE_S: Final = 15.0


class EmbeddedServer(ABC):
    """A server process that keeps everything below one folder.

    Args:
        folder: its data, socket, log and lock; made when it is missing.
    """

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    account: Account | None = None
    durable: bool = True  # whether what it acknowledged outlives `kill -9`

    def __init__(self, folder: Path) -> None:
        self.folder: Final = folder.absolute()
        self.log: Final = self.folder / "server.log"
        self._family: Final = self.folder / "family.lock"
        self._child: Child | None = None

    @property
    @abstractmethod
    def version(self) -> str:
        """The server's own version, such as 18.4; known without starting it."""

    @abstractmethod
    def prepare(self) -> None:
        """Make the data ready for a start. Called only while nobody else is at it."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """What to run."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves requests now."""

    @property
    def alive(self) -> bool:
        """Whether any process of it is left."""
        return held(self._family)

    @property
    def pid(self) -> int | None:
        """Its first process; None when none is left."""
        text = self._family.read_text() if self.alive else ""
        return int(text) if text else None

    def start(self, *, timeout_s: float = 30.0) -> Self:
        """Serve: start it, recover it after a crash, or find the one that runs already.

        Raises:
            ProcessFailed: it ended, or did not answer in time; with the end of its log.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + timeout_s
        started = self._spawn()
        while not self.answers():
            if not self.alive:
                if started:
                    self._fail("ended while starting")
                started = self._spawn()  # the one we found was on its way out
            if time.monotonic() >= deadline:
                self._fail("does not answer")
            time.sleep(_PAUSE_S)
        return self

    def stop(self, *, grace_s: float = 10.0) -> None:
        """Shut it down in order; SIGKILL when that takes longer than ``grace_s`` seconds."""
        pid = self.pid
        if pid is not None:
            _send(pid, self.stop_signal)
        if not self._gone(within_s=grace_s):
            self.kill9()
        self._reap()

    def kill9(self) -> None:
        """SIGKILL all its processes, as a power cut would, and wait until the last one is gone."""
        pid = self.pid
        if pid is not None:
            # Stopped first, so that it starts no more of them; spared, a busy backend of PostgreSQL lives for minutes.
            _send(pid, signal.SIGSTOP)
            for member in (pid, *children_of(pid)):
                _send(member, signal.SIGKILL)
        if not self._gone(within_s=_GONE_S):
            raise ProcessFailed(f"some process of {self.name} outlived its SIGKILL by {_GONE_S:.0f} s.")
        self._reap()

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def destroy(self) -> None:
        """Stop it and remove everything it kept."""
        self.stop()
        remove(self.folder)

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; the data stays."""
        self.stop()

    def _spawn(self) -> bool:
        family = take(self._family)
        if family is None:
            return False
        try:
            os.ftruncate(family, 0)  # from here on nobody must signal the pid of the one before
            self._reap()  # it may have ended by itself
            self.prepare()
            self._child = Child.spawn(
                self.command(),
                log=self.log,
                env={"PATH": os.defpath, "LC_ALL": "C"},
                cwd=Path("/"),
                stop_signal=self.stop_signal,
                account=self.account,
                inherit=[family],
            )
            os.pwrite(family, str(self._child.pid).encode(), 0)
        finally:
            os.close(family)
        return True

    def _gone(self, *, within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        while self.alive:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_PAUSE_S)
        return True

    def _reap(self) -> None:
        if self._child is not None:
            self._child.reap()
            self._child = None

    def _fail(self, how: str) -> NoReturn:
        said = "" if self._child is None else f"; {self.log} says:\n{self._child.last_words()}"
        if self._child is not None:
            self.kill9()
        raise ProcessFailed(f"{self.name} {how}{said}")


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it ended just now
        os.kill(pid, number)
