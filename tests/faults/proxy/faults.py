"""What can go wrong with a line, whatever is spoken on it; the names follow Toxiproxy's toxics."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import ClassVar, Final

from tests.faults.proxy.lines import Line, Unit, Way

BOTH: Final = (Way.UP, Way.DOWN)


class Fault:
    """Nothing goes wrong. Others say what differs.

    Attributes:
        listens: whether anybody takes new connections while this is set.
        hits: how often it struck: lines, units or refusals.
    """

    listens: ClassVar[bool] = True

    def __init__(self) -> None:
        self.hits = 0
        self._lifted: Final = asyncio.Event()

    def strike(self, line: Line) -> None:
        """It was set while this line was open."""

    def opened(self, line: Line) -> None:
        """This line was opened while it is set."""

    async def carry(self, unit: Unit, line: Line) -> None:
        """Pass a unit on, or not."""
        await line.send(unit.way, unit.data)

    async def hang_up(self, line: Line) -> None:
        """One side hung up; the other hears of it when this is done."""

    def lift(self) -> None:
        """It is over."""
        self._lifted.set()

    async def _until_lifted(self, most_s: float | None = None) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._lifted.wait(), most_s)


class Latency(Fault):
    """Each unit takes longer, one after the other."""

    def __init__(self, seconds: float, *, ways: Sequence[Way] = BOTH) -> None:
        super().__init__()
        self._seconds: Final = seconds
        self._ways: Final = ways

    async def carry(self, unit: Unit, line: Line) -> None:
        """Wait."""
        if unit.way in self._ways:
            self.hits += 1
            await self._until_lifted(self._seconds)
        await line.send(unit.way, unit.data)


class Stall(Fault):
    """A black hole: connections are taken, and nothing goes through. What was sent meanwhile arrives afterwards."""

    def opened(self, _line: Line) -> None:
        """It looks like any other connection."""
        self.hits += 1

    async def carry(self, unit: Unit, line: Line) -> None:
        """Hold it, and all that comes after it."""
        self.hits += 1
        await self._until_lifted()
        await line.send(unit.way, unit.data)

    async def hang_up(self, _line: Line) -> None:
        """Nobody hears of this either."""
        await self._until_lifted()


class Reset(Fault):
    """Every line ends with a RST, at once; so does every new one."""

    def strike(self, line: Line) -> None:
        """Cut it."""
        self.hits += 1
        line.reset()

    opened = strike


class Refuse(Reset):
    """Nobody listens any more, and the lines that are open break."""

    listens: ClassVar[bool] = False


class Slice(Fault):
    """What is sent arrives in small pieces."""

    def __init__(self, size: int, *, pause_s: float = 0.0) -> None:
        super().__init__()
        self._size: Final = size
        self._pause_s: Final = pause_s

    async def carry(self, unit: Unit, line: Line) -> None:
        """Piece by piece."""
        self.hits += 1
        for start in range(0, len(unit.data), self._size):
            await asyncio.sleep(self._pause_s)
            await line.send(unit.way, unit.data[start : start + self._size])


class Bandwidth(Slice):
    """So many bytes a second, each way of each line."""

    def __init__(self, bytes_per_s: float) -> None:
        size = max(1, int(bytes_per_s / 100))
        super().__init__(size, pause_s=size / bytes_per_s)


class SlowClose(Fault):
    """When one side hangs up, the other hears of it late."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds: Final = seconds

    async def hang_up(self, _line: Line) -> None:
        """Wait."""
        self.hits += 1
        await self._until_lifted(self._seconds)


class Chosen(Fault):
    """Strikes units that say something.

    Args:
        said: a pattern of what they say.
        times: how often it strikes; None means each time.
    """

    def __init__(self, said: str, *, way: Way = Way.UP, times: int | None = None) -> None:
        super().__init__()
        self._said: Final = re.compile(said, re.IGNORECASE)
        self._way: Final = way
        self._times: Final = times

    def chooses(self, unit: Unit) -> bool:
        """Whether this unit is struck; it counts then."""
        if unit.way is not self._way or not unit.said or not self._said.search(unit.said):
            return False
        if self._times is not None and self.hits >= self._times:
            return False
        self.hits += 1
        return True


class Instead(Chosen):
    """The proxy answers in the server's place; the server never hears the question."""

    def __init__(self, answer: bytes, *, of: str = ".", times: int | None = None) -> None:
        super().__init__(of, times=times)
        self._answer: Final = answer

    async def carry(self, unit: Unit, line: Line) -> None:
        """Answer, or pass it on."""
        if self.chooses(unit):
            await line.send(Way.DOWN, self._answer)
        else:
            await super().carry(unit, line)


class Mute(Chosen):
    """The server does what it is asked, and from then on nothing that it says on that line is heard."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self._muted: Final[set[Line]] = set()

    async def carry(self, unit: Unit, line: Line) -> None:
        """Pass it on; answers of such a line are lost."""
        if self.chooses(unit):
            self._muted.add(line)
        if unit.way is Way.UP or line not in self._muted:
            await super().carry(unit, line)
