"""The words of a classification, which are stored and counted, and what a caller gets who asks for nothing."""

from __future__ import annotations

from shared.domain.failures import FailureClass
from shared.domain.retry import RetryBudget, RetryPolicy


def test_a_class_is_called_what_dashboards_and_dead_letters_call_it():
    assert [str(kind) for kind in FailureClass] == [
        "conflict",
        "collision",
        "connection",
        "overload",
        "timeout",
        "ours",
        "event",
        "corruption",
        "unknown",
    ]


def test_a_policy_is_three_tries_in_five_seconds():
    assert RetryPolicy() == RetryPolicy(attempts=3, base_s=0.1, deadline_s=5.0)


def test_a_budget_begins_full_and_refills_a_tenth_at_a_time():
    budget = RetryBudget()

    assert [budget.spend() for _ in range(11)] == [True] * 10 + [False]
    for _ in range(9):
        budget.earn()
    assert not budget.spend()
    budget.earn()
    budget.earn()
    assert budget.spend()
    assert not budget.spend()
