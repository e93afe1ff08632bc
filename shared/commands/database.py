"""``aftercare db``: the schema's revision, and bringing it up. Going back is not offered: it would drop tables."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from shared.commands.output import Output, OutputOption, print_json, print_line, say
from shared.commands.schema import revisions, shortfall
from shared.domain.errors import ConfigurationError
from shared.runtime.settings import DatabaseSettings

app = typer.Typer(help="The database's schema: its revision, and bringing it up.", no_args_is_help=True)


@app.command("current")
def current(output: OutputOption = Output.TABLE) -> None:
    """Show the schema's revision.

    Exits 0 when it is the newest that this software has, 1 when it is not, 2 when it could not look.
    """
    from shared.adapters import migrate  # noqa: PLC0415 - Alembic takes a second to load, and the help does not need it

    found = migrate.current(_url())
    trouble = shortfall(found)
    if output is Output.JSON:
        print_json({"current": found, "newest": revisions()[-1], "ok": trouble is None})
    else:
        print_line(found or "empty")
    if trouble is not None:
        says, fix = trouble
        say(f"The schema is not the newest: {says}. {fix}")
        raise typer.Exit(1)


@app.command("upgrade")
def upgrade(
    *,
    revision: Annotated[str, typer.Argument(metavar="REVISION", help="Where to stop.")] = "head",
    sql: Annotated[bool, typer.Option("--sql", help="Print the whole upgrade as SQL, and change nothing.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Bring the schema up: all of the way, or not at all. Safe to run again, and from several places at once."""
    from shared.adapters import migrate  # noqa: PLC0415 - see above

    if sql:
        print_line(migrate.offline_sql())
        return
    url = _url()
    before = migrate.current(url)
    _refuse(before, revision)
    after = migrate.upgrade(url, revision)
    if output is Output.JSON:
        print_json({"before": before, "after": after})
    else:
        print_line(f"at {after} already" if before == after else f"{before or 'empty'} → {after}")


def _refuse(before: str | None, revision: str) -> None:
    """What an upgrade must not try.

    Raises:
        ConfigurationError: the way there is unknown, or leads back.
    """
    known = revisions()
    if before is not None and before not in known:
        raise ConfigurationError(
            f"The schema is at {before}, and this software knows none after {known[-1]}; install the release that "
            "brought it."
        )
    if revision == "head":
        return
    if revision not in known:
        raise ConfigurationError(f"There is no revision {revision}; there are {', '.join(known)} and head.")
    if before is not None and revision < before:
        raise ConfigurationError(
            f"The schema is at {before} and does not go back to {revision}: that would drop tables; restore a backup."
        )


def _url() -> str:
    return DatabaseSettings.load(os.environ).database_url.get_secret_value()
