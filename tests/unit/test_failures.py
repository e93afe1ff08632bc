from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import DatabaseRejected, DatabaseUnavailable
from shared.domain.failures import DEADLINE_PASSED, LOST_CONNECTION, Failure, FailureClass, of_sqlstate

CODES = {
    FailureClass.CONFLICT: ["40001", "40P01", "55P03", "23505", "23P01"],
    FailureClass.CONNECTION: ["08000", "08003", "08006", "08P01", "57P01", "57P02", "57P05", "25P03", "40003"],
    FailureClass.OVERLOAD: ["53000", "53100", "53200", "53300", "57P03", "57014", "25006", "25P04", "58000", "58030"],
    FailureClass.OURS: ["42P01", "42703", "42501", "42601", "28000", "28P01", "3D000", "0A000"],
    FailureClass.EVENT: ["22001", "22021", "22P02", "22P05", "23502", "23503", "23514"],
    FailureClass.CORRUPTION: ["XX001", "XX002"],
    FailureClass.UNKNOWN: ["XX000", "40000", "55000", "57000", "25P01", "P0001", "01000", "HV000"],
}
TABLE = [(code, kind) for kind, codes in CODES.items() for code in codes]


@pytest.mark.parametrize(("code", "kind"), TABLE)
def test_the_class_of_a_code(code, kind):
    assert of_sqlstate(code) == Failure(kind, code)


def test_every_class_has_codes_except_the_deadline_which_is_our_own():
    assert {kind for _, kind in TABLE} == set(FailureClass) - {FailureClass.TIMEOUT}
    assert Failure(FailureClass.TIMEOUT) == DEADLINE_PASSED
    assert Failure(FailureClass.CONNECTION) == LOST_CONNECTION


@given(st.text(string.ascii_uppercase + string.digits, min_size=5, max_size=5))
def test_any_code_has_a_class(code):
    assert of_sqlstate(code).sqlstate == code


def test_a_failure_says_its_class_and_code():
    assert str(of_sqlstate("40001")) == "conflict, SQLSTATE 40001"
    assert str(LOST_CONNECTION) == "connection"


def test_the_errors_carry_the_failure_and_say_nothing_else():
    failure = of_sqlstate("53100")

    assert DatabaseUnavailable(failure).failure == failure
    assert str(DatabaseUnavailable(failure)) == "PostgreSQL is unavailable (overload, SQLSTATE 53100)"
    assert str(DatabaseRejected(of_sqlstate("22021"))) == "PostgreSQL refused the content (event, SQLSTATE 22021)"
