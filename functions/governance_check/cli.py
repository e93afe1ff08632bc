"""``aftercare governance``: run the checks by hand, and take a deprecated playbook back into use.

A run that is not a dry one takes effect as the function's own does: alerts are raised and resolved, playbooks
deprecated. Its exit code is 0 when all is well or at risk, 1 when something is violated, 2 when nobody can tell.
"""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from typing import Annotated, Any, Final

import typer
from pydantic_core import to_json
from rich.console import Console
from rich.table import Table

from functions.governance_check.composition import compose
from functions.governance_check.handler import create_handler
from functions.governance_check.ledger import restore
from functions.governance_check.model import REQUEST_TYPE
from functions.governance_check.settings import GovernanceSettings
from shared.adapters.dsn import Dsn
from shared.adapters.http import HttpClient, http_sink
from shared.adapters.postgres import Database
from shared.commands.output import Output, OutputOption
from shared.domain.errors import ConfigurationError
from shared.domain.events import Event
from shared.domain.governance import CheckName, Status
from shared.runtime.settings import DatabaseSettings

_SOURCE: Final = "/cli"
_EXIT_CODES: Final = {Status.OK: 0, Status.AT_RISK: 0, Status.VIOLATED: 1, Status.NO_DATA: 2, Status.ERROR: 2}
_LISTS: Final = ("low_trust", "deprecated", "playbooks")


class CommandSettings(GovernanceSettings):
    """What the command reads from the environment: what the function does, and EVENT_SINK."""

    event_sink: str | None = None
    """Where `governance.completed` goes; alerts wait in the outbox for whoever relays it."""


app = typer.Typer(help="Governance: run the checks, restore a playbook.", no_args_is_help=True)


@app.command("run")
def run_checks(
    checks: Annotated[list[CheckName] | None, typer.Option("--check", help="Only this one; may be repeated.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report and change nothing.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Run the checks now, besides the hourly ones."""
    asked: dict[str, Any] = {"dry_run": dry_run}
    if checks:
        asked["checks"] = [name.value for name in checks]
    report = asyncio.run(_run(asked))
    if output is Output.JSON:
        sys.stdout.write(to_json(report, indent=2).decode() + "\n")
    else:
        _print(report)
    raise typer.Exit(_EXIT_CODES[Status(report["status"])])


@app.command("restore")
def restore_playbook(
    playbook_id: str,
    actor: Annotated[str, typer.Option("--actor", help="Who decides; written to the audit log.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; written to the audit log.")],
) -> None:
    """Take a deprecated playbook back into use; it is judged by what it does from now on."""
    if not actor.strip() or not reason.strip():
        raise ConfigurationError("--actor and --reason must say who restores the playbook and why.")
    if not asyncio.run(_restore(playbook_id, actor, reason)):
        sys.stderr.write(f"No playbook {playbook_id} is deprecated; its id is in the report that deprecated it.\n")
        raise typer.Exit(1)
    sys.stdout.write(f"{playbook_id} is in use again.\n")


async def _run(asked: dict[str, Any]) -> dict[str, Any]:
    settings = CommandSettings.load(os.environ)
    http = HttpClient()
    house = compose(settings, http, http_sink(settings.event_sink, None))
    request = Event(id=str(uuid.uuid4()), source=_SOURCE, type=REQUEST_TYPE, data=asked)
    try:
        (answer,) = await create_handler(house.ports)([request])
        await house.relay.sweep()
    finally:
        await http.aclose()
        house.database.close()
    assert answer.result is not None
    report: dict[str, Any] = answer.result.data
    return report


async def _restore(playbook_id: str, actor: str, reason: str) -> bool:
    settings = DatabaseSettings.load(os.environ)
    database = Database(Dsn.parse(settings.database_url.get_secret_value()), application="aftercare-cli")
    try:
        return await database.transact(lambda connection: restore(connection, playbook_id, actor=actor, reason=reason))
    finally:
        database.close()


def _print(report: dict[str, Any]) -> None:
    table = Table("check", "status", "what was found", box=None)
    for name, check in report["checks"].items():
        table.add_row(name, check["status"], _found(check))
        for slo, level in check.get("slos", {}).items():
            table.add_row(f"  {slo}", level["status"], _level(level))
    console = Console()
    console.print(table)
    for word, alerts in (
        ("would be raised" if report["dry_run"] else "open", report["alerts"]),
        ("resolved", report["resolved"]),
    ):
        for alert in alerts:
            console.print(f"{word}: {alert['event_type']} {alert['subject']} ({alert['severity']})", markup=False)


def _found(check: dict[str, Any]) -> str:
    """The figures of a check, and its lists by their length."""
    said = [str(check["reason"])] if "reason" in check else []
    for name, value in check.items():
        if name in _LISTS and value:
            said.append(f"{name} " + ", ".join(each["playbook_id"] for each in value))
        elif isinstance(value, int | float) and name != "took_s":
            said.append(f"{name} {value:g}")
    return "; ".join(said)


def _level(level: dict[str, Any]) -> str:
    value = f"{level['value']:g}" if "value" in level else level["reason"]
    return f"{value} (target {level['direction']} {level['target']:g}, red line {level['hard_red_line']:g})"
