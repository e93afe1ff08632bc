"""``make bench``: every workload beside pgbench and the first design, in turns; medians, ratios and goals."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from shared.local import postgres_wheel
from tests.benchmarks import cold_start
from tests.benchmarks.contest import play
from tests.benchmarks.stage import Stage
from tests.benchmarks.table import block
from tests.benchmarks.workloads import FULL, QUICK, WORKLOADS, Effort

_PACKAGES = 15


def main() -> None:
    options = _options()
    effort = QUICK if options.quick else FULL
    # A setting of someone's shell must not keep the functions from their byte-code.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="aftercare-bench-") as folder, Stage(Path(folder)).running() as stage:
        print(
            f"PostgreSQL {postgres_wheel.version()} with fsync on, {os.cpu_count()} processors, "
            f"{effort.rounds} rounds in turns; medians, and ratios within a round."
        )
        for name in options.only or WORKLOADS:
            _show(name, stage, effort)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=list(WORKLOADS), help="a workload; may be repeated")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and shorter runs: a first impression")
    return parser.parse_args()


def _show(name: str, stage: Stage, effort: Effort) -> None:
    with WORKLOADS[name](stage, effort) as contests:
        for position, contest in enumerate(contests):
            print(block(contest, play(contest, reset=stage.reset, turn=f"{name}p{position}")), flush=True)
    if name == "W7":
        _show_imports(stage)


def _show_imports(stage: Stage) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = cold_start.imports("km_write", stage.settings, cold_start.hide(Path(folder)), most=_PACKAGES)
    print("\n  km-write imports, ms by package: " + ", ".join(f"{name} {cost:.0f}" for name, cost in found))


if __name__ == "__main__":
    main()
