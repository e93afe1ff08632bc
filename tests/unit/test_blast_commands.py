from __future__ import annotations

from pathlib import Path

import pytest

from functions.gitops_issue.core.assessing import assess
from functions.gitops_issue.core.policy import Policy
from shared.domain.remediations import Tier

LINES = Path(__file__).with_name("blast_commands.txt").read_text(encoding="utf-8").splitlines()
TABLE = [line.split(maxsplit=1) for line in LINES if line and not line.startswith("#")]

# What does not fit on a line.
STRANGE = {
    "empty": "",
    "blank": " \t ",
    "two lines": "kubectl get pods\nkubectl delete ns prod",
    "carriage return": "kubectl get pods\rdelete ns prod",
    "continued line": "kubectl get pods \\\n -n prod",
    "nul": "kubectl get pods\0",
    "escape": "kubectl get pods \x1b[2K",
    "backspace": "kubectl get pods\b\b\b\b",
    "no-break space": "kubectl\u00a0get\u00a0pods",
    "zero width": "kubectl get po\u200bds",
    "right to left": "kubectl get \u202esdop",
    "cyrillic e": "kubectl g\u0435t pods",
    "full width": "\uff4b\uff55\uff42\uff45\uff43\uff54\uff4c get pods",
    "long dash": "kubectl get pods \u2014n prod",
    "lone surrogate": "kubectl get \ud800",
    "line separator": "kubectl get pods\u2028rm",
    "quoted full width": "kubectl annotate pod a -n dev 'note=\uff45'",
    "quoted escape": "kubectl annotate pod a -n dev 'note=\x1b[2K'",
    "too long": "kubectl annotate pod a -n dev note=" + "a" * 20_000,
    "deep patch": "kubectl patch deploy a -n dev -p '" + '{"a":' * 500 + "1" + "}" * 500 + "'",
}


def tier(command):
    return assess(command, Policy()).tier


@pytest.mark.parametrize(("expected", "command"), TABLE, ids=[command for _, command in TABLE])
def test_the_table(expected, command):
    assert tier(command) == Tier(expected)


def test_the_table_is_long_enough_to_argue_about_and_says_nothing_twice():
    assert len(TABLE) >= 200
    assert len({command for _, command in TABLE}) == len(TABLE)


@pytest.mark.parametrize("command", STRANGE.values(), ids=STRANGE.keys())
def test_text_that_two_readers_would_read_differently_is_blocked(command):
    assert tier(command) is Tier.BLOCKED


@pytest.mark.parametrize("around", ["{}\n", "  {}", "\t{}\r\n"])
def test_blanks_around_a_command_mean_nothing(around):
    plain = "kubectl rollout restart deploy/api -n prod"
    assert assess(around.format(plain), Policy()) == assess(plain, Policy())
