"""The figures of redaction, on a slice of what ``make redaction`` measures."""

from __future__ import annotations

import pytest

from shared.domain.redaction import redact
from tests.redaction.benign import lines
from tests.redaction.corpus import Case, cases
from tests.redaction.measuring import LEAST_FREE, LEAST_STRUCTURED, MOST_FALSE, changed, recall

TYPES, CONTEXTS, LINES = 25, 100, 1_500  # every form of a place and of a line at least once


@pytest.fixture(scope="module")
def found():
    return recall(cases(7, CONTEXTS))


def test_secrets_of_every_type_are_found(found):
    assert len({type_ for type_, _ in found.cases}) >= TYPES
    assert set(found.cases.values()) == {CONTEXTS // 2}
    assert found.of(None, structured=True) >= LEAST_STRUCTURED, found.examples[:10]
    assert found.of(None, structured=False) >= LEAST_FREE, found.examples[:10]


def test_no_type_is_much_worse_than_the_rest(found):
    for type_, _ in found.cases:
        assert found.of(type_, structured=True) >= LEAST_STRUCTURED - 0.04, type_
        assert found.of(type_, structured=False) >= LEAST_FREE - 0.15, type_


def test_what_holds_no_secret_is_left_alone():
    wrong = changed(lines(7, LINES))
    assert len(wrong) <= MOST_FALSE * LINES, wrong[:10]


def test_a_miss_is_counted():
    case = Case(type="x", structured=False, value="the moon is made of Xy7Zq9Kw2", secret="Xy7Zq9Kw2")
    missed = recall([case, Case(type="x", structured=False, value="password=Xy7Zq9Kw2", secret="Xy7Zq9Kw2")])
    assert missed.of("x", structured=False) == 0.5
    assert changed(["password=Xy7Zq9Kw2", "hello"]) == [("password=Xy7Zq9Kw2", "password=[redacted:password]")]


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("the password for db-0 is Xy7Zq9Kw2.", "the password for db-0 is [redacted:password]."),
        ("my token is: Xy7Zq9Kw2", "my token is: [redacted:token]"),
        ("API 金鑰是Xy7Zq9Kw2，請勿外傳", "API 金鑰是[redacted:key]，請勿外傳"),  # noqa: RUF001 - Chinese punctuation
        ("<password>hunter2</password>", "<password>[redacted:secret]</password>"),
        ("- name: DB_PASSWORD\n  value: hunter2\n", "- name: DB_PASSWORD\n  value: [redacted:secret]\n"),
        ("PIN: the password is 483920", "PIN: the password is [redacted:password]"),
    ],
)
def test_what_a_sentence_or_a_manifest_names_is_masked(text, redacted):
    assert redact(text) == redacted


def test_what_follows_an_option_in_a_list_is_masked():
    assert redact(["run", "--password", "hunter2", "--token", "--verbose"]) == [
        *("run", "--password", "[redacted:password]", "--token", "--verbose")
    ]
