"""``aftercare dlq``: look at dead letters, send them again, or give them up for good.

What is shown is redacted unless ``--raw`` is given; the stored letters stay complete.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from functions.backfill_reconcile.operator import DeadLetterDesk
from shared.adapters.dead_letter_streams import RedisDeadLetters, connect
from shared.adapters.dsn import Dsn
from shared.adapters.postgres import Database
from shared.commands.output import Output, OutputOption, print_json
from shared.domain.errors import ConfigurationError
from shared.domain.redaction import redact
from shared.runtime.settings import DatabaseSettings, QueueSettings

T = TypeVar("T")


class OperatorSettings(DatabaseSettings, QueueSettings):
    """What the command reads from the environment: DATABASE_URL and REDIS_URL."""


ActorOption = Annotated[str, typer.Option("--actor", help="Who decides; written to the audit log.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; written to the audit log.")]

app = typer.Typer(help="Dead letters: list, show, redrive, discard.", no_args_is_help=True)


@app.command("list")
def list_letters(output: OutputOption = Output.TABLE, most: Annotated[int, typer.Option("--limit")] = 100) -> None:
    """List what waits for the next drain, and what waits for a person."""
    letters = _at_the_desk(lambda desk: desk.listed(most=most))
    if output is Output.JSON:
        print_json([letter.document(with_event=False) for letter in letters])
        return
    table = Table("id", "where", "state", "event", "type", "reason", "attempts", "since", box=None)
    for letter in letters:
        table.add_row(*letter.cells())
    Console().print(table if letters else "No dead letters.")


@app.command("show")
def show_letter(letter_id: str, raw: Annotated[bool, typer.Option("--raw", help="Do not redact.")] = False) -> None:
    """Show one letter with its event, as JSON."""
    letter = _at_the_desk(lambda desk: desk.find(letter_id))
    if letter is None:
        _no_such(letter_id)
    document = letter.document(with_event=True)
    print_json(document if raw else redact(document))


@app.command("redrive")
def redrive_letters(
    letter_ids: Annotated[list[str] | None, typer.Argument(help="Ids from `aftercare dlq list`.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Everything in quarantine.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent again.")] = False,
    actor: ActorOption = "",
    reason: ReasonOption = "redriven",
) -> None:
    """Send quarantined letters again, with their attempts forgotten."""
    chosen = _at_the_desk(lambda desk: desk.chosen(letter_ids or [], every=every))
    if not chosen:
        sys.stderr.write("Nothing to redrive: name ids from `aftercare dlq list`, or use --all.\n")
        raise typer.Exit(1)
    if not dry_run:
        _at_the_desk(lambda desk: desk.redrive(chosen, actor=actor or _user(), reason=reason))
    verb = "would be sent again" if dry_run else "sent again; the next reconcile run takes them"
    sys.stdout.write(f"{len(chosen)} letter(s) {verb}: {', '.join(str(letter.id) for letter in chosen)}\n")


@app.command("discard")
def discard_letter(letter_id: str, actor: ActorOption, reason: ReasonOption) -> None:
    """Give a quarantined letter up. It stays in the table, marked, with who and why."""
    if not actor.strip() or not reason.strip():
        raise ConfigurationError("--actor and --reason must say who discards the letter and why.")
    if not _at_the_desk(lambda desk: desk.discard(letter_id, actor=actor, reason=reason)):
        _no_such(letter_id)
    sys.stdout.write(f"{letter_id} discarded.\n")


def _at_the_desk(work: Callable[[DeadLetterDesk], Awaitable[T]]) -> T:
    settings = OperatorSettings.load(os.environ)
    database = Database(Dsn.parse(settings.database_url.get_secret_value()), application="aftercare-cli")

    async def run() -> T:
        redis = connect(settings.redis_url.get_secret_value(), timeout_s=settings.queue_timeout_seconds)
        letters = RedisDeadLetters(redis)
        try:
            return await work(DeadLetterDesk(database, letters))
        finally:
            await letters.close()

    try:
        return asyncio.run(run())
    finally:
        database.close()


def _no_such(letter_id: str) -> NoReturn:
    sys.stderr.write(f"No letter {letter_id} waits for a person; see `aftercare dlq list`.\n")
    raise typer.Exit(1)


def _user() -> str:
    return os.environ.get("SUDO_USER") or os.environ.get("USER") or "unknown"
