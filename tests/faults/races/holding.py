"""Lines that are held: a process is known to be at a step because what it says next does not arrive.

A *turn* is a client that speaks after its server: one for each round trip, whatever is spoken. Everything a process
knows that its servers do not is in the turn that is held, so a process that is killed then is killed between two
round trips, and no other instant leaves its servers in another state.
"""

from __future__ import annotations

import threading
from typing import Final

from tests.faults.proxy import Fault, Unit, Way
from tests.faults.proxy.lines import Line

_CLAIM: Final = "INSERT INTO cron_slots"
_GRANTED: Final = b"INSERT 0 1\0"


class Tally:
    """Turns on any number of lines, which may be carried by several threads.

    Args:
        at: the first turn that is held; all that follow are held as well.
    """

    def __init__(self, at: int) -> None:
        self.at: Final = at
        self.turns = 0
        self._lock: Final = threading.Lock()

    @property
    def is_reached(self) -> bool:
        """Whether a turn is held."""
        return self.turns >= self.at

    def turn(self) -> bool:
        """Count one; whether it is held."""
        with self._lock:
            self.turns += 1
            return self.is_reached


class Hold(Fault):
    """From one turn on, nothing arrives.

    Attributes:
        drops: what is held never arrives; set before it is lifted, for a process that is no more.
    """

    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self.drops = False
        self.tally: Final = tally
        self._speaking: Final[set[Line]] = set()

    async def carry(self, unit: Unit, line: Line) -> None:
        """Pass a unit on, or hold it and all that comes after it."""
        if unit.way is Way.DOWN:
            self.heard(unit)
            self._speaking.discard(line)
        elif line not in self._speaking and self.counts():
            self._speaking.add(line)
            if self.tally.turn():
                self.hits += 1
                await self._until_lifted()
        if self.drops:
            line.reset()
        else:
            await line.send(unit.way, unit.data)

    def heard(self, unit: Unit) -> None:
        """The server said something."""

    def counts(self) -> bool:
        """Whether turns are counted by now."""
        return True


class CatchOwner(Hold):
    """Who is given a slot hears of it, and then nothing that it says arrives.

    Args:
        after: turns that still arrive.

    Attributes:
        owns: the slot was given to whoever is behind this proxy.
    """

    def __init__(self, *, after: int = 0) -> None:
        super().__init__(Tally(after + 1))
        self.owns = False

    def heard(self, unit: Unit) -> None:
        """Look for the answer to a claim."""
        self.owns = self.owns or (_CLAIM in unit.said and unit.data.endswith(_GRANTED))

    def counts(self) -> bool:
        """Only the owner's."""
        return self.owns
