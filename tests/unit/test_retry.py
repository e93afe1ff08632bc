from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.km_write.core import Again, Defer, Refuse, WritePolicy, after_failure
from shared.domain.failures import Failure, FailureClass, of_sqlstate
from shared.domain.retry import RetryBudget, RetryPolicy, pause_before_retry

PATIENT = RetryPolicy(attempts=10, base_s=0.1, deadline_s=100)
TRIES = {
    FailureClass.CONFLICT: 3,
    FailureClass.COLLISION: 2,
    FailureClass.CONNECTION: 2,
    FailureClass.UNKNOWN: 2,
    FailureClass.OVERLOAD: 1,
    FailureClass.TIMEOUT: 1,
    FailureClass.OURS: 1,
    FailureClass.EVENT: 1,
    FailureClass.CORRUPTION: 1,
}

kinds = st.sampled_from(FailureClass)
policies = st.builds(
    RetryPolicy, attempts=st.integers(1, 10), base_s=st.floats(0.001, 10), deadline_s=st.floats(0.1, 30)
)
chances = st.floats(0, 1, exclude_max=True)


def tries(kind, policy):
    """How often something that always fails so is tried, if trying takes no time."""
    attempt = 1
    while pause_before_retry(kind, attempt=attempt, elapsed_s=0, policy=policy, chance=0.5) is not None:
        attempt += 1
    return attempt


@pytest.mark.parametrize("kind", FailureClass)
def test_how_often_each_class_is_tried(kind):
    assert tries(kind, PATIENT) == TRIES[kind]


@pytest.mark.parametrize("kind", FailureClass)
def test_one_attempt_means_one(kind):
    assert tries(kind, RetryPolicy(attempts=1)) == 1


def test_the_pause_doubles_and_chance_spreads_it():
    def pause(attempt, chance):
        return pause_before_retry(FailureClass.CONFLICT, attempt=attempt, elapsed_s=0, policy=PATIENT, chance=chance)

    assert (pause(1, 0.0), pause(1, 0.5), pause(2, 0.5)) == (0.0, 0.05, 0.1)


def test_no_pause_ends_after_the_deadline():
    def pause(elapsed_s):
        policy = RetryPolicy(base_s=1.0, deadline_s=5.0)
        return pause_before_retry(FailureClass.CONFLICT, attempt=1, elapsed_s=elapsed_s, policy=policy, chance=0.5)

    assert pause(4.4) == 0.5
    assert pause(4.5) is None


@given(kinds, st.integers(1, 12), st.floats(0, 60), policies, chances)
def test_a_pause_is_within_the_jitter_and_the_deadline(kind, attempt, elapsed_s, policy, chance):
    pause_s = pause_before_retry(kind, attempt=attempt, elapsed_s=elapsed_s, policy=policy, chance=chance)

    if pause_s is not None:
        assert attempt < min(policy.attempts, TRIES[kind])
        assert 0 <= pause_s <= policy.base_s * 2 ** (attempt - 1)
        assert elapsed_s + pause_s < policy.deadline_s


class TestBudget:
    def test_it_begins_full_and_ends(self):
        budget = RetryBudget(most=3)

        assert [budget.spend() for _ in range(5)] == [True, True, True, False, False]

    def test_ten_requests_pay_for_one_retry(self):
        budget = RetryBudget(share=0.1, most=1)
        assert budget.spend()
        for _ in range(11):
            budget.earn()

        assert [budget.spend(), budget.spend()] == [True, False]

    def test_a_calm_hour_does_not_pay_for_a_storm(self):
        budget = RetryBudget(most=10)
        for _ in range(10_000):
            budget.earn()

        assert sum(budget.spend() for _ in range(100)) == 10

    @given(st.lists(st.booleans(), max_size=300), st.sampled_from([0.1, 0.2, 0.5]), st.integers(1, 20))
    def test_retries_are_never_more_than_their_share_of_the_traffic(self, calls, share, most):
        budget, spent = RetryBudget(share=share, most=most), 0
        for failed in calls:
            budget.earn()
            spent += failed and budget.spend()

        assert spent <= most + share * len(calls) + 1e-6


def policy(**changes):
    given_ = {"attempts": 3, "base_s": 0.1, "timeout_s": 5.0, "queue_s": 1.0, "wait": True, "defer": True}
    return WritePolicy.of(**{**given_, **changes})


def test_the_dead_letter_has_its_share_of_the_timeout():
    assert policy().retry == RetryPolicy(attempts=3, base_s=0.1, deadline_s=4.0)
    assert policy(timeout_s=1.0, queue_s=1.0).retry.deadline_s == 0.5


def test_the_emergency_mode_is_one_try_of_two_seconds():
    emergency = policy(wait=False)

    assert emergency.retry == RetryPolicy(attempts=1, base_s=0.1, deadline_s=1.0)
    assert emergency.defer


@pytest.mark.parametrize(
    ("kind", "defer", "decision"),
    [
        (FailureClass.CONFLICT, True, Again(0.05)),
        (FailureClass.CONFLICT, False, Again(0.05)),
        (FailureClass.OVERLOAD, True, Defer()),
        (FailureClass.OVERLOAD, False, Refuse()),
        (FailureClass.TIMEOUT, True, Defer()),
        (FailureClass.OURS, True, Defer()),
        (FailureClass.CORRUPTION, False, Refuse()),
    ],
)
def test_what_follows_a_failure(kind, defer, decision):
    limits = {"policy": policy(defer=defer), "budget": RetryBudget(), "chance": 0.5}

    assert after_failure(Failure(kind), attempt=1, elapsed_s=0, **limits) == decision


def test_without_a_budget_nothing_is_tried_again():
    budget = RetryBudget(most=1)
    found = [
        after_failure(of_sqlstate("40001"), attempt=1, elapsed_s=0, policy=policy(), budget=budget, chance=0.5)
        for _ in range(3)
    ]

    assert found == [Again(0.05), Defer(), Defer()]
