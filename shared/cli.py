"""The ``aftercare`` command: each function brings its own words to it.

A function adds commands by an entry point of the group ``aftercare.commands``; nothing here names a function.
Results go to standard output, messages to standard error; exit codes are 0, 1 (no) and 2 (could not).
"""

from __future__ import annotations

import sys
from importlib.metadata import entry_points

import typer

from shared.domain.errors import AftercareError


def _command() -> typer.Typer:
    root = typer.Typer(
        help="Aftercare: what happens after an automated fix.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for found in sorted(entry_points(group="aftercare.commands"), key=lambda entry: entry.name):
        root.add_typer(found.load(), name=found.name)
    return root


def app() -> None:
    """Run the command; what can go wrong on purpose is one sentence and exit code 2."""
    try:
        _command()()
    except AftercareError as error:
        sys.stderr.write(f"aftercare: {error}\n")
        sys.exit(2)
