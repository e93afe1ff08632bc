"""Which tests call which functions, and how long they take: one run without any change."""

from __future__ import annotations

import sys
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import zip_longest
from types import FrameType
from typing import Final

import pytest

from tests.mutation.mutants import ROOT, Place


@dataclass(slots=True)
class Observed:
    """What the tests did.

    Attributes:
        seconds: of CPU that each takes, by its name.
        callers: the tests that call a function.
        failed: those that fail as it is.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    callers: dict[Place, set[str]] = field(default_factory=lambda: defaultdict(set))
    failed: list[str] = field(default_factory=list)


_called: Final[set[Place]] = set()  # one for all: a thread of an earlier test goes on to note its calls here


@contextmanager
def calls_noted(files: Collection[str]) -> Iterator[set[Place]]:
    """The functions of ``files`` that are called meanwhile, by any thread that was started since the first time."""
    known = {str(ROOT / file): file for file in files}
    _called.clear()

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code.co_filename in known:
            _called.add((known[frame.f_code.co_filename], frame.f_code.co_firstlineno))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield _called
    finally:
        note_nothing()


def note_nothing() -> None:
    """From here on nothing is noted, and nothing is slowed down."""
    sys.setprofile(None)
    threading.setprofile(None)


def observed(session: pytest.Session, files: Collection[str]) -> Observed:
    """Run everything once."""
    found = Observed()
    for item, after in zip_longest(session.items, session.items[1:]):
        began, failed = time.process_time(), session.testsfailed
        with calls_noted(files) as called:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        found.seconds[item.nodeid] = time.process_time() - began
        if session.testsfailed > failed:
            found.failed.append(item.nodeid)
        for place in frozenset(called):
            found.callers[place].add(item.nodeid)
    return found
