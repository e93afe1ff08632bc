"""Mutants that may live, each with its reason: what they change makes no difference, or none that matters."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.mutation.mutants import Mutant

TABLE: Final = Path(__file__).with_name("accepted.toml")

Key = tuple[str, str, str]
"""File, line of code, change."""


def accepted(text: str) -> dict[Key, str]:
    """The table: ``[["file"]]``, each with ``line``, ``change`` and ``reason``."""
    return {
        (file, each["line"], each["change"]): each["reason"]
        for file, entries in tomllib.loads(text).items()
        for each in entries
    }


def outdated(table: Mapping[Key, str], mutants: Iterable[Mutant], killed: Collection[Key]) -> Iterator[str]:
    """What is wrong with the table, where it speaks of the files that were looked at."""
    mutants = list(mutants)
    files, keys = {mutant.file for mutant in mutants}, {mutant.key for mutant in mutants}
    for key in table:
        file, line, change = key
        if file in files and key not in keys:
            yield f"{file}: `{line}` with `{change}` is accepted, and no longer there; remove it from {TABLE.name}"
        elif key in killed:
            yield f"{file}: `{line}` with `{change}` is accepted, and a test notices it; remove it from {TABLE.name}"
