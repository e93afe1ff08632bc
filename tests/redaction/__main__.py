"""``make redaction``: ``python -m tests.redaction [--seed N] [--contexts N] [--lines N]``.

Prints the recall of each type of secret, how many harmless lines were changed, and examples of both. Exits 0 when the
figures hold, 1 when they do not.
"""

from __future__ import annotations

import argparse
import sys

from tests.redaction.benign import lines
from tests.redaction.corpus import cases
from tests.redaction.measuring import LEAST_FREE, LEAST_STRUCTURED, MOST_FALSE, changed, recall


def main() -> int:
    """Measure, print, and judge; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.redaction", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="other secrets and other lines")
    parser.add_argument("--contexts", type=int, default=200, help="places for each type of secret")
    parser.add_argument("--lines", type=int, default=10_000, help="lines that hold none")
    options = parser.parse_args()
    found = recall(cases(options.seed, options.contexts))
    wrong = changed(lines(options.seed, options.lines))
    print(*found.table(), sep="\n")
    print(f"\n{len(wrong)} of {options.lines} lines without a secret were changed")
    for case, output in found.examples[:10]:
        print(f"missed: {case.type} in {case.value!r}: {output!r}")
    for before, after in wrong[:10]:
        print(f"changed: {before!r}: {after!r}")
    holds = found.of(None, structured=True) >= LEAST_STRUCTURED and found.of(None, structured=False) >= LEAST_FREE
    return 0 if holds and len(wrong) <= MOST_FALSE * options.lines else 1


if __name__ == "__main__":
    sys.exit(main())
