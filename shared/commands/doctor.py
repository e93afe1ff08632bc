"""``aftercare doctor``: looks at everything this software stands on, and says what to do about what is wrong."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Annotated, Final

import typer
from rich.text import Text

from shared.commands.findings import Examined, Finding, State, examine
from shared.commands.function_checks import function_checks
from shared.commands.output import Output, OutputOption, print_json, print_table
from shared.commands.postgres_checks import postgres
from shared.commands.redis_checks import dead_letters
from shared.commands.sink_checks import sink
from shared.domain.redaction import redact, redact_text

_STYLES: Final = {State.OK: "green", State.WRONG: "bold red", State.UNSET: "dim"}

app = typer.Typer(subcommand_metavar="")


@app.callback(invoke_without_command=True)
def doctor(
    *,
    output: OutputOption = Output.TABLE,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only what is wrong.")] = False,
    timeout: Annotated[float, typer.Option(min=0.1, max=600, help="Seconds for each check.")] = 8.0,
) -> None:
    """Check every dependency. It only looks, and changes nothing.

    Exits 0 when all is well, 1 when something is wrong, 2 when it could not look.
    """
    checks = [postgres(os.environ), dead_letters(os.environ), sink(os.environ), *function_checks(os.environ)]
    examined = asyncio.run(examine(checks, limit_s=timeout))
    is_well = not any(finding.state is State.WRONG for each in examined for finding in each.findings)
    if output is Output.JSON:
        print_json({"ok": is_well, "findings": redact(_documents(examined, quiet=quiet))})
    elif rows := _rows(examined, quiet=quiet):
        print_table(("", "", "", ""), rows)
    raise typer.Exit(0 if is_well else 1)


def _documents(examined: Sequence[Examined], *, quiet: bool) -> list[dict[str, str]]:
    return [each.document(finding) for each in examined for finding in each.findings if _is_shown(finding, quiet=quiet)]


def _rows(examined: Sequence[Examined], *, quiet: bool) -> list[list[str | Text]]:
    rows: list[list[str | Text]] = []
    for each in examined:
        for finding in each.findings:
            if _is_shown(finding, quiet=quiet):
                state = Text(finding.state, style=_STYLES[finding.state])
                rows.append([state, each.name, finding.what, redact_text(finding.says)])
                if finding.fix:
                    rows.append(["", "", "", f"→ {redact_text(finding.fix)}"])
    return rows


def _is_shown(finding: Finding, *, quiet: bool) -> bool:
    return finding.state is State.WRONG or not quiet
