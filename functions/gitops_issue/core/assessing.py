"""The blast radius of one command: a score, the tier that follows from it, and everything that led there.

Total: any text has an assessment, and what cannot be understood is blocked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from functions.gitops_issue.core.operations import Operation, understand
from functions.gitops_issue.core.policy import Policy
from functions.gitops_issue.core.reading import read
from functions.gitops_issue.core.rules import hard_rule
from functions.gitops_issue.core.scoring import LEAST, MOST, contributions, is_rehearsal, total
from functions.gitops_issue.core.undoing import rollback_plan
from functions.gitops_issue.core.words import NotUnderstood
from shared.domain.remediations import Contribution, Tier

# The highest score of each tier below the last (product: tiers).
_AUTO: Final = 10
_HUMAN: Final = 50


def tier_of(score: int) -> Tier:
    """Who must agree to a change with this score."""
    if score <= _AUTO:
        return Tier.AUTO
    if score <= _HUMAN:
        return Tier.HUMAN
    return Tier.DUAL if score < MOST else Tier.BLOCKED


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What a command would do, and who must agree to it.

    Attributes:
        score: 0 to 100.
        tier: what follows from the score, never anything else.
        reasons: what makes up the score.
        hard_rule: the rule that decided by itself, if one did.
        namespace: the one that the command names; None without one, or for all of them.
        target: what it is about, in one spelling.
        dry_run_required: whether it must be rehearsed before it is carried out.
        rollback_plan: text for people; None where nothing undoes it.

    Raises:
        ValueError: the score is out of range, or the tier is not that of the score.
    """

    score: int
    tier: Tier
    reasons: tuple[Contribution, ...]
    hard_rule: str | None = None
    namespace: str | None = None
    target: str | None = None
    dry_run_required: bool = False
    rollback_plan: str | None = None

    def __post_init__(self) -> None:
        if not LEAST <= self.score <= MOST or self.tier is not tier_of(self.score):
            raise ValueError(f"a score of {self.score} is not {self.tier}")


def assess(command: str, policy: Policy) -> Assessment:
    """Assess a command, whatever its text is. Nothing is executed.

    A score that cannot be computed, because a weight is missing or no positive number, is the highest that one
    person decides on: never ``auto``.
    """
    try:
        operation = understand(read(command))
    except NotUnderstood as error:
        return _blocked(error.rule)
    if broken := hard_rule(operation, policy):
        return _blocked(broken, operation)
    if not policy.is_usable():
        return _uncomputed(operation)
    reasons = contributions(operation, policy)
    score = total(reasons)
    return _uncomputed(operation) if score is None else _assessed(operation, score, tuple(reasons))


def _assessed(operation: Operation, score: int, reasons: tuple[Contribution, ...]) -> Assessment:
    tier = tier_of(score)
    verb = operation.command.verb
    waits = tier in (Tier.HUMAN, Tier.DUAL)
    return Assessment(
        score=score,
        tier=tier,
        reasons=reasons,
        namespace=operation.namespace,
        target=operation.target,
        dry_run_required=waits and verb.can_rehearse and not is_rehearsal(operation),
        rollback_plan=None if verb.looks or is_rehearsal(operation) else rollback_plan(operation),
    )


def _uncomputed(operation: Operation) -> Assessment:
    return _assessed(operation, _HUMAN, (Contribution(rule="score:not-computable", points=_HUMAN),))


def _blocked(rule: str, operation: Operation | None = None) -> Assessment:
    return Assessment(
        score=MOST,
        tier=Tier.BLOCKED,
        reasons=(Contribution(rule=rule, points=MOST),),
        hard_rule=rule,
        namespace=None if operation is None else operation.namespace,
        target=None if operation is None else operation.target,
    )
