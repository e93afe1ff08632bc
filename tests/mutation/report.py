"""What people read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.mutation.accepted import Key
from tests.mutation.mutants import Mutant
from tests.mutation.trials import Fate

ENOUGH: Final = 85.0
"""Percent of a core's mutants that its tests must notice."""

HEADINGS: Final = f"{'core':<15} {'mutants':>7} {'killed':>7} {'accepted':>8} {'survived':>8} {'%':>6} {'seconds':>8}"
_PAGE: Final = """# Mutants, counted

What one run of `make mutants` printed, written by the run itself: `make mutants ARGS="--page docs/mutants.md"`. A
mutant is the code with one small change: `<` for `<=`, `and` for `or`, a number that is one more, a result that is
None. *killed* is how many of them made a test fail, *accepted* how many survived for a reason given in
`tests/mutation/accepted.toml`, *survived* how many nobody noticed. Only *killed* counts for the percentage; less than
{enough:.0f} in any core fails the command. A change that already keeps its module from being imported is not counted.

```
{printed}
```
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a core's mutants."""

    core: str
    fates: Mapping[Mutant, Fate]
    accepted: Mapping[Key, str]
    seconds: float

    @property
    def killed(self) -> list[Mutant]:
        """Those that made a test fail, or run for ever."""
        return [mutant for mutant, fate in self.fates.items() if fate in (Fate.KILLED, Fate.TIMEOUT)]

    @property
    def survivors(self) -> list[Mutant]:
        """Those that nobody noticed, and that have no reason to live."""
        return [mutant for mutant in self._alive if mutant.key not in self.accepted]

    @property
    def percent(self) -> float:
        """How many were killed, of those that could be."""
        return 100 * len(self.killed) / max(1, len(self.killed) + len(self._alive))

    @property
    def is_enough(self) -> bool:
        """Whether the tests hold this core."""
        return self.percent >= ENOUGH

    @property
    def _alive(self) -> list[Mutant]:
        return [mutant for mutant, fate in self.fates.items() if fate is Fate.SURVIVED]

    def line(self) -> str:
        """The figures, below :data:`HEADINGS`."""
        killed, alive, survived = len(self.killed), len(self._alive), len(self.survivors)
        return (
            f"{self.core:<15} {killed + alive:>7,} {killed:>7,} {alive - survived:>8,} {survived:>8,} "
            f"{self.percent:>6.1f} {self.seconds:>8.0f}"
        )


def survivors(results: Sequence[Result]) -> Iterator[str]:
    """Everything that nobody noticed, in the order of the source."""
    for result in results:
        yield from map(str, result.survivors)


def page(printed: Sequence[str]) -> str:
    """What one run printed, as a page for people."""
    return _PAGE.format(enough=ENOUGH, printed="\n".join(printed))
