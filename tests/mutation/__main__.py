"""``make mutants``: ``python -m tests.mutation [--only CORE] [--sample N] [--jobs N] [--page FILE]``.

Exits 0 when enough was noticed in every core, 1 when not or when the table of accepted mutants is out of date, 2 when
it could not begin.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

# Imported once, for every fork; pytest would load the plugins in each.
import _hypothesis_pytestplugin  # noqa: F401
import hypothesis
import pydantic  # noqa: F401
import pytest_asyncio.plugin  # noqa: F401

from tests.mutation.accepted import TABLE, accepted, outdated
from tests.mutation.cores import CORES, PLANTED, Core
from tests.mutation.mutants import Mutant, Source
from tests.mutation.processes import Broken, fork
from tests.mutation.report import HEADINGS, Result, page, survivors
from tests.mutation.trials import PROFILE, Fate, TestsFail, Trials

_SEED: Final = 1


def main() -> int:
    """Run what was asked for; the exit code."""
    options = _options()
    hypothesis.settings.register_profile(
        PROFILE,
        max_examples=10,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
    )
    table = accepted(TABLE.read_text(encoding="utf-8"))
    title = [] if options.sample is None else [f"A sample: at most {options.sample} mutants of each core."]
    print("\n".join([*title, HEADINGS]), flush=True)
    results = []
    try:
        for core in _chosen(options):
            results.append(_result(core, options, table))
            print(results[-1].line(), flush=True)
    except (TestsFail, Broken) as error:
        print(f"No mutants while tests fail: {error}", file=sys.stderr)
        return 2
    printed = [*title, HEADINGS, *(result.line() for result in results)]
    print("\n".join(["", *survivors(results)]))
    wrong = [line for result in results for line in _outdated(result, sampled=options.sample is not None)]
    print("\n".join(wrong))
    if options.page is not None:
        options.page.write_text(page(printed), encoding="utf-8")
    return 0 if not wrong and all(result.is_enough for result in results) else 1


def _chosen(options: argparse.Namespace) -> Sequence[Core]:
    return [core for core in (*CORES, PLANTED) if core.name in options.only] if options.only else CORES


def _result(core: Core, options: argparse.Namespace, table: dict[tuple[str, str, str], str]) -> Result:
    began = time.monotonic()
    sources = {file: Source(file) for file in core.files()}
    mutants = [mutant for source in sources.values() for mutant in source.mutants()]
    if options.sample is not None:
        mutants = random.Random(_SEED).sample(mutants, min(options.sample, len(mutants)))
    shares = [mutants[number :: options.jobs] for number in range(options.jobs)]
    works = [fork(partial(_tried, core, sources, share)) for share in shares]
    found: dict[Mutant, Fate] = {}
    for work in works:
        fates = work.answer()
        if not isinstance(fates, dict):
            raise TestsFail(fates)
        found |= fates
    return Result(core.name, {mutant: found[mutant] for mutant in mutants}, table, time.monotonic() - began)


def _tried(core: Core, sources: dict[str, Source], mutants: list[Mutant]) -> dict[Mutant, Fate] | str:
    try:
        return Trials(core.test_files(), sources).run(mutants)
    except TestsFail as error:
        return str(error)


def _outdated(result: Result, *, sampled: bool) -> list[str]:
    if sampled:
        return []
    return list(outdated(result.accepted, result.fates, {mutant.key for mutant in result.killed}))


def _options() -> argparse.Namespace:
    names = [core.name for core in (*CORES, PLANTED)]
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="Change the code; a test must fail.")
    parser.add_argument("--only", action="append", choices=names, help="one core; may be repeated")
    parser.add_argument("--sample", type=int, metavar="N", help="so many mutants of each core, always the same")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at a time")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the figures to a page")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
