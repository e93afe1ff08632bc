"""``aftercare blast explain``: what a command would be let through for, before anybody proposes it.

Nothing is run and nothing is asked: the answer is the one that gitops-issue would give with the same environment.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from functions.gitops_issue.core.assessing import Assessment, assess
from functions.gitops_issue.core.policy import Policy
from functions.gitops_issue.proposals import policy_of
from functions.gitops_issue.settings import Settings
from shared.commands.output import Output, OutputOption
from shared.domain.remediations import Contribution, Tier

# What serving needs and explaining does not; the namespaces' patterns are read from the environment all the same.
_NOT_SERVING: Final = {"AUTH_MODE": "network", "DATABASE_URL": "postgresql://"}
_MEANS: Final = {
    Tier.AUTO: "nobody has to agree",
    Tier.HUMAN: "one person must agree",
    Tier.DUAL: "two people must agree",
    Tier.BLOCKED: "no review can agree to it",
}


app = typer.Typer(help="Blast radius: how far a command reaches, and who must agree to it.", no_args_is_help=True)


@app.callback()
def _root() -> None:
    """Keeps the one command behind its word."""


@app.command("explain")
def explain_command(
    command: Annotated[str, typer.Argument(help="One kubectl command, in quotes. It is read, never run.")],
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the score of a command, what makes it up, its tier and the rule that hit."""
    found = assess(command, _policy())
    if output is Output.JSON:
        sys.stdout.write(json.dumps(_document(found), indent=2) + "\n")
        return
    console = Console(highlight=False, markup=False)
    console.print(f"score {found.score} of 100: {found.tier}, {_MEANS[found.tier]}")
    parts = Table("rule", "part", box=None)
    for reason in found.reasons:
        parts.add_row(reason.rule, _part(reason))
    console.print(parts)
    for line in _lines(found):
        console.print(line, soft_wrap=True)


def _policy() -> Policy:
    return policy_of(Settings.load({**os.environ, **_NOT_SERVING}).namespaces)


def _document(found: Assessment) -> dict[str, Any]:
    reasons = [reason.model_dump(exclude_none=True) for reason in found.reasons]
    return {**asdict(found), "reasons": reasons}


def _part(reason: Contribution) -> str:
    return f"x {reason.factor:g}" if reason.factor is not None else f"+{reason.points}"


def _lines(found: Assessment) -> Iterator[str]:
    if found.hard_rule:
        yield f"hard rule  {found.hard_rule}"
    yield f"namespace  {found.namespace or 'not named'}"
    yield f"target     {found.target or 'not known'}"
    yield f"dry run    {'required first' if found.dry_run_required else 'not required'}"
    yield f"rollback   {found.rollback_plan or 'none is known'}"
