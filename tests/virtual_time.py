"""An event loop whose time jumps to the next timer when nothing else can happen: minutes of waiting take no time.

Unlike a clock that sleepers push forward, it keeps what is parallel parallel, and it moves the timeouts of asyncio as
well. It is for code without threads: time would not wait for them.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from datetime import datetime, timedelta

from shared.testing.clocks import NOON


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self._elapsed_s = 0.0
        super().__init__(_Selector(self))

    def time(self):
        return self._elapsed_s

    def advance(self, seconds):
        self._elapsed_s += seconds


class _Selector(selectors.DefaultSelector):
    def __init__(self, loop):
        super().__init__()
        self._loop = loop

    def select(self, timeout=None):
        if timeout is None:
            raise AssertionError("everything waits for something that never comes")
        found = super().select(0)
        if not found and timeout > 0:
            self._loop.advance(timeout)
        return found


class VirtualClock:
    """See :class:`shared.domain.ports.Clock`; for use inside a :class:`VirtualLoop`."""

    def __init__(self, now: datetime = NOON):
        self._began = now

    def now(self):
        return self._began + timedelta(seconds=self.monotonic())

    def monotonic(self):
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds):
        await asyncio.sleep(seconds)


def in_virtual_time(test):
    """Make a coroutine a test that runs in virtual time."""

    @functools.wraps(test)
    def run(*arguments, **fixtures):
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(test(*arguments, **fixtures))

    return run
