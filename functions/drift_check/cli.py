"""``aftercare drift``: compare a ConfigMap with the defaults of a settings class, in a terminal or as a hook.

Exit codes are those of ``diff``: 0 aligned, 1 drift, 2 cannot tell. A crash is a 2 as well: 1 means drift and nothing
else.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from functions.drift_check.core.acceptances import Acceptance, Acceptances
from functions.drift_check.core.checking import Checked, check
from functions.drift_check.core.comparing import Terms
from functions.drift_check.core.configmaps import ConfigMap
from functions.drift_check.core.unknowns import CannotTell
from functions.drift_check.manifests import entries, select
from functions.drift_check.sarif import sarif
from shared.domain.contract import validated
from shared.domain.drift import DriftStatus, FieldStatus
from shared.domain.errors import AftercareError, Unprocessable

_CODES: Final = {DriftStatus.OK: 0, DriftStatus.DRIFT: 1, DriftStatus.ERROR: 2}
_CANNOT_TELL: Final = 2
_STYLES: Final = {
    FieldStatus.OK: "green",
    FieldStatus.ACCEPTED: "blue",
    FieldStatus.UNCOMPARABLE: "yellow",
    FieldStatus.DRIFT: "red",
    FieldStatus.MISSING: "red",
    FieldStatus.ORPHAN: "red",
}
_CLUSTER_S: Final = 8.0


class Output(StrEnum):
    """How results are printed."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"


app = typer.Typer(help="Drift: is what runs what the code says?", no_args_is_help=True)


@app.callback()
def _drift() -> None:
    """One word after `drift`, so that others may follow."""


@app.command("check")
def check_drift(
    settings: Annotated[Path, typer.Option("--settings", help="The Python file of the settings class; never run.")],
    configmap: Annotated[
        str | None, typer.Option("--configmap", help="A YAML file, or - for what is piped in.")
    ] = None,
    live: Annotated[str | None, typer.Option("--live", help="NAMESPACE/NAME, as the cluster has it now.")] = None,
    namespace: Annotated[str | None, typer.Option("--namespace", help="Which ConfigMap of the file.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Which ConfigMap of the file.")] = None,
    wanted: Annotated[str | None, typer.Option("--class", help="Settings, or Outer.Settings.")] = None,
    env_prefix: Annotated[str | None, typer.Option("--env-prefix", help="In place of the class's own.")] = None,
    fields: Annotated[list[str] | None, typer.Option("--field", help="Only this one; may be repeated.")] = None,
    accept: Annotated[Path | None, typer.Option("--accept", help="A YAML file of declared exceptions.")] = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="text, json or sarif.")] = Output.TEXT,
    everything: Annotated[bool, typer.Option("--all", help="Show fields that are as they should be, too.")] = False,
) -> None:
    """Compare a ConfigMap with the defaults in the code: exit 0 aligned, 1 drift, 2 cannot tell."""
    try:
        checked, error = Checked("nothing", 1, [], []), None
        try:
            found = _live(live) if live and not configmap else _written(configmap, namespace, name, live)
            terms = Terms(only=frozenset(fields or ()), accepted=_acceptances(accept), salt=secrets.token_bytes(16))
            checked = check(_text(settings), found, terms, wanted=wanted, env_prefix=env_prefix)
            code, error = _CODES[checked.report.status], checked.report.error
        except AftercareError as failed:
            code, error = _CANNOT_TELL, str(failed)
        _print(checked, error, output, settings, everything=everything)
    except Exception as bug:  # noqa: BLE001 - the outermost boundary: Python ends with 1, and here 1 means drift
        sys.stderr.write(f"aftercare: The comparison broke down ({type(bug).__name__}); report it as a defect.\n")
        code = _CANNOT_TELL
    raise typer.Exit(code)


def _written(path: str | None, namespace: str | None, name: str | None, live: str | None) -> ConfigMap:
    if path is None or live is not None:
        raise CannotTell("Give one of --configmap FILE and --live NAMESPACE/NAME.")
    return select(sys.stdin.read() if path == "-" else _text(Path(path)), namespace=namespace, name=name)


def _live(place: str) -> ConfigMap:
    # Most runs read files, and a hook must not wait for an HTTP client.
    from functions.drift_check.configmaps import ConfigMapReader, opened_cluster  # noqa: PLC0415
    from shared.domain.calls import CallFailed  # noqa: PLC0415

    namespace, slash, name = place.partition("/")
    if not (namespace and slash and name):
        raise CannotTell("--live takes NAMESPACE/NAME.")
    given = os.environ.get("KUBECONFIG")

    async def read() -> ConfigMap:
        path = Path(given) if given else None
        async with opened_cluster(os.environ, kubeconfig=path, timeout_s=_CLUSTER_S) as api:
            return await ConfigMapReader(api).live(namespace, name)

    try:
        return asyncio.run(read())
    except CallFailed as error:
        raise CannotTell(f"The cluster does not give the ConfigMap ({error.kind}).") from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise CannotTell(f"{path} cannot be read ({type(error).__name__}); give a file of UTF-8 text.") from None


def _acceptances(path: Path | None) -> Acceptances:
    given = [] if path is None else entries(_text(path), "accepted")
    try:
        declared = [validated(Acceptance, each) for each in given]
    except Unprocessable as error:
        raise CannotTell(f"An exception in {path} is not one: {error}.") from None
    return Acceptances(declared, datetime.now(UTC).date())


def _print(checked: Checked, error: str | None, output: Output, settings: Path, *, everything: bool) -> None:
    match output:
        case Output.JSON:
            report = checked.report.model_dump(mode="json", exclude_none=True)
            _print_json(report if error is None else {**report, "status": _status(checked), "error": error})
        case Output.SARIF:
            # Fields that cannot be compared are results; only what stopped the comparison is a failure of the tool.
            stopped = error if not checked.fields else None
            _print_json(sarif(checked, settings=settings.as_posix(), error=stopped))
        case Output.TEXT:
            _print_text(checked, everything=everything)
    if error is not None:
        sys.stderr.write(f"aftercare: {error}\n")


def _status(checked: Checked) -> str:
    return str(checked.report.status if checked.fields else DriftStatus.ERROR)


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def _print_text(checked: Checked, *, everything: bool) -> None:
    from rich.console import Console  # noqa: PLC0415 - JSON and SARIF are for programs, which wait for nothing
    from rich.table import Column, Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    shown = [each for each in checked.fields if everything or each.status is not FieldStatus.OK]
    console = Console()
    if shown:
        heads = ("setting", "status", "configured", "default", "note")
        table = Table(*(Column(head, overflow="fold") for head in heads), box=None)
        for each in shown:
            cells: Sequence[str | None] = (each.configured, each.default, each.note)
            status = Text(str(each.status), style=_STYLES[each.status])
            table.add_row(Text(each.name), status, *(Text(cell or "") for cell in cells))
        console.print(table)
    if checked.fields:
        counts = ", ".join(f"{count} {status}" for status, count in checked.report.counts.items())
        console.print(Text(f"{checked.subject}: {counts}."))
    for note in checked.notes:
        console.print(Text(f"Note: {note}"))
