"""The ``aftercare`` command, put together from what is installed.

Every word of it is an entry point of the group ``aftercare.commands``; nothing here names one. Only the word that is
asked for is loaded, so a hook that runs one command does not wait for the others, nor does one that is broken stop
them. Results go to standard output, messages to standard error; exit codes are 0, 1 (no) and 2 (could not).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Final, NoReturn, cast

import typer

from shared.domain.errors import AftercareError

_COULD_NOT: Final = 2
_INTERRUPTED: Final = 130
# A command line that is wrong. typer carries its own copy of click, and names only this child of it.
_WrongUsage: Final = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[1])


def app(words: Sequence[str] | None = None) -> NoReturn:
    """Run the command and end the process; whatever goes wrong on purpose is one sentence.

    Args:
        words: the command line after ``aftercare``; the process's own when it is not given.
    """
    given = list(sys.argv[1:] if words is None else words)
    try:
        sys.exit(_command(given)(given, prog_name="aftercare", standalone_mode=False))
    except _WrongUsage as error:
        _end(_usage(error), _COULD_NOT)
    except AftercareError as error:
        _end(f"aftercare: {error}", _COULD_NOT)
    except (KeyboardInterrupt, typer.Abort):
        _end("", _INTERRUPTED)


def _command(words: Sequence[str]) -> typer.Typer:
    """The commands that these words may mean: the one they begin with, or all of them for the help."""
    root = typer.Typer(
        help="Aftercare: what happens after an automated fix.",
        epilog="Exit codes: 0 yes or done, 1 no, 2 could not. DATABASE_URL, REDIS_URL and EVENT_SINK say where.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich" if sys.stdout.isatty() else None,
    )
    installed = sorted(entry_points(group="aftercare.commands"), key=lambda entry: entry.name)
    for found in [entry for entry in installed if entry.name in words[:1]] or installed:
        root.add_typer(found.load(), name=found.name)
    return root


def _usage(error: typer.BadParameter) -> str:
    message = error.format_message().strip()
    if "\n" in message or not message:  # no words at all: this is the help, where it was not shown already
        return message
    where = "aftercare" if error.ctx is None else error.ctx.command_path
    if message.endswith(("?", "!")):
        return f"aftercare: {message} See {where} --help"
    return f"aftercare: {message.rstrip('.')}; see {where} --help"


def _end(message: str, code: int) -> NoReturn:
    if message:
        sys.stderr.write(message + "\n")
    sys.exit(code)
