"""``aftercare notify``: look at messages that could not be delivered, and have them delivered after all."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from functions.notify.operator import LetterDesk
from shared.adapters.dsn import Dsn
from shared.adapters.postgres import Database
from shared.commands.output import Output, OutputOption, print_json, print_line, print_table
from shared.runtime.settings import DatabaseSettings

app = typer.Typer(help="Messages to people: list those given up, redo them.", no_args_is_help=True)


@app.command("failed")
def list_failed(output: OutputOption = Output.TABLE, most: Annotated[int, typer.Option("--limit")] = 100) -> None:
    """List messages that were given up; newest first."""
    with _desk() as desk:
        letters = asyncio.run(desk.failed(most=most))
    if output is Output.JSON:
        print_json([letter.document() for letter in letters])
    elif letters:
        columns = ("id", "destination", "what", "about", "reason", "since")
        print_table(columns, [letter.cells() for letter in letters])
    else:
        print_line("No message was given up.")


@app.command("redo")
def redo_failed(
    ids: Annotated[list[str] | None, typer.Argument(help="Ids from `aftercare notify failed`.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Everything that was given up.")] = False,
) -> None:
    """Have messages tried anew, once what stopped them is put right."""
    with _desk() as desk:
        redone = asyncio.run(desk.redo(ids or [], every=every))
    if not redone:
        sys.stderr.write("Nothing to redo: name ids from `aftercare notify failed`, or use --all.\n")
        raise typer.Exit(1)
    print_line(f"{len(redone)} message(s) planned anew; the next tick of notify sends them: {', '.join(redone)}")


@contextmanager
def _desk() -> Iterator[LetterDesk]:
    settings = DatabaseSettings.load(os.environ)
    database = Database(Dsn.parse(settings.database_url.get_secret_value()), application="aftercare-cli")
    try:
        yield LetterDesk(database)
    finally:
        database.close()
