"""How commands print: results to standard output as a table or as JSON, messages to standard error.

In a pipe a table is as wide as it needs to be and has no colours; ``NO_COLOR`` takes them away in a terminal as well.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

_AS_WIDE_AS_NEEDED: Final = 1000


class Output(StrEnum):
    """How results are printed."""

    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="table, or json for scripts.")]


def print_json(value: Any) -> None:
    """A result for scripts."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def print_line(text: str) -> None:
    """A result of one line, there at once: whoever follows along is not behind."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> None:
    """A result for people. What is in it is shown as it is, never read as markup."""
    table = Table(*columns, box=None, pad_edge=False, header_style="bold", show_header=any(columns))
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    with Console(width=None if sys.stdout.isatty() else _AS_WIDE_AS_NEEDED, highlight=False) as console:
        console.print(table)


def say(text: str) -> None:
    """A message: read by people, never by the next program of a pipe."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
