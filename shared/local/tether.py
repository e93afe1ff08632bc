"""The two small programs that keep what we start from outliving us, even when we are killed with ``kill -9``.

``tether.py guard``
    reads ``+<pid> <signal>`` and ``-<pid>`` lines. Its input ends when every writer is gone, however they went; then it
    sends each process group still on its list its signal and, after a grace period, SIGKILL.
``tether.py exec <descriptor> <signal> <uid> <gid> -- <program> ...``
    writes its own line to the guard, gives up root's rights when asked to, and becomes the program. It holds the
    guard's input open until then, so there is no moment in which a child is alive and nobody would end it.

Not PR_SET_PDEATHSIG: that follows the thread that forked rather than the process, reaches the child but not its
children, and exists on Linux only. Run with ``python -I -S``, so it imports little and starts in 15 ms.
"""

from __future__ import annotations

import os
import signal
import sys
import time

GRACE_S = 5.0
PAUSE_S = 0.02


def guard() -> None:
    """Watch the input; end what is left when it ends."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    charges: dict[int, int] = {}
    for line in sys.stdin:
        pid, *number = line[1:].split()
        if line[0] == "+":
            charges[int(pid)] = int(number[0])
        else:
            charges.pop(int(pid), None)
    end(charges)


def end(charges: dict[int, int]) -> None:
    """Signal every group; SIGKILL what is still there after the grace period."""
    left = {group for group, number in charges.items() if sent(group, number)}
    deadline = time.monotonic() + GRACE_S
    while left and time.monotonic() < deadline:
        time.sleep(PAUSE_S)
        left = {group for group in left if sent(group, 0)}
    for group in left:
        sent(group, signal.SIGKILL)


def sent(group: int, number: int) -> bool:
    """Send a signal to a process group (0 only asks); False when there is no such group."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS says the latter for a group of zombies
        return False
    return True


def become(descriptor: int, number: int, uid: int, gid: int, program: list[str]) -> None:
    """Write our line to the guard and become the program."""
    os.set_inheritable(descriptor, False)
    os.write(descriptor, f"+{os.getpid()} {number}\n".encode())
    if uid != os.getuid():
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    try:
        os.execvp(program[0], program)  # noqa: S606 - the very purpose
    except OSError as error:
        sys.exit(f"{program[0]}: {error.strerror}")


if __name__ == "__main__":
    if sys.argv[1] == "guard":
        guard()
    else:
        numbers = [int(argument) for argument in sys.argv[2:6]]
        become(numbers[0], numbers[1], numbers[2], numbers[3], sys.argv[7:])
