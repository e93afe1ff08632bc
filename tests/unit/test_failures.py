from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import DatabaseRejected, DatabaseUnavailable
from shared.domain.failures import DEADLINE_PASSED, LOST_CONNECTION, NOT_ASKED, Failure, FailureClass, of_sqlstate
from tests.sqlstates import CLASS_OF


@pytest.mark.parametrize(("code", "kind"), CLASS_OF.items())
def test_the_class_of_a_code(code, kind):
    assert of_sqlstate(code) == Failure(kind, code)


def test_every_class_has_codes_except_the_deadline_which_is_our_own():
    assert set(CLASS_OF.values()) == set(FailureClass) - {FailureClass.TIMEOUT}
    assert Failure(FailureClass.TIMEOUT) == DEADLINE_PASSED
    assert Failure(FailureClass.CONNECTION) == LOST_CONNECTION


@given(st.text(string.ascii_uppercase + string.digits, min_size=5, max_size=5))
def test_any_code_has_a_class(code):
    assert of_sqlstate(code).sqlstate == code


def test_a_failure_says_its_class_and_code():
    assert str(of_sqlstate("40001")) == "conflict, SQLSTATE 40001"
    assert str(LOST_CONNECTION) == "connection"
    assert str(NOT_ASKED) == "overload, not asked because it has not answered lately"


def test_the_errors_carry_the_failure_and_say_nothing_else():
    failure = of_sqlstate("53100")

    assert DatabaseUnavailable(failure).failure == failure
    assert str(DatabaseUnavailable(failure)) == "PostgreSQL is unavailable (overload, SQLSTATE 53100)"
    assert str(DatabaseRejected(of_sqlstate("22021"))) == "PostgreSQL refused the content (event, SQLSTATE 22021)"
