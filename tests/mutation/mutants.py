"""A module with one change in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from inspect import CO_NEWLOCALS
from pathlib import Path
from types import CodeType
from typing import Final

from tests.mutation.operators import Site, sites

ROOT: Final = Path(__file__).parents[2]

Place = tuple[str, int]
"""Where a function begins: its file, and the line of its first decorator or its name."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change.

    Attributes:
        file: relative to the root of the repository.
        number: which of the file's changes.
        line: where it is; ``text`` is that line without its indentation.
        change: the expression or statement, and what stands there instead.
        place: the outermost function around it; None where an import runs it.
    """

    file: str
    number: int
    line: int
    text: str
    change: str
    place: Place | None

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is called in the table of accepted ones: lines move, code does not."""
        return self.file, self.text, self.change

    @property
    def module(self) -> str:
        """The dotted name of its file."""
        return self.file.removesuffix("/__init__.py").removesuffix(".py").replace("/", ".")

    def __str__(self) -> str:
        """Where and what, on two lines."""
        return f"{self.file}:{self.line}: {self.text}\n    {self.change}"


@dataclass(slots=True)
class Source:
    """A file that is to be changed, parsed once."""

    file: str
    tree: ast.Module = field(init=False)
    _sites: list[Site] = field(init=False)

    def __post_init__(self) -> None:
        """Parse it."""
        self.tree = ast.parse((ROOT / self.file).read_text(encoding="utf-8"))
        self._sites = list(sites(self.tree))

    def mutants(self) -> Iterator[Mutant]:
        """Every change of it."""
        lines = (ROOT / self.file).read_text(encoding="utf-8").splitlines()
        for number, site in enumerate(self._sites):
            line = site.node.lineno
            change = f"{ast.unparse(site.node)} -> {ast.unparse(site.instead)}"
            yield Mutant(self.file, number, line, lines[line - 1].strip(), change, self._place(site))

    def _place(self, site: Site) -> Place | None:
        if site.function is None:
            return None
        return self.file, min(node.lineno for node in (site.function, *site.function.decorator_list))

    def code(self, mutant: Mutant) -> CodeType:
        """The module, compiled with the change in it."""
        site = self._sites[mutant.number]
        site.put(site.instead)
        try:
            return compile(self.tree, str(ROOT / self.file), "exec", dont_inherit=True)
        finally:
            site.put(site.node)


def function_code(module: CodeType, place: Place) -> CodeType:
    """The code of one function, out of that of its module."""
    waiting = [module]
    for code in waiting:
        if code.co_firstlineno == place[1] and code.co_flags & CO_NEWLOCALS and code.co_name != "<lambda>":
            return code
        waiting += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    raise LookupError(place)
