"""Child processes that end when they are told to, and when we do.

Every child leads a session of its own: Ctrl-C in the terminal reaches us and nobody else, and a signal to its group
reaches the workers it started. A guard process ends what is left when this process dies without a goodbye
(:mod:`shared.local.tether`).
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from shared.domain.errors import AftercareError
from shared.local.process_table import group_lives

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TETHER: Final = (sys.executable, "-I", "-S", str(Path(__file__).with_name("tether.py")))
_PAUSE_S: Final = 0.01
_KILL_S: Final = 5.0  # the kernel needs milliseconds to end a killed process; this is for one stuck in the disk
_LOG_TAIL: Final = 12


class ProcessFailed(AftercareError):
    """A process did not do what it was started for. The text says which, and what its log says."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who a process runs as."""

    uid: int
    gid: int


class Guard:
    """The process that ends our children if we cannot. It is started with the first of them."""

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def line(self) -> int:
        """The descriptor that children write their line to."""
        with self._starting:
            if self._process is None or self._process.poll() is not None:
                self._process = subprocess.Popen(
                    [*_TETHER, "guard"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd="/",
                    start_new_session=True,
                )
                atexit.register(self._dismiss, self._process)
            return self._pipe(self._process)

    def forget(self, pid: int) -> None:
        """The child is gone; its number may soon be another's."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._pipe(self._process), f"-{pid}\n".encode())

    @staticmethod
    def _pipe(process: subprocess.Popen[bytes]) -> int:
        assert process.stdin is not None
        return process.stdin.fileno()

    @staticmethod
    def _dismiss(process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


# One per process by nature: this very process is what it watches.
_GUARD: Final = Guard()


class Child:
    """One process and everything it starts."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, stop_signal: signal.Signals) -> None:
        self._process = process
        self._log = log
        self._stop_signal = stop_signal
        self.pid: Final = process.pid

    @classmethod
    def spawn(
        cls,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        account: Account | None = None,
        inherit: Sequence[int] = (),
    ) -> Self:
        """Start a program; it is running, not ready, when this returns.

        Args:
            argv: the program and its arguments.
            log: takes what it prints, appended.
            env: its whole environment; None means ours.
            cwd: its folder; None means ours.
            stop_signal: what asks it to end.
            account: who it runs as; None means us.
            inherit: descriptors it keeps.
        """
        guard = _GUARD.line()
        who = account or Account(os.getuid(), os.getgid())
        tether = [*_TETHER, "exec", str(guard), str(int(stop_signal)), str(who.uid), str(who.gid), "--"]
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*tether, *argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if env is None else dict(env),
                cwd=cwd,
                pass_fds=(guard, *inherit),
                start_new_session=True,
            )
        child = cls(process, log, stop_signal)
        atexit.register(child.stop)  # for whoever forgets it; undone when it has ended
        return child

    def exit_code(self) -> int | None:
        """How it ended (minus the signal's number when one ended it); None while it runs."""
        return self._process.poll()

    def stop(self, grace_s: float = 10.0) -> int:
        """Ask it to end, insist after ``grace_s`` seconds, and leave nothing of it behind; its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(self._stop_signal)
            try:
                self._process.wait(grace_s)
            except subprocess.TimeoutExpired:
                self._signal_group(signal.SIGKILL)
        return self.reap()

    def kill9(self) -> int:
        """SIGKILL for it and everything it started, at once; its exit code."""
        self._signal_group(signal.SIGKILL)
        return self.reap()

    def reap(self) -> int:
        """Wait until it has ended and end what it left behind; its exit code."""
        code = self._process.wait(_KILL_S)
        deadline = time.monotonic() + _KILL_S
        while self._signal_group(signal.SIGKILL) and group_lives(self.pid) and time.monotonic() < deadline:
            time.sleep(_PAUSE_S)
        _GUARD.forget(self.pid)
        atexit.unregister(self.stop)
        return code

    def last_words(self) -> str:
        """The end of its log, for the message that says it failed."""
        lines = self._log.read_text(errors="replace").splitlines()[-_LOG_TAIL:]
        return "\n".join(f"  | {line}" for line in lines)

    def _signal_group(self, number: signal.Signals) -> bool:
        """False when nothing of the group is left, not even a zombie that its adopter has yet to reap."""
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):  # macOS says the latter for a group of zombies
            return False
        return True
