from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.verify_execution.core.learning import Trust, learned, revoked
from shared.domain.executions import Verdict
from shared.testing.clocks import NOON

S, D, F, T = Verdict.SUCCESS, Verdict.DEGRADED, Verdict.FAILED, Verdict.TIMEOUT
NEW = Trust(trust_score=0.5, verified_count=0, failed_count=0)


def after(verdicts, start=NEW):
    trust = start
    for number, verdict in enumerate(verdicts):
        trust = learned(trust, verdict, used_at=NOON + timedelta(minutes=number))
    return trust


@pytest.mark.parametrize(
    ("verdict", "score", "verified", "failed"), [(S, 0.6, 1, 0), (D, 0.5, 1, 0), (F, 0.4, 1, 1), (T, 0.5, 0, 0)]
)
def test_what_one_verdict_teaches(verdict, score, verified, failed):
    trust = after([verdict])

    assert (trust.trust_score, trust.verified_count, trust.failed_count) == (pytest.approx(score), verified, failed)
    assert trust.used_at == NOON


def test_the_weight_of_a_verdict_fades_by_a_fifth_with_each_that_follows():
    assert after([S, S, S]).trust_score == pytest.approx(1 - 0.5 * 0.8**3)
    assert after([F, S]).trust_score == pytest.approx(0.52)


def test_the_last_use_never_moves_back():
    later = learned(NEW, S, used_at=NOON + timedelta(days=1))

    assert learned(later, T, used_at=NOON).used_at == NOON + timedelta(days=1)


verdicts = st.lists(st.sampled_from(list(Verdict)), max_size=12)
starts = st.floats(0, 1).map(lambda score: Trust(trust_score=score, verified_count=0, failed_count=0))


@given(starts, verdicts)
def test_trust_stays_a_share(start, given_):
    assert 0 <= after(given_, start).trust_score <= 1


@given(starts, verdicts)
def test_a_timeout_teaches_nothing(start, given_):
    blind, seen = after(given_, start), after([verdict for verdict in given_ if verdict is not T], start)

    assert blind.trust_score == seen.trust_score
    assert (blind.verified_count, blind.failed_count) == (seen.verified_count, seen.failed_count)


@given(starts, verdicts, verdicts)
def test_a_relapse_makes_the_success_a_failure_from_the_start(start, earlier, later):
    telling = len([verdict for verdict in later if verdict is not T])
    relapsed = revoked(after([*earlier, S, *later], start), later=telling)
    failed = after([*earlier, F, *later], start)

    assert relapsed.trust_score == pytest.approx(failed.trust_score)
    assert (relapsed.verified_count, relapsed.failed_count) == (failed.verified_count, failed.failed_count)
    assert 0 <= relapsed.trust_score <= 1


@given(starts, verdicts)
def test_a_fix_that_relapsed_earned_no_trust(start, later):
    relapsed = revoked(after([S, *later], start), later=len([verdict for verdict in later if verdict is not T]))

    assert relapsed.trust_score <= after(later, start).trust_score + 1e-9
