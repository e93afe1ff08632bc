"""W8: drift-check with ever more settings, beside parsing the same file and beside importing the class.

``python -m tests.benchmarks.w8 <way> <settings> <times>`` is one contestant: an event is one setting, a wait is one
whole check.
"""

from __future__ import annotations

import ast
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Final

from functions.drift_check.core.acceptances import Acceptances
from functions.drift_check.core.checking import check
from functions.drift_check.core.comparing import Terms
from functions.drift_check.core.configmaps import ConfigMap
from functions.drift_check.manifests import select
from shared.domain.drift import DriftStatus
from tests.benchmarks.contest import Contest, Goal
from tests.benchmarks.results import Failed, Run, measured

if TYPE_CHECKING:
    from tests.benchmarks.stage import Stage
    from tests.benchmarks.workloads import Effort

SIZES: Final = (10, 100, 1000, 10_000)
PARSE, IMPORT, CHECK, WHOLE = "ast.parse", "import", "drift-check", "drift-check, with YAML"
# The adapters of pydantic that parse values cost a millisecond, however many settings there are.
_LARGE: Final = 1000
_HEAD: Final = """from typing import Annotated, Literal
from pydantic import BaseModel as BaseSettings, Field

class Settings(BaseSettings):
"""
# A declaration, and the text that a ConfigMap has for it.
_KINDS: Final = (
    ("int = {0}", "{0}"),
    ('str = Field("value-{0}", description="the {0}th")', "value-{0}"),
    ("bool = True", "true"),
    ("float = Field(default={0}.5, ge=0)", "{0}.5"),
    ("list[str] = Field(default_factory=list)", "[]"),
    ("int = 60 * {0}", None),
    ('Literal["a", "b"] = "a"', "a"),
    ('Annotated[tuple[int, ...], Field(description="a pair")] = ({0}, 1)', "[{0}, 1]"),
    ("str | None = None", None),
    ('dict[str, int] = {{"a": {0}}}', '{{"a": {0}}}'),
)


@contextmanager
def comparing(_stage: Stage, effort: Effort) -> Iterator[list[Contest]]:
    """The contests: one for each size, and one of the sizes with each other."""
    ways = (PARSE, IMPORT, CHECK, WHOLE)
    growth = {f"{way}, {size:,}": _by(way, size, effort) for way in (PARSE, CHECK) for size in (_LARGE, SIZES[-1])}
    *_, least, most = growth
    yield [
        *(
            Contest(
                title=f"W8  {size:,} settings compared (events are settings, waits are whole checks)",
                contestants={way: _by(way, size, effort) for way in ways},
                rounds=effort.rounds,
                beside=(PARSE, IMPORT),
                goals=_goals(size),
            )
            for size in SIZES
        ),
        Contest(
            title="W8  growth: a setting costs the same among ten thousand, as far as parsing it does",
            contestants=growth,
            rounds=effort.rounds,
            goals=(Goal(who=most, beside=least, limit=0.8),),
        ),
    ]


def _goals(size: int) -> tuple[Goal, ...]:
    beside_import = Goal(who=CHECK, beside=IMPORT, figure="p50_ms", limit=1, at_least=False)
    beside_parse = Goal(who=CHECK, beside=PARSE, figure="p50_ms", limit=2, at_least=False)
    return (beside_import, beside_parse) if size >= _LARGE else (beside_import,)


def _by(way: str, size: int, effort: Effort) -> Callable[[str], Run]:
    times = max(3, int(4000 * effort.share) // size)
    return lambda _: measured("w8", way, size, times)


def settings_file(size: int) -> tuple[str, Mapping[str, str]]:
    """A settings file, and the data of a ConfigMap that agrees with it."""
    lines, data = list[str](), dict[str, str]()
    for number in range(size):
        declared, configured = _KINDS[number % len(_KINDS)]
        lines.append(f"    x{number}: {declared.format(number)}\n")
        if configured is not None:
            data[f"X{number}"] = configured.format(number)
    return _HEAD + "".join(lines), data


def _compare(source: str, configmap: ConfigMap) -> None:
    terms = Terms(accepted=Acceptances([], date(2030, 1, 1)), salt=b"")
    found = check(source, configmap, terms, wanted=None, env_prefix=None).report
    if found.status is not DriftStatus.OK:
        raise Failed(f"of settings that agree the check says {found.counts}")


def _work(way: str, size: int) -> Callable[[], object]:
    source, data = settings_file(size)
    manifest = "kind: ConfigMap\nmetadata: {name: api}\ndata:\n" + "".join(f"  {k}: '{v}'\n" for k, v in data.items())
    configmap = ConfigMap(namespace="", name="api", data=data)
    return {
        PARSE: lambda: ast.parse(source),
        IMPORT: lambda: exec(compile(source, "settings", "exec", dont_inherit=True), {"__name__": "settings"}),
        CHECK: lambda: _compare(source, configmap),
        WHOLE: lambda: _compare(source, select(manifest)),
    }[way]


def main(way: str, size: int, times: int) -> None:
    work, waits_s = _work(way, size), list[float]()
    began = time.perf_counter()
    for _ in range(times):
        started = time.perf_counter()
        work()
        waits_s.append(time.perf_counter() - started)
    Run.of(waits_s, time.perf_counter() - began, events_each=size).report()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
