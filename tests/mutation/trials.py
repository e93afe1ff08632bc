"""Whether the tests of a core notice a change.

Starting pytest takes longer than most of these tests. So a change inside a function is tried in a fork of a process
that has collected them: the function gets its new code, and only the tests that call it run, up to the first that
fails. What an import runs (tables, defaults, functions that build them) is tried in a fork that has imported nothing
of ours yet, and there every test may run. Tests that noticed something in the same file come first, then the fastest.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import os
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from importlib.machinery import ModuleSpec, SourceFileLoader
from itertools import zip_longest
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Final

import pytest

from tests.mutation.mutants import ROOT, Mutant, Place, Source, function_code
from tests.mutation.observing import Observed, calls_noted, note_nothing, observed
from tests.mutation.processes import Broken, fork

PROFILE: Final = "mutants"
"""The Hypothesis profile: few draws, the same ones each time."""

_PLUGINS: Final = ("-p", "no:cacheprovider", "-p", "no:anyio", "-p", "no:xdist", "--capture=no", "-q", "--tb=no")
_OPTIONS: Final = ("-o", "addopts=--strict-markers", "-o", "timeout=0")
_IMPORTED_BEFORE: Final = ("-W", "ignore::pytest.PytestAssertRewriteWarning")


class Fate(Enum):
    """What became of a mutant."""

    KILLED = "killed"
    TIMEOUT = "timeout"
    SURVIVED = "survived"
    STILLBORN = "stillborn"  # its module cannot be imported: no test is needed to notice


class TestsFail(Exception):
    """They fail without any change; nothing can be learned from them."""


@dataclass(slots=True)
class Trials:
    """A core's tests, and what is known of them.

    Attributes:
        tests: files, absolute.
        sources: what is changed, by file.
    """

    tests: Sequence[str]
    sources: dict[str, Source]
    _noticed: Counter[tuple[str, str]] = field(default_factory=Counter)
    _seconds: dict[str, float] = field(default_factory=dict)

    def run(self, mutants: Sequence[Mutant]) -> dict[Mutant, Fate]:
        """Try each.

        Raises:
            TestsFail: they do so without any change.
        """
        found = fork(partial(self._session, partial(self._swapping, mutants))).answer()
        if not isinstance(found, tuple):
            raise TestsFail(found or f"pytest cannot collect {' '.join(self.tests)}")
        fates, self._noticed, self._seconds = found
        limit_s = 10 + int(2 * sum(self._seconds.values()))
        for mutant in mutants:
            if mutant not in fates:
                answer = fork(partial(self._imported, mutant), limit_s=limit_s).answer()
                fates[mutant] = self._fate(mutant, answer)
        return fates

    def _fate(self, mutant: Mutant, answer: Fate | str | None) -> Fate:
        """The meaning of what a fork said: a fate, the test that failed, or nothing."""
        if isinstance(answer, str):
            self._noticed[mutant.file, answer] += 1
            return Fate.KILLED
        return answer or Fate.TIMEOUT

    def _session(self, then: Callable[[set[Place], pytest.Session], Any]) -> Any:
        """What comes of ``then``; it runs where the calls of importing and collecting have been noted."""
        with calls_noted(self.sources) as called:
            loop = _Loop(partial(then, called))
            _pytest(self.tests, loop)
        return loop.answer

    def _swapping(self, mutants: Sequence[Mutant], called: set[Place], session: pytest.Session) -> Any:
        """Try what needs no import; the names of failing tests instead, if any fails without a change."""
        note_nothing()
        called_by_import = frozenset(called)
        known = fork(partial(observed, session, self.sources)).answer()
        if known is None or known.failed:
            return ", ".join(known.failed) if known else "the tests do not come to an end"
        self._seconds = known.seconds
        files = {str(ROOT / file): file for file in self.sources}
        functions = {
            (files[each.__code__.co_filename], each.__code__.co_firstlineno): each
            for each in gc.get_objects()
            if isinstance(each, FunctionType) and each.__code__.co_filename in files
        }
        fates = {}
        for mutant in mutants:
            function = functions.get(mutant.place)
            if function is None or mutant.place in called_by_import:
                continue
            code = function_code(self.sources[mutant.file].code(mutant), mutant.place)
            if code.co_freevars == function.__code__.co_freevars:
                fates[mutant] = self._swapped(mutant, partial(setattr, function, "__code__", code), session, known)
        return fates, self._noticed, known.seconds

    def _swapped(self, mutant: Mutant, swap: Callable[[], None], session: pytest.Session, known: Observed) -> Fate:
        names = known.callers.get(mutant.place, frozenset())
        items = self._best_first(mutant, [item for item in session.items if item.nodeid in names])

        def work() -> Fate | str:
            swap()
            return _first_failure(session, items) or Fate.SURVIVED

        limit_s = 5 + int(2 * sum(known.seconds[name] for name in names))
        return self._fate(mutant, fork(work, limit_s=limit_s).answer())

    def _imported(self, mutant: Mutant) -> Fate | str:
        code = self.sources[mutant.file].code(mutant)
        sys.meta_path.insert(0, _Finder(mutant.module, str(ROOT / mutant.file), code))
        try:
            with warnings.catch_warnings(action="ignore"):
                importlib.import_module(mutant.module)
        except Exception:  # noqa: BLE001 - whatever it is, importing it would not have worked
            return Fate.STILLBORN
        loop = _Loop(lambda session: _first_failure(session, self._best_first(mutant, session.items)) or Fate.SURVIVED)
        _pytest(self.tests, loop)
        return loop.answer or "collection"

    def _best_first(self, mutant: Mutant, items: Sequence[pytest.Item]) -> list[pytest.Item]:
        def key(item: pytest.Item) -> tuple[int, float]:
            return -self._noticed[mutant.file, item.nodeid], self._seconds.get(item.nodeid, 0.0)

        return sorted(items, key=key)


@dataclass(slots=True)
class _Loop:
    """What happens instead of the tests, once they are collected."""

    then: Callable[[pytest.Session], Any]
    answer: Any = None

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Stand in for pytest's own loop."""
        if not session.testsfailed:
            self.answer = self.then(session)
        return True


def _first_failure(session: pytest.Session, items: Sequence[pytest.Item]) -> str | None:
    """Run them up to the first that fails, and leave nothing open."""
    for item, after in zip_longest(items, items[1:]):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        if session.testsfailed:
            session.config.hook.pytest_sessionfinish(session=session, exitstatus=1)
            return item.nodeid
    return None


def _pytest(tests: Sequence[str], loop: _Loop) -> None:
    with Path(os.devnull).open("w", encoding="utf-8") as nothing:
        os.dup2(nothing.fileno(), 1)
    os.environ["HYPOTHESIS_PROFILE"] = PROFILE
    if pytest.main([*_PLUGINS, *_OPTIONS, *_IMPORTED_BEFORE, *tests], plugins=[loop]) == pytest.ExitCode.USAGE_ERROR:
        raise Broken("pytest does not start")


@dataclass(frozen=True, slots=True)
class _Finder:
    """Gives one module other code than its file has."""

    module: str
    file: str
    code: CodeType

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """As :class:`importlib.abc.MetaPathFinder` has it."""
        if name != self.module:
            return None
        loader = SourceFileLoader(name, self.file)
        loader.get_code = lambda _name: self.code
        return importlib.util.spec_from_file_location(name, self.file, loader=loader)
