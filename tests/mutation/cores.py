"""The decisions that must not be wrong, and the tests that say so.

Laws that are tried with many draws are left out: they take long, and what they notice is luck. A table has to notice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.mutation.mutants import ROOT


@dataclass(frozen=True, slots=True)
class Core:
    """Files that decide something; patterns are relative to the root of the repository."""

    name: str
    code: Sequence[str]
    tests: Sequence[str]

    def files(self) -> list[str]:
        """What is changed."""
        return _found(self.code)

    def test_files(self) -> list[str]:
        """What has to notice, absolute."""
        return [str(ROOT / file) for file in _found(self.tests)]


CORES: Final = (
    Core(
        "classification",
        ("shared/domain/failures.py", "shared/domain/retry.py"),
        ("tests/unit/test_failures.py", "tests/unit/test_retry.py", "tests/unit/test_classification_edges.py"),
    ),
    Core(
        "inbox",
        ("shared/adapters/inbox.py", "shared/adapters/slots.py", "shared/domain/slots.py"),
        (
            "tests/integration/test_slots.py",
            "tests/contracts/test_drift_checks.py",
            "tests/unit/test_inbox_edges.py",
        ),
    ),
    Core(
        "letters",
        ("shared/domain/writes.py", "shared/domain/dead_letters.py"),
        ("tests/unit/test_writes.py", "tests/unit/test_letters_edges.py", "tests/unit/test_fates.py"),
    ),
    Core(
        "verdict",
        ("functions/verify_execution/core/*.py",),
        tuple(
            f"tests/unit/test_{name}.py"
            for name in (
                "baselines",
                "evidence",
                "inverting",
                "judging",
                "learning",
                "observing_action",
                "probes",
                "scoring",
                "soaking",
                "tickets",
                "first_design_verdicts",
                "verdict_edges",
            )
        ),
    ),
    Core(
        "blast",
        ("functions/gitops_issue/core/*.py",),
        ("tests/unit/test_blast_[!l]*.py", "tests/unit/test_gitops_approvals.py"),
    ),
    Core("drift", ("functions/drift_check/core/*.py",), ("tests/unit/test_drift_[!d]*.py",)),
    Core("governance", ("functions/governance_check/core/*.py",), ("tests/unit/test_governance_*.py",)),
)

PLANTED: Final = Core("planted", ("tests/mutation/planted.py",), ("tests/unit/test_planted.py",))
"""The test of the test: some of its mutants must live, and are no part of any figure."""


def _found(patterns: Sequence[str]) -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for pattern in patterns for path in ROOT.glob(pattern))
