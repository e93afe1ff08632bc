"""What is found, as figures for each type of secret; and what is taken for one and is none."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from shared.domain.redaction import redact, redact_text
from tests.redaction.corpus import Case

LEAST_STRUCTURED: Final = 0.99
"""The share of secrets that is found where machines write for machines."""
LEAST_FREE: Final = 0.95
"""The same where something is written for people."""
MOST_FALSE: Final = 0.005
"""The share of harmless lines that may be changed."""

MASK: Final = re.compile(r"\[redacted:[a-z-]+(?:\.\.[A-Za-z0-9_-]{4})?\]")
_LONG: Final = 16


def survivors(secret: str, output: str) -> list[str]:
    """What is left of a secret: pieces of five characters, or of four where it has fewer than 16 in all.

    A tail inside a mask is what long ones may leave.
    """
    size = 5 if len(secret) >= _LONG else 4
    outside = MASK.sub("\0", output)
    found = [secret[at : at + size] for at in range(len(secret) - size + 1) if secret[at : at + size] in outside]
    if len(secret) < _LONG:
        found += [mask for mask in MASK.findall(output) if ".." in mask and mask[-5:-1] in secret]
    return found


@dataclass(slots=True)
class Recall:
    """Cases by type, and those that were missed; apart for structures and free text."""

    cases: Counter[tuple[str, bool]] = field(default_factory=Counter)
    missed: Counter[tuple[str, bool]] = field(default_factory=Counter)
    examples: list[tuple[Case, Any]] = field(default_factory=list)

    def of(self, type_: str | None, *, structured: bool) -> float:
        """The share that is found, of one type or of all."""
        wanted = [key for key in self.cases if key[1] is structured and type_ in {None, key[0]}]
        return 1 - sum(self.missed[key] for key in wanted) / sum(self.cases[key] for key in wanted)

    def table(self) -> Iterator[str]:
        """A line for each type of secret, and one for all."""
        yield f"{'type of secret':22}{'contexts':>9}{'structured':>12}{'free text':>11}"
        for type_ in dict.fromkeys(type_ for type_, _ in self.cases):
            count = self.cases[type_, True] + self.cases[type_, False]
            yield f"{type_:22}{count:9}{self.of(type_, structured=True):12.1%}{self.of(type_, structured=False):11.1%}"
        total = self.cases.total()
        yield f"{'all':22}{total:9}{self.of(None, structured=True):12.2%}{self.of(None, structured=False):11.2%}"


def recall(cases: Iterable[Case]) -> Recall:
    """Redact every case, and look for what is left of its secret."""
    seen = Recall()
    for case in cases:
        output = redact(case.value)
        key = case.type, case.structured
        seen.cases[key] += 1
        text = output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
        if survivors(case.secret, text.replace("\\n", "\n")):
            seen.missed[key] += 1
            seen.examples.append((case, output))
    return seen


def changed(lines: Iterable[str]) -> list[tuple[str, str]]:
    """The lines that redaction changes, with what it makes of them."""
    return [(line, output) for line in lines if (output := redact_text(line)) != line]
