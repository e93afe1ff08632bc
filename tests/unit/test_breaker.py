"""The breaker's states and what leads from one to the other; nothing here takes time."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.domain.breaker import CLOSED, Closed, Open, Probing, Rule, admits, entered, lost

RULE = Rule()


def after(*times, state=CLOSED, took_s=0.0, chance=0.0):
    for now in times:
        state = lost(state, RULE, now=now, took_s=took_s, chance=chance, is_probe=False)
    return state


def pauses(count, chance):
    """How long each pause is while every probe fails."""
    state, found = after(0, 0, 0, 0, 0, chance=chance), []
    now = 0.0
    for _ in range(count):
        found.append(state.until - now)
        now = state.until
        state = lost(entered(state), RULE, now=now, took_s=3.0, chance=chance, is_probe=True)
    return found


def test_four_lost_lines_are_bad_luck_and_the_fifth_opens_it():
    assert admits(after(1, 2, 3, 4), now=4)
    assert isinstance(after(1, 2, 3, 4, 5), Open)


@pytest.mark.parametrize(("last", "opens"), [(9.9, True), (10.0, False)])
def test_five_within_ten_seconds(last, opens):
    assert isinstance(after(0, 1, 2, 3, last), Open) is opens


@pytest.mark.parametrize("took_s", [3.0, 4.0, 6.0])
def test_a_single_caller_in_a_black_hole_opens_it_with_its_second_call(took_s):
    once = after(took_s, took_s=took_s)

    assert admits(once, now=took_s)
    assert isinstance(after(2 * took_s, state=once, took_s=took_s), Open)


def test_a_slow_call_and_two_quick_ones_open_it_and_two_quick_ones_alone_do_not():
    assert isinstance(after(2, 3, state=after(1, took_s=2.1)), Open)
    assert isinstance(after(2, 3, state=after(1, took_s=2.0)), Closed)


def test_while_it_is_open_nobody_is_let_through_until_the_pause_is_over():
    opened = after(0, 0, 0, 0, 0)

    assert [admits(opened, now=now) for now in (0, opened.until - 0.001, opened.until)] == [False, False, True]


def test_one_probe_goes_through():
    probing = entered(after(0, 0, 0, 0, 0))

    assert probing == Probing(1)
    assert not admits(probing, now=1e9)


def test_a_probe_that_fails_opens_it_longer_and_a_late_failure_of_before_does_not():
    probing = entered(after(0, 0, 0, 0, 0))

    assert lost(probing, RULE, now=7, took_s=0, chance=0, is_probe=True) == Open(until=7.5, pauses=2)
    assert lost(probing, RULE, now=7, took_s=9, chance=0, is_probe=False) == probing


def test_what_fails_late_does_not_prolong_the_pause():
    opened = after(0, 0, 0, 0, 0)

    assert after(0.1, 0.2, 0.3, state=opened) == opened


def test_a_closed_one_lets_everybody_through_and_stays_as_it_is():
    assert entered(CLOSED) is CLOSED
    assert entered(Closed((1.0,))) == Closed((1.0,))


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_pauses_rise_from_half_a_second_to_three(chance):
    found = pauses(8, chance)
    share = (1 + chance) / 2

    assert found == pytest.approx([each * share for each in (0.5, 1, 2, 3, 3, 3, 3, 3)])
    assert all(before <= later or later == pytest.approx(before) for before, later in pairwise(found))


def test_an_outage_of_days_does_not_end_in_an_overflow():
    assert isinstance(lost(Probing(1_000_000), RULE, now=1.0, took_s=0, chance=0.0, is_probe=True), Open)


class BreakerMachine(RuleBasedStateMachine):
    """A breaker, and calls that begin and end in any order: what was promised holds after each step."""

    def __init__(self):
        super().__init__()
        self.state = CLOSED
        self.now = 0.0
        self.calls = []
        self.lost_in_a_row = []

    @rule(seconds=st.floats(0, 12))
    def wait(self, seconds):
        self.now += seconds

    @rule()
    def begin(self):
        if not admits(self.state, now=self.now):
            return
        is_probe = not isinstance(self.state, Closed)
        self.state = entered(self.state)
        self.calls.append((self.now, is_probe))

    @precondition(lambda self: self.calls)
    @rule(which=st.integers(0, 99))
    def succeed(self, which):
        self.calls.pop(which % len(self.calls))
        self.state, self.lost_in_a_row = CLOSED, []

    @precondition(lambda self: self.calls)
    @rule(which=st.integers(0, 99), chance=st.floats(0, 1, exclude_max=True))
    def lose(self, which, chance):
        began, is_probe = self.calls.pop(which % len(self.calls))
        took_s, before = self.now - began, self.state
        self.state = lost(before, RULE, now=self.now, took_s=took_s, chance=chance, is_probe=is_probe)
        if isinstance(before, Closed):
            self.lost_in_a_row += [self.now] * (3 if took_s > RULE.slow_s else 1)
            recent = [at for at in self.lost_in_a_row if self.now - at < RULE.within_s]
            assert isinstance(self.state, Open) is (len(recent) >= RULE.failures)
        if isinstance(self.state, Open):
            self.lost_in_a_row = []

    @invariant()
    def it_lets_a_probe_through_within_seconds(self):
        if isinstance(self.state, Open):
            assert admits(self.state, now=self.now + RULE.longest_s)

    @invariant()
    def somebody_is_on_the_way_while_it_waits_for_a_probe(self):
        if isinstance(self.state, Probing):
            assert any(is_probe for _, is_probe in self.calls)
            assert not admits(self.state, now=self.now)


TestBreakerMachine = BreakerMachine.TestCase
