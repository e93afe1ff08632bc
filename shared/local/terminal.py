"""What the laptop prints: one line per step, plain in a pipe, nothing that moves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Note:
    """What a step has to say for itself, filled in while it runs."""

    text: str = ""


@dataclass(slots=True)
class Narrator:
    """Numbers the steps and takes their time.

    Attributes:
        steps: how many steps of setting up there are in all, ``make`` having done the first.
    """

    steps: int
    _step: int = 1
    _chapter: int = 0
    began: float = field(default_factory=time.monotonic)

    @contextmanager
    def step(self, name: str) -> Iterator[Note]:
        """A step of setting up: ``[2/5] servers  ...   1.1 s``."""
        self._step += 1
        note, began = Note(), time.monotonic()
        yield note
        self._line(f"[{self._step}/{self.steps}] {name:<10}", note, began)

    @contextmanager
    def chapter(self, name: str) -> Iterator[Note]:
        """A chapter of the story: `` 1 ALERT    ...``."""
        self._chapter += 1
        note, began = Note(), time.monotonic()
        yield note
        self._line(f"{self._chapter:>2} {name:<12}", note, began)

    def say(self, text: str = "") -> None:
        """A line."""
        print(text, flush=True)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.began

    def _line(self, head: str, note: Note, began: float) -> None:
        first, *more = note.text.splitlines() or [""]
        self.say(f"{head} {first:<84} {time.monotonic() - began:5.1f} s")
        for line in more:
            self.say(f"{' ' * len(head)} {line}")
