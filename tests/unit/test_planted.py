"""The tests of ``tests/mutation/planted.py``: they leave gaps on purpose."""

from __future__ import annotations

from tests.mutation.planted import STATES, is_early, is_too_many


def test_a_limit_is_held_on_both_sides():
    assert (is_too_many(3), is_too_many(4)) == (False, True)
    assert STATES == 1


def test_three_is_early_and_noon_is_not():
    assert (is_early(3), is_early(12)) == (True, False)
