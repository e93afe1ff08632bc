"""Which values of a settings file can be read without running anything, and how large they may be."""

from __future__ import annotations

import ast
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import PurePosixPath
from uuid import UUID

import pytest
from pydantic import SecretBytes, SecretStr

from functions.drift_check.core.literals import Literals
from functions.drift_check.core.names import Names
from functions.drift_check.core.unknowns import Unknown

UNKNOWN = "unknown"


def names(source):
    return Names.of(ast.parse(source))


def expression(text):
    return ast.parse(text, mode="eval").body


IMPORTS = "\n".join(f"from {each} import *" for each in ("datetime", "decimal", "pathlib", "pydantic", "uuid"))


def value(text, source=IMPORTS, local=()):
    def member(_node):
        raise Unknown("there are no members here")

    literals = Literals(names(source), member)
    literals.local = frozenset(local)
    try:
        return literals.value(expression(text))
    except Unknown:
        return UNKNOWN


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bool(1)", True),
        ("bytes([1, 2])", b"\x01\x02"),
        ("bytes('a', 'utf-8')", b"a"),
        ("bytes(3)", UNKNOWN),
        ("date(2030, 1, 2)", date(2030, 1, 2)),
        ("datetime(2030, 1, 2)", datetime(2030, 1, 2)),  # noqa: DTZ001 - as a file may write it
        ("datetime.now()", UNKNOWN),
        ("Decimal('1.5')", Decimal("1.5")),
        ("dict(a=1)", {"a": 1}),
        ("dict(**{})", UNKNOWN),
        ("float('1.5')", 1.5),
        ("frozenset([1])", frozenset({1})),
        ("int('5')", 5),
        ("int(2.5)", 2),
        ("int(Decimal('1'))", UNKNOWN),
        ("int('five')", UNKNOWN),
        ("list((1, 2))", [1, 2]),
        ("list(*[(1, 2)])", UNKNOWN),
        ("Path('/a')", PurePosixPath("/a")),
        ("PosixPath('/a')", PurePosixPath("/a")),
        ("PurePath('/a')", PurePosixPath("/a")),
        ("SecretBytes(b'a')", SecretBytes(b"a")),
        ("SecretStr('a')", SecretStr("a")),
        ("set([1])", {1}),
        ("str(1)", "1"),
        ("time(1, 2)", time(1, 2)),
        ("timedelta(days=1)", timedelta(days=1)),
        ("timedelta(days=1) * 2", timedelta(days=2)),
        ("timedelta(days=1) / 2", timedelta(hours=12)),
        ("tuple([1])", (1,)),
        ("UUID('00000000-0000-0000-0000-000000000001')", UUID(int=1)),
        ("print(1)", UNKNOWN),
        ("(lambda: 1)()", UNKNOWN),
        ("[1, 'a', None]", [1, "a", None]),
        ("(1, ...)", UNKNOWN),
        ("{1, 2}", {1, 2}),
        ("{'a': [1]}", {"a": [1]}),
        ("{**{}}", UNKNOWN),
        ("{[]: 1}", UNKNOWN),
        ("{'a': 1} | {'b': 2}", {"a": 1, "b": 2}),
        ("6 & 3", 2),
        ("6 ^ 3", 5),
        ("6 >> 1", 3),
        ("f''", ""),
        ("f'a'", "a"),
        ("f'{1}'", UNKNOWN),
        ("1 < 2", UNKNOWN),
        ("a.b", UNKNOWN),
        ("nothing", UNKNOWN),
        ("+5", 5),
        ("~5", -6),
        ("not 0", True),
        ("-'a'", UNKNOWN),
        ("2 * 'ab'", "abab"),
        ("'ab' * -1", ""),
        ("(1, 2) * 2", (1, 2, 1, 2)),
        ("b'a' * 2", b"aa"),
        ("[1] * 2", [1, 1]),
        ("[[0]] * 2", UNKNOWN),
        ("[[0], 1] * 2", UNKNOWN),
        ("'a' * 'b'", UNKNOWN),
        ("'a' * 1.5", UNKNOWN),
        ("b'%d' % 1", UNKNOWN),
        ("Decimal(7) % 4", Decimal(3)),
        ("Decimal(7) ** 4", UNKNOWN),
        ("2 ** -1", 0.5),
        ("2 ** 0", 1),
        ("0.5 ** 4", 0.0625),
        ("0.5 ** 5", UNKNOWN),
        ("1 ** 256", 1),
        ("1 ** 257", UNKNOWN),
        ("1 ** -257", UNKNOWN),
        ("(1 << 255) ** 0", 1),
        ("1 << 0", 1),
        ("0 << 256", 0),
        ("0 << 257", UNKNOWN),
        ("1 << 1.0", UNKNOWN),
        ("(1 << 191) * 1.5", float(3 << 190)),
        ("(1 << 192) * 1.5", UNKNOWN),
    ],
)
def test_what_is_written_out_has_a_value(text, expected):
    found = value(text)

    assert (type(found), found) == (type(expected), expected)


LONGEST = "('a' * 65_536)"


@pytest.mark.parametrize(
    ("text", "is_known"),
    [
        (LONGEST, True),
        ("'a' * 65_537", False),
        ("65_537 * 'a'", False),
        ("[0] * 65_537", False),
        ("'a' * 65_535 + 'b'", True),
        (f"{LONGEST} + 'b'", False),
        (f"[{LONGEST}, {LONGEST}] + [1]", True),
        ("-" * 61 + "1", True),
        ("-" * 62 + "1", False),
        (f"[{', '.join([LONGEST] * 7)}]", True),
        (f"[{', '.join([LONGEST] * 8)}]", False),
    ],
    ids=str,
)
def test_a_value_has_a_bounded_size(text, is_known):
    assert (value(text) != UNKNOWN) is is_known


def test_a_file_has_a_bounded_number_of_values():
    source = f"a = [{'0,' * 5_000}]"

    assert value(f"[{'a,' * 99}]", source) != UNKNOWN
    assert value(f"[{'a,' * 101}]", source) == UNKNOWN


@pytest.mark.parametrize(
    ("text", "local", "expected"),
    [("a", (), 1), ("a", ("a",), UNKNOWN), ("a", ("b",), 1), ("int('1')", ("int",), UNKNOWN), ("int('1')", ("a",), 1)],
)
def test_a_name_that_the_class_binds_is_not_followed(text, local, expected):
    assert value(text, "a = 1", local) == expected
