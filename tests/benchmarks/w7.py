"""W7: every function alone, with no more settings than it must have, from nothing to its first answered event."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks import cold_start
from tests.benchmarks.contest import Contest, Goal
from tests.benchmarks.results import Run
from tests.fuzz.doors import FUNCTIONS, Function

if TYPE_CHECKING:
    from tests.benchmarks.stage import Stage
    from tests.benchmarks.workloads import Effort

BARE: Final = "bare framework"
GOALS: Final = {"drift-check": 1.3}  # the others: 1.6


@contextmanager
def starting(stage: Stage, effort: Effort) -> Iterator[list[Contest]]:
    """W7: from nothing to the first answered event."""
    with tempfile.TemporaryDirectory() as folder:
        hidden = cold_start.hide(Path(folder))

        def start(function: Function) -> Callable[[str], Run]:
            settings = {**required(function, stage.settings), **function.settings}
            request = function.doors[0].good().raw
            return lambda _: cold_start.function(function.name, settings, hidden, request)

        ours = {name.replace("_", "-"): start(function) for name, function in FUNCTIONS.items()}
        yield [
            Contest(
                title="W7  cold start: from nothing to the first answered event (ours has committed something by then)",
                contestants={BARE: lambda _: cold_start.bare(hidden), **ours},
                rounds=effort.starts,
                figures=("p50_ms", "rss_mb"),
                goals=[
                    Goal(who=name, beside=BARE, figure="p50_ms", limit=GOALS.get(name, 1.6), at_least=False)
                    for name in ours
                ],
            )
        ]


def required(function: Function, settings: Mapping[str, str]) -> dict[str, str]:
    """Those of the settings that the function does not start without."""
    fields = import_module(f"functions.{function.name}.settings").Settings.model_fields
    wanted = {name.upper() for name, field in fields.items() if field.is_required()}
    return {name: value for name, value in settings.items() if name in wanted}
