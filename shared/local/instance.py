"""The one run in a folder, so that a second ``make run`` finds the first instead of fighting it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from shared.local.children import ProcessFailed
from shared.local.locks import held, take

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


@dataclass(frozen=True, slots=True)
class Running:
    """A run that is alive.

    Attributes:
        pid: its process.
        url: where it serves; None while it is starting.
    """

    pid: int
    url: str | None


class Instance:
    """The claim to a run folder. The kernel drops it with the process, however that ends.

    Args:
        folder: the run folder, such as ``.aftercare``; made when it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder: Final = folder
        self._lock: Final = folder / "instance.lock"
        self._card: Final = folder / "instance.json"
        self._claim: int | None = None

    def running(self) -> Running | None:
        """Whoever has claimed the folder; None when nobody has."""
        if not held(self._lock):
            return None
        try:
            card = json.loads(self._card.read_text())
        except FileNotFoundError:  # it has claimed the folder this very moment
            return None
        return Running(card["pid"], card["url"])

    def claim(self) -> None:
        """Claim the folder for this process.

        Raises:
            ProcessFailed: another run has it, and the text says where it serves; or it cannot be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            claim = take(self._lock)
        except OSError as error:
            why = f"{self._folder} cannot be used ({error.strerror}); choose another folder with --folder"
            raise ProcessFailed(f"{why}.") from error
        if claim is None:
            other = self.running()
            place = "is starting" if other is None or other.url is None else f"serves at {other.url}"
            stop = "" if other is None else f"; to stop it: kill {other.pid}"
            raise ProcessFailed(f"A run in {self._folder} already {place}{stop}.")
        self._claim = claim
        self._write(None)

    def publish(self, url: str) -> None:
        """Say where this run serves."""
        self._write(url)

    def release(self) -> None:
        """Give the folder back."""
        if self._claim is not None:
            self._card.unlink(missing_ok=True)
            os.close(self._claim)
            self._claim = None

    def __enter__(self) -> Self:
        """Claim."""
        self.claim()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release."""
        self.release()

    def _write(self, url: str | None) -> None:
        # Renamed into place: a reader sees the old card or the new one, never half of it.
        draft = self._card.with_suffix(".draft")
        draft.write_text(json.dumps({"pid": os.getpid(), "url": url}))
        draft.replace(self._card)
