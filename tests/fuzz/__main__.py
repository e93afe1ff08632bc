"""``make fuzz``: ``python -m tests.fuzz [--seed N] [--count N] [--only FUNCTION] [--replay FILE]``.

Exits 0 when every function held, 1 when one did not: its first offending request is then kept in a file.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.benchmarks.stage import Stage
from tests.deployed import deployed
from tests.fuzz.attack import ask
from tests.fuzz.campaign import Figures, fuzz
from tests.fuzz.doors import FUNCTIONS, Function
from tests.fuzz.requests import TOKEN, Request

_LEAST: Final = 10_000


def main() -> int:
    """Run what was asked for; the exit code."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="aftercare-fuzz-") as temporary:
        folder = Path(temporary)
        with Stage(folder).running() as stage:
            settings = {**stage.settings, "AUTH_MODE": "bearer", "AUTH_TOKEN": TOKEN}
            if options.replay is not None:
                (function,) = _chosen(options)
                return asyncio.run(_replay(function, folder, settings, options.replay.read_bytes()))
            print(f"seed {options.seed}, {options.count} bad requests for each function")
            return asyncio.run(_all(stage, settings, options))


async def _all(stage: Stage, settings: Mapping[str, str], options: argparse.Namespace) -> int:
    table = []
    for function in _chosen(options):
        stage.reset()
        folder = stage.folder / function.name
        folder.mkdir()
        figures = await fuzz(function, folder, settings, seed=options.seed, count=options.count)
        print(figures.line(), flush=True)
        table.append(figures)
    print("\n".join(["", *Figures.table(table)]))
    broken = [figures for figures in table if figures.problems]
    for figures in broken:
        _explain(figures, options.seed)
    return 1 if broken else 0


def _explain(figures: Figures, seed: int) -> None:
    for problem, _ in figures.problems[:5]:
        print(f"{figures.function}: {problem}")
    request = next((request for _, request in figures.problems if request is not None), None)
    if request is None:
        print(f"Run it again: python -m tests.fuzz --only {figures.function} --seed {seed}")
        return
    file = Path(tempfile.gettempdir()) / f"fuzz-{figures.function}-{seed}.http"
    file.write_bytes(request.raw)
    print(f"The first of them is in {file}; send it again:")
    print(f"  python -m tests.fuzz --only {figures.function} --replay {file}")


async def _replay(function: Function, folder: Path, settings: Mapping[str, str], raw: bytes) -> int:
    """Send one request that was kept, and show what comes back and what is logged."""
    request = Request(raw=raw, expected=(), alone=True)
    with deployed(folder, function.name, **{**settings, **function.settings}) as (place,):
        try:
            answer = (await ask(place, request)).raw
        except TimeoutError:
            answer = b"It is not complete, and nothing was answered while the connection was open."
        print(answer.decode("utf-8", "backslashreplace") or "The connection was closed without an answer.")
        print(place.log.read_text())
    return 0


def _chosen(options: argparse.Namespace) -> list[Function]:
    return [FUNCTIONS[name] for name in options.only or FUNCTIONS]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**9), help="repeat a run")
    parser.add_argument("--count", type=int, default=_LEAST, help="bad requests for each function")
    parser.add_argument(
        "--only", action="append", choices=list(FUNCTIONS), metavar="FUNCTION", help="just this function"
    )
    parser.add_argument("--replay", type=Path, metavar="FILE", help="send a request that was kept; needs --only")
    options = parser.parse_args()
    if options.replay is not None and len(options.only or ()) != 1:
        parser.error("--replay needs one --only FUNCTION: the one that the request is for")
    return options


if __name__ == "__main__":
    sys.exit(main())
