"""The test of the tests: what a planted gap lets live is reported, and what the tests hold is not."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from tests.mutation.accepted import TABLE, accepted, outdated
from tests.mutation.cores import CORES
from tests.mutation.mutants import ROOT, Mutant
from tests.mutation.operators import sites
from tests.mutation.report import Result
from tests.mutation.trials import Fate

LIVING = Mutant("a.py", 0, 7, "return x < 1", "x < 1 -> x <= 1", None)
DEAD = Mutant("a.py", 1, 7, "return x < 1", "1 -> 2", None)
KEY = ("a.py", "return x < 1", "x < 1 -> x <= 1")


def changes(source):
    return [f"{ast.unparse(site.node)} -> {ast.unparse(site.instead)}" for site in sites(ast.parse(source))]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", ["a < b -> a <= b"]),
        ("a and b or c", ["a and b or c -> (a and b) and c", "a and b -> a or b"]),
        ("a + b * c", ["a + b * c -> a - b * c", "b * c -> b / c"]),
        ("not a", ["not a -> a"]),
        ("max(a)", ["max -> min"]),
        ("a.startswith(b)", ["a.startswith -> a.endswith"]),
        ("a = 'word'", ["'word' -> 'XXword'"]),
        ("a = True", ["True -> False"]),
        ("a = 1.5", ["1.5 -> 2.5"]),
        ("a if b else c", ["b -> not b"]),
        ("[a for a in b if a]", ["a -> not a"]),
        ("def f():\n    a()\n    return b", ["a() -> pass", "return b -> return None"]),
        ("def f():\n    a = b", ["a = b -> a = None"]),
        ("def f():\n    raise E(1)", ["raise E(1) -> pass"]),
        ("a = 'a sentence'", []),
        ("a: Literal['x'] = b", []),
        ("'''a docstring'''", []),
        ("def f() -> int | None:\n    return None", []),
        ("@dataclass(frozen=True)\nclass A:\n    pass", []),
    ],
)
def test_every_kind_of_change(source, expected):
    assert changes(source) == expected


def test_planted_gaps_are_reported_and_nothing_else():
    command = [sys.executable, "-m", "tests.mutation", "--only", "planted", "--jobs", "1"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    living = [line.strip() for line in ran.stdout.splitlines() if " -> " in line]

    assert living == [
        "80 -> 81",
        "hour < 6 -> hour <= 6",
        "6 -> 7",
        "return name + name -> return None",
        "name + name -> name - name",
    ]
    assert "tests/mutation/planted.py:8: PORT: Final = 80" in ran.stdout
    # Nine can be tried: whatever has another word for "open" cannot even be imported.
    assert ran.stdout.splitlines()[1].split()[:5] == ["planted", "10", "5", "0", "5"]
    assert ran.returncode == 1, ran.stderr


def test_only_what_was_killed_counts_and_accepted_ones_are_no_survivors():
    fates = {LIVING: Fate.SURVIVED, DEAD: Fate.TIMEOUT}
    result = Result("any", fates, {KEY: "the same for whole numbers"}, 1.0)

    assert (result.percent, result.is_enough, result.survivors) == (50.0, False, [])


@pytest.mark.parametrize(
    ("mutants", "killed", "said"),
    [
        ([LIVING], set(), None),
        ([DEAD], set(), "no longer there"),
        ([LIVING], {KEY}, "a test notices it"),
        ([], set(), None),
    ],
)
def test_an_accepted_line_that_is_no_longer_true_is_named(mutants, killed, said):
    found = list(outdated({KEY: "reason"}, mutants, killed))

    assert [said in line for line in found] == ([] if said is None else [True])


def test_every_accepted_mutant_has_a_file_and_a_reason():
    files = {file for core in CORES for file in core.files()}
    for (file, _, _), reason in accepted(TABLE.read_text(encoding="utf-8")).items():
        assert file in files
        assert len(reason.split()) > 2


def test_every_core_has_code_and_tests():
    for core in CORES:
        assert core.files(), core.name
        assert core.test_files(), core.name
