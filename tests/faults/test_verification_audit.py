"""A verdict that is not the one its target earned is wrong; one that says the fix worked has a counter of its own."""

from __future__ import annotations

from collections import defaultdict

import pytest

from tests.faults.audit import Figures
from tests.faults.verification.audit import Aftermath, audit
from tests.faults.verification.books import Tables
from tests.faults.verification.subjects import INITIAL, Plot, cast


def figures(plot: Plot, verdict: str) -> Figures:
    """One execution with one verdict, and nothing else."""
    (subject,) = cast((plot,), each=1)
    check = {
        "execution_id": subject.name,
        "check_name": INITIAL,
        "state": "done",
        "verdict": verdict,
        "reason": "recovered",
        "attempts": 1,
        "evidence_id": "e-1",
        "revises": None,
    }
    tables = Tables(checks=[check], evidence=[], ledger=defaultdict(list), executions={}, playbooks={}, replies={})
    return audit(
        Aftermath(
            subjects=[subject],
            looks=0,
            answers={},
            acknowledged=frozenset(),
            blamed=frozenset(),
            deaths=0,
            tables=tables,
            said={},
            announced={},
            fickle=frozenset(),
        )
    )


@pytest.mark.parametrize(
    ("plot", "verdict", "false_success", "false"),
    [
        (Plot.FAILS, "failed", 0, 0),
        (Plot.FAILS, "success", 1, 0),
        (Plot.SILENT, "success", 1, 0),
        (Plot.SILENT, "degraded", 0, 1),
        (Plot.WORKS, "success", 0, 0),
        (Plot.WORKS, "failed", 0, 1),
    ],
)
def test_a_false_success_is_counted_apart(plot: Plot, verdict: str, false_success: int, false: int) -> None:
    found = figures(plot, verdict)

    assert found.false_success == false_success
    assert sum("verdicts are false:" in problem for problem in found.problems) == false
